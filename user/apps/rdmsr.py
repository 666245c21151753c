# SPDX-License-Identifier: LGPL-2.1-or-later
"""rdmsr: shows a special register of each core, by the number that the processor's manual gives it."""

from lang import Error, array, as_bytes, i32, i64, u64
from lib.args import complain, help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from rt.io import close, open, read, seek

USAGE = "usage: rdmsr NUMBER\n  NUMBER is decimal, or hexadecimal behind 0x"
FILE = "#arch/msr"
MAX_CORES: u64 = 256


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()
    number = parse(words[1]) if len(words) == 2 else None
    if number is None:
        return misuse("a register's number is needed", USAGE)
    values = array(MAX_CORES, u64)
    try:
        fd = open(FILE)
        try:
            seek(fd, i64(number))
            count = read(fd, as_bytes(values)) // 8
        finally:
            close(fd)
    except Error as e:
        return complain(f"{e.message}")
    for core in range(count):
        print(f"core {core}: {values[core]:#x}")
    return 0


def parse(word: str) -> u64 | None:
    """A number below 2^32, hexadecimal behind `0x`."""
    if not word.startswith("0x"):
        number = number_or_none(word)
        return number if number is not None and number <= 0xFFFF_FFFF else None
    if not 0 < len(word) - 2 <= 8:
        return None
    value: u64 = 0
    for letter in word[2:]:
        small = letter | 0x20
        if ord("0") <= letter <= ord("9"):
            value = value << 4 | u64(letter - ord("0"))
        elif ord("a") <= small <= ord("f"):
            value = value << 4 | u64(small - ord("a") + 10)
        else:
            return None
    return value
