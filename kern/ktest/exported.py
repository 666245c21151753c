# SPDX-License-Identifier: GPL-2.0-or-later
"""Variables for the tests of #vars: one of each kind, shown from the start, and one that a test shows itself."""

from lang import Array, Error, addr_of, array, i64, panic, text, u64
from kern.boot.main import inits
from kern.debug.variables import export, export_text
from kern.dev.vars_dev import show_variable

NAMES: Array[str] = ("u8", "u16", "u32", "u64", "d8", "d16", "d32", "d64", "x8", "x16", "x32", "x64", "o8", "o16", "o32", "o64")
SIZES = "bhwg"                              # of a format: 1, 2, 4 and 8 bytes

numbers: Array[i64] = (8, 16, 32, 64, -8, -16, -32, -64, 0x8, 0x16, 0x32, 0x64, 0o1, 0o16, 0o32, 0o64)


letter = array(1, u64)


@inits
def export_samples() -> None:
    letter[0] = ord("x")
    export_text("s", "string")
    export_text("devvars_foobar", "foobar")
    export("c", addr_of(letter), 1)
    line = text(16)
    try:
        show_variable("s!s")
        show_variable("c!c")
        for i in range(u64(len(NAMES))):
            export(NAMES[i], addr_of(numbers[i]), 1 << i % 4)
            line.clear()
            line.write(f"{NAMES[i]}!{NAMES[i][0]:c}{SIZES[i % 4]:c}")
            show_variable(line.view)
    except Error as e:
        panic(f"variables for tests: {e.message}")
