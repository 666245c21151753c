# SPDX-License-Identifier: GPL-2.0-or-later
"""crc N ROUNDS: CRC-32 (the polynomial of IEEE 802.3, by a table, byte by byte) of N bytes."""

import sys

from lang import Span, array, i32, new, u8, u32, u64, wrap

table = array(256, u32)


def make_table() -> None:
    for n in range(u32(256)):
        c = n
        for _ in range(8):
            c = c >> 1 ^ 0xEDB8_8320 if c & 1 != 0 else c >> 1
        table[n] = c


def crc32(data: Span[u8]) -> u32:
    crc: u32 = 0xFFFF_FFFF
    for byte in data:
        crc = table[(crc ^ u32(byte)) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFF_FFFF


def main() -> i32:
    n = u64(sys.argv[1])
    rounds = u64(sys.argv[2])
    make_table()
    data = new(array(n, u8))
    for i in range(n):
        data[i] = wrap(u8, i * 7 + (i >> 8))
    check: u64 = 0
    for _ in range(rounds):
        crc = crc32(data)
        check = check * 31 + u64(crc)
        data[0] = wrap(u8, crc)
    print(check)
    return 0
