# SPDX-License-Identifier: GPL-2.0-or-later
"""Loops over tuples forgot what was known of optionals, in them and behind them; and took a body that always leaves to go on."""

from lang import i32, u32


def add(a: u32 | None, b: u32) -> u32:
    if a is not None:
        for i in (6, 68):
            b = b + a + u32(i)
        for i in (1, 2):
            if b % 2 == 0:
                continue
            b += a
        else:
            b += 1
        b = b * a
    return b


def first(a: u32 | None) -> u32:
    for i in (3, 4):
        if a is None:
            return 9
        found = a + u32(i)
        break
    return found


def lost(a: u32 | None) -> u32:
    b: u32 = 0
    if a is not None:
        for i in (1, 2, 3):
            b += a
            if i == 2:
                a = 5
            else:
                b *= 2
    return b


def main() -> i32:
    print(add(3, 4), add(None, 5), first(None), first(8), lost(1), lost(None))
    return 0
