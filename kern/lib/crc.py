# SPDX-License-Identifier: GPL-2.0-or-later
"""Check sums: CRC-32 (IEEE 802.3), CRC-32C (Castagnoli, RFC 3720), CRC-16/CCITT, Adler-32 (RFC 1950). The tables are made at compile time.

Each function takes what it gave for the data before, so that data may come in pieces.
"""

from lang import Array, Span, u8, u16, u32, u64


def reflected(n: u32, polynomial: u32) -> u32:
    """What eight bits do to a sum whose lowest bit comes first."""
    for _ in range(8):
        n = n >> 1 ^ polynomial if n & 1 != 0 else n >> 1
    return n


def ccitt(n: u32) -> u16:
    n <<= 8
    for _ in range(8):
        n = n << 1 ^ 0x1021 if n & 0x8000 != 0 else n << 1
    return u16(n & 0xFFFF)


IEEE: Array[u32] = tuple(reflected(n, 0xEDB8_8320) for n in range(u32(256)))
CASTAGNOLI: Array[u32] = tuple(reflected(n, 0x82F6_3B78) for n in range(u32(256)))
CCITT: Array[u16] = tuple(ccitt(n) for n in range(u32(256)))


def crc32(data: Span[u8], before: u32 = 0) -> u32:
    crc = ~before
    for byte in data:
        crc = IEEE[(crc ^ u32(byte)) & 0xFF] ^ crc >> 8
    return ~crc


def crc32c(data: Span[u8], before: u32 = 0) -> u32:
    crc = ~before
    for byte in data:
        crc = CASTAGNOLI[(crc ^ u32(byte)) & 0xFF] ^ crc >> 8
    return ~crc


def crc16(data: Span[u8], before: u16 = 0xFFFF) -> u16:
    """CRC-16/CCITT-FALSE: highest bit first, from all ones."""
    crc = before
    for byte in data:
        crc = CCITT[u32(crc >> 8) ^ u32(byte)] ^ crc << 8
    return crc


def adler32(data: Span[u8], before: u32 = 1) -> u32:
    a, b = u64(before & 0xFFFF), u64(before >> 16)
    for byte in data:
        a = (a + u64(byte)) % 65521
        b = (b + a) % 65521
    return u32(b << 16 | a)
