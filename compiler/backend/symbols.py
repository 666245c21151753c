# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own symbol and line table: how a backtrace gets function, Python file and line.

The kernel is linked twice.  The first link carries an empty table; from its ELF this module reads the functions
and the line program, and packs them into the section `.symbols`, which the second link puts last, so that no
other address moves.  (`check_unmoved` proves that.)  The kernel's reader is kern/debug/symbols.py.

Format, all little-endian, between the linker's symbols `symbols_start` and `symbols_end`:

    header, 48 bytes
      +0   u32  magic             0x4d595350 ("PSYM"); anything else means: no table in this image
      +4   u32  version           1
      +8   u64  base              address of the lowest function; all other addresses are offsets from it
      +16  u32  function_count
      +20  u32  functions_offset  of the function records, in bytes from the header (as the others)
      +24  u32  file_count
      +28  u32  files_offset      of the file records
      +32  u32  lines_offset      of the line rows
      +36  u32  names_offset      of the strings
      +40  u32  total_size        header included
      +44  u32  0

    function record, 16 bytes, sorted by start, which is unique
      +0   u32  start             offset of its first instruction from base
      +4   u32  size              in bytes; never 0, never reaching into the next function
      +8   u32  name              offset of its string from names_offset
      +12  u32  lines             offset of its rows from lines_offset, 0xffffffff when it has none (assembly)

    file record, 4 bytes
      +0   u32  name              offset of its string from names_offset: a path relative to the repository

    string: one byte of length n, then n bytes of UTF-8 (longer ones are cut at 255)

    rows of one function: a varint row count, then for each row
      varint  delta << 1 | f      delta: bytes from the previous row's address (the first row's: from the function's start)
      varint  file                only if f is 1 (always 1 in the first row): index of the file record, kept until changed
      varint  zigzag line delta   from the previous row's line (from 0 in the first row): n >= 0 is 2n, n < 0 is -2n - 1
    A row holds from its address up to the next row's.  A varint is LEB128: 7 bits a byte, lowest first, bit 7 = more follow.

To look up a pc: binary search for the last record with start <= pc - base, check pc - base < start + size, then
walk its rows while their address is <= pc.  For a return address look up pc - 1, so that the call's own line is shown.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from compiler.backend.elf import STT_FUNC, Elf, Symbol
from compiler.backend.lines import Row, rows_of, uleb

MAGIC, VERSION = 0x4D595350, 1
NO_LINES = 0xFFFFFFFF
_HEADER = struct.Struct("<IIQIIIIIIII")
_FUNCTION = struct.Struct("<IIII")


@dataclass
class Function:
    start: int
    size: int
    name: str
    rows: list[Row] = field(default_factory=list)


def read_functions(elf: Elf) -> list[Function]:
    """The functions of a linked ELF with their rows, sorted, without overlaps. Code that no function symbol
    covers (assembly labels without a type) is covered by the nearest global label before it."""
    # Start-up code that is linked where it is loaded, gigabytes away, is out of the table's reach.
    ranges = elf.executable()
    ranges = [r for r in ranges if r[1] + (1 << 31) > ranges[-1][1]]
    starts = [low for low, _ in ranges]

    def range_end(address: int) -> int:
        at = bisect.bisect_right(starts, address) - 1
        return ranges[at][1] if at >= 0 and address < ranges[at][1] else 0

    best: dict[int, Symbol] = {}
    for symbol in elf.symbols():
        if symbol.section == 0 or symbol.section >= 0xFF00 or not range_end(symbol.value):
            continue
        if symbol.kind != STT_FUNC and (symbol.kind != 0 or symbol.binding == 0):
            continue
        known = best.get(symbol.value)
        if known is None or _rank(symbol) > _rank(known):
            best[symbol.value] = symbol
    order = sorted(best)
    functions = []
    for here, following in zip(order, [*order[1:], 1 << 64], strict=True):
        room = min(following, range_end(here)) - here
        size = min(best[here].size, room) if best[here].size else room
        functions.append(Function(here, size, best[here].name))
    _attach_rows(functions, elf, lambda address: bool(range_end(address)))
    return functions


def _rank(symbol: Symbol) -> tuple[bool, int, bool, str]:
    """Of several names for one address: a function, then the one with a size, then a global one."""
    return symbol.kind == STT_FUNC, symbol.size, symbol.binding != 0, symbol.name


def _attach_rows(functions: list[Function], elf: Elf, wanted: Callable[[int], bool]) -> None:
    rows = rows_of(elf.content(".debug_line"), elf.content(".debug_line_str"), elf.content(".debug_str"), wanted)
    rows.sort(key=lambda row: row[0])  # stable: of rows at one address the last one written counts
    starts = [f.start for f in functions]
    for row in rows:
        at = bisect.bisect_right(starts, row[0]) - 1
        if at < 0 or not row[1]:
            continue
        owner = functions[at]
        if row[0] >= owner.start + owner.size:
            continue
        if owner.rows and owner.rows[-1][0] == row[0]:
            owner.rows.pop()
        if row[2] and not (owner.rows and owner.rows[-1][1:] == row[1:]):  # line 0: code of no line, keeps the last
            owner.rows.append(row)
    for f in functions:
        if f.rows:  # code before the first line that is known belongs to it
            f.rows[0] = (f.start, *f.rows[0][1:])


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class _Strings:
    """The string area: each text once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.known: dict[str, int] = {}

    def add(self, text: str) -> int:
        if text not in self.known:
            raw = text.encode()[:255]
            self.known[text] = len(self.data)
            self.data += bytes([len(raw)]) + raw
        return self.known[text]


def encode_rows(rows: list[Row], start: int, files: dict[str, int]) -> bytes:
    out = bytearray(varint(len(rows)))
    address, file, line = start, -1, 0
    for at, name, number in rows:
        index = files.setdefault(name, len(files))
        out += varint((at - address) << 1 | (index != file))
        if index != file:
            out += varint(index)
        delta = number - line
        out += varint(2 * delta if delta >= 0 else -2 * delta - 1)
        address, file, line = at, index, number
    return bytes(out)


def build_table(functions: list[Function]) -> bytes:
    """The whole section. Deterministic: the same functions give the same bytes."""
    base = functions[0].start if functions else 0
    strings, lines = _Strings(), bytearray()
    files: dict[str, int] = {}
    records = bytearray()
    for f in functions:
        where = NO_LINES
        if f.rows:
            where = len(lines)
            lines += encode_rows(f.rows, f.start, files)
        records += _FUNCTION.pack(f.start - base, f.size, strings.add(f.name), where)
    file_records = b"".join(struct.pack("<I", strings.add(name)) for name in files)
    functions_at = _HEADER.size
    files_at = functions_at + len(records)
    lines_at = files_at + len(file_records)
    names_at = lines_at + len(lines)
    total = names_at + len(strings.data)
    header = _HEADER.pack(MAGIC, VERSION, base, len(functions), functions_at, len(files), files_at, lines_at, names_at, total, 0)
    return header + bytes(records) + file_records + bytes(lines) + bytes(strings.data)


def lookup(table: bytes, address: int) -> tuple[str, str, int] | None:
    """What kern/debug/symbols.py does, for tests and host tools: (function, file, line), file "" when unknown."""
    magic, _, base, count, functions_at, _, files_at, lines_at, names_at, _, _ = _HEADER.unpack_from(table)
    if magic != MAGIC:
        return None
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if _FUNCTION.unpack_from(table, functions_at + 16 * middle)[0] <= address - base:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return None
    start, size, name, lines = _FUNCTION.unpack_from(table, functions_at + 16 * (low - 1))
    if address - base >= start + size:
        return None
    function = _string(table, names_at + name)
    if lines == NO_LINES:
        return function, "", 0
    file, line = _walk(table, lines_at + lines, base + start, address)
    if file < 0:
        return function, "", 0
    return function, _string(table, names_at + struct.unpack_from("<I", table, files_at + 4 * file)[0]), line


def _walk(table: bytes, at: int, start: int, address: int) -> tuple[int, int]:
    count, at = uleb(table, at)
    found, file, line, here = (-1, 0), 0, 0, start
    for _ in range(count):
        step, at = uleb(table, at)
        here += step >> 1
        if here > address:
            break
        if step & 1:
            file, at = uleb(table, at)
        delta, at = uleb(table, at)
        line += delta >> 1 if delta & 1 == 0 else -((delta + 1) >> 1)
        found = (file, line)
    return found


def _string(table: bytes, at: int) -> str:
    return table[at + 1 : at + 1 + table[at]].decode(errors="replace")


def check_unmoved(first: Elf, second: Elf) -> list[str]:
    """The functions whose address differs between the two links; must be empty."""
    before = {s.name: s.value for s in first.symbols() if s.kind == STT_FUNC}
    return [s.name for s in second.symbols() if s.kind == STT_FUNC and before.get(s.name, s.value) != s.value]
