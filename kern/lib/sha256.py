# SPDX-License-Identifier: GPL-2.0-or-later
"""SHA-256 (FIPS 180-4, 6.2), a piece at a time.

hash = Sha256()
hash.init()
hash.update(data)
hash.digest(into)                       # 32 bytes; then `init` again
"""

from lang import Array, Span, array, struct, u8, u32, u64

BLOCK: u64 = 64
DIGEST: u64 = 32

# The first 32 bits of the fractional parts of the square roots of the first 8 primes (5.3.3) ...
START: Array[u32] = (
    0x6A09E667,
    0xBB67AE85,
    0x3C6EF372,
    0xA54FF53A,
    0x510E527F,
    0x9B05688C,
    0x1F83D9AB,
    0x5BE0CD19,
)
# ... and of the cube roots of the first 64 (4.2.2).
ROUNDS: Array[u32] = (
    0x428A2F98,
    0x71374491,
    0xB5C0FBCF,
    0xE9B5DBA5,
    0x3956C25B,
    0x59F111F1,
    0x923F82A4,
    0xAB1C5ED5,
    0xD807AA98,
    0x12835B01,
    0x243185BE,
    0x550C7DC3,
    0x72BE5D74,
    0x80DEB1FE,
    0x9BDC06A7,
    0xC19BF174,
    0xE49B69C1,
    0xEFBE4786,
    0x0FC19DC6,
    0x240CA1CC,
    0x2DE92C6F,
    0x4A7484AA,
    0x5CB0A9DC,
    0x76F988DA,
    0x983E5152,
    0xA831C66D,
    0xB00327C8,
    0xBF597FC7,
    0xC6E00BF3,
    0xD5A79147,
    0x06CA6351,
    0x14292967,
    0x27B70A85,
    0x2E1B2138,
    0x4D2C6DFC,
    0x53380D13,
    0x650A7354,
    0x766A0ABB,
    0x81C2C92E,
    0x92722C85,
    0xA2BFE8A1,
    0xA81A664B,
    0xC24B8B70,
    0xC76C51A3,
    0xD192E819,
    0xD6990624,
    0xF40E3585,
    0x106AA070,
    0x19A4C116,
    0x1E376C08,
    0x2748774C,
    0x34B0BCB5,
    0x391C0CB3,
    0x4ED8AA4A,
    0x5B9CCA4F,
    0x682E6FF3,
    0x748F82EE,
    0x78A5636F,
    0x84C87814,
    0x8CC70208,
    0x90BEFFFA,
    0xA4506CEB,
    0xBEF9A3F7,
    0xC67178F2,
)


@struct
class Sha256:
    state: Array[u32] = array(8)
    block: Array[u8] = array(BLOCK)
    length: u64                             # bytes so far

    def init(self) -> None:
        self.length = 0
        for i in range(8):
            self.state[i] = START[i]

    def update(self, data: Span[u8]) -> None:
        for byte in data:
            self.put(byte)

    def digest(self, into: Span[u8]) -> None:
        """The hash of all that came since `init`, 32 bytes."""
        bits = self.length * 8
        self.put(0x80)
        while self.length % BLOCK != BLOCK - 8:
            self.put(0)
        for i in range(8):
            self.put(u8(bits >> u64(56 - i * 8) & 0xFF))
        for i in range(DIGEST):
            into[i] = u8(self.state[i // 4] >> u32(24 - i % 4 * 8) & 0xFF)

    def put(self, byte: u8) -> None:
        self.block[self.length % BLOCK] = byte
        self.length += 1
        if self.length % BLOCK == 0:
            self.compress()

    def compress(self) -> None:
        w = array(64, u32)
        for i in range(16):
            at = i * 4
            w[i] = u32(self.block[at]) << 24 | u32(self.block[at + 1]) << 16 | u32(self.block[at + 2]) << 8 | u32(self.block[at + 3])
        for i in range(16, 64):
            w[i] = w[i - 16] + small_sigma0(w[i - 15]) + w[i - 7] + small_sigma1(w[i - 2])
        a, b, c, d = self.state[0], self.state[1], self.state[2], self.state[3]
        e, f, g, h = self.state[4], self.state[5], self.state[6], self.state[7]
        for i in range(64):
            t1 = h + big_sigma1(e) + ((e & f) ^ (~e & g)) + ROUNDS[i] + w[i]
            t2 = big_sigma0(a) + ((a & b) ^ (a & c) ^ (b & c))
            h, g, f, e, d, c, b, a = g, f, e, d + t1, c, b, a, t1 + t2
        self.state[0] += a
        self.state[1] += b
        self.state[2] += c
        self.state[3] += d
        self.state[4] += e
        self.state[5] += f
        self.state[6] += g
        self.state[7] += h


def rotate_right(x: u32, n: u32) -> u32:
    return x >> n | x << (32 - n)


def small_sigma0(x: u32) -> u32:
    return rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3


def small_sigma1(x: u32) -> u32:
    return rotate_right(x, 17) ^ rotate_right(x, 19) ^ x >> 10


def big_sigma0(x: u32) -> u32:
    return rotate_right(x, 2) ^ rotate_right(x, 13) ^ rotate_right(x, 22)


def big_sigma1(x: u32) -> u32:
    return rotate_right(x, 6) ^ rotate_right(x, 11) ^ rotate_right(x, 25)
