# SPDX-License-Identifier: GPL-2.0-or-later
"""The ChaCha20 block function (RFC 8439, 2.3): key, counter and nonce become 64 bytes that without the key nobody can tell from random."""

from lang import Array, Span, array, u8, u32, u64

BLOCK: u64 = 64
KEY_WORDS: u64 = 8
CONSTANTS: Array[u32] = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)  # "expand 32-byte k"


def chacha20_block(key: Span[u32], counter: u32, nonce: Span[u32], into: Span[u8]) -> None:
    """`key`: 8 words, `nonce`: 3, `into`: 64 bytes; all little-endian."""
    start = array(16, u32)
    for i in range(4):
        start[i] = CONSTANTS[i]
    for i in range(KEY_WORDS):
        start[4 + i] = key[i]
    start[12] = counter
    for i in range(3):
        start[13 + i] = nonce[i]
    x = array(16, u32)
    for i in range(16):
        x[i] = start[i]
    for _ in range(10):
        for i in range(u64(4)):             # columns
            quarter_round(x[0:16], i, 4 + i, 8 + i, 12 + i)
        for i in range(u64(4)):             # diagonals
            quarter_round(x[0:16], i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    for i in range(16):
        word = x[i] + start[i]
        for byte in range(4):
            into[i * 4 + byte] = u8(word >> u32(byte * 8) & 0xFF)


def quarter_round(x: Span[u32], a: u64, b: u64, c: u64, d: u64) -> None:
    x[a] += x[b]
    x[d] = rotate_left(x[d] ^ x[a], 16)
    x[c] += x[d]
    x[b] = rotate_left(x[b] ^ x[c], 12)
    x[a] += x[b]
    x[d] = rotate_left(x[d] ^ x[a], 8)
    x[c] += x[d]
    x[b] = rotate_left(x[b] ^ x[c], 7)


def rotate_left(x: u32, n: u32) -> u32:
    return x << n | x >> (32 - n)
