# SPDX-License-Identifier: GPL-2.0-or-later
"""A variable's type stands in one branch, and the other assigns a literal: under CPython that was an `i64`."""

from lang import i8, i32, u8, u64


def pick(first: bool) -> i8:
    if first:
        found: i8 = -3
    else:
        found = 10
    return found


def later(n: u8) -> u64:
    if n > 3:
        total: u64 = 1
    elif n > 1:
        total = 2
    else:
        total = 3 << 40
    total <<= 30
    return total


def main() -> i32:
    print(pick(True), pick(False), later(0), later(2), later(9))
    maybe: u64 | None = None
    if later(0) > 3:
        maybe = 1 << 63
    print(maybe if maybe is not None else u64(0))
    return 0
