# SPDX-License-Identifier: GPL-2.0-or-later
"""`bswap` of one byte made LLVM give up."""

from lang import bswap, i8, i32, u8


def main() -> i32:
    x: u8 = 5
    y: i8 = -5
    print(bswap(x), bswap(y), bswap(u8(7)))
    return 0
