# SPDX-License-Identifier: GPL-2.0-or-later
"""`finally` forgot what was known of optionals before the `try`; and behind it held what it had itself changed."""

from lang import Errno, Error, array, i32, u8, u32

table = array(4, u8)


def kept(a: u32 | None, b: u32) -> u32:
    if a is not None:
        try:
            b += 1
            if b > 6:
                raise Error(Errno.EINVAL, "large")
        finally:
            print(a + b)
        b += a
    return b


def changed(a: u32 | None, b: u32) -> u32:
    if a is not None:
        try:
            b += u32(table[a & 3])
        finally:
            a = None if b > 5 else a + 1
        if a is None:
            return 100
        b += a
    return b


def known_after(a: u32 | None) -> u32:
    try:
        print("in", a is None)
    finally:
        a = 7
    return a


def main() -> i32:
    print(kept(3, 4), kept(None, 9), changed(1, 2), changed(1, 9), known_after(None))
    try:
        kept(1, 6)
    except Error as e:
        print(e.message)
    return 0
