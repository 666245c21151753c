# SPDX-License-Identifier: GPL-2.0-or-later
"""The VGA text screen: 80 by 25, a plain mirror of the console for whoever looks at the machine. Output only.

What the screen shows is kept in memory too: reading the adapter is slow, and cells that do not change are not written.
Escape sequences are swallowed. Locks: the caller's (serial.py).
"""

from lang import Ptr, array, u8, u16, u64, volatile_store
from arch import cpu, page_table

COLUMNS: u64 = 80
ROWS: u64 = 25
SCREEN: u64 = 0xB_8000
GREY: u16 = 0x0700
BLANK: u16 = 0x0720
ESCAPE: u8 = 27
CONTROL_INDEX: u16 = 0x3D4
CONTROL_DATA: u16 = 0x3D5
CURSOR_START: u8 = 0x0A
CURSOR_OFF: u8 = 0x20

cells = array(2000, u16)                    # what is on the screen
column: u64 = 0
row: u64 = 24
in_escape: bool = False


def clear() -> None:
    """Blank the screen, and take the adapter's own cursor off it: nobody moves it."""
    cpu.out8(CONTROL_INDEX, CURSOR_START)
    cpu.out8(CONTROL_DATA, CURSOR_OFF)
    for i in range(COLUMNS * ROWS):
        cells[i] = 0
        show(i, BLANK)


def put(byte: u8) -> None:
    """One byte of console output."""
    global column, in_escape
    if in_escape:
        # A sequence ends with a letter; '[' only opens it.
        in_escape = byte < 64 or byte == 91
        return
    if byte == ESCAPE:
        in_escape = True
    elif byte == 10:
        new_line()
    elif byte == 13:
        column = 0
    elif byte == 8:
        column = column - 1 if column > 0 else u64(0)
    elif byte == 9:
        column = min((column + 8) & ~u64(7), COLUMNS - 1)
    elif byte >= 32:
        if column == COLUMNS:
            new_line()
        show(row * COLUMNS + column, GREY | u16(byte))
        column += 1


def new_line() -> None:
    """Scroll: the cursor is always in the last row."""
    global column
    column = 0
    for i in range(COLUMNS * (ROWS - 1)):
        show(i, cells[i + COLUMNS])
    for i in range(COLUMNS * (ROWS - 1), COLUMNS * ROWS):
        show(i, BLANK)


def show(index: u64, cell: u16) -> None:
    if cells[index] != cell:
        cells[index] = cell
        volatile_store(Ptr[u16](SCREEN + page_table.DIRECT_MAP + index * 2), cell)
