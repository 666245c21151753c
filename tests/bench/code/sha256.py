# SPDX-License-Identifier: GPL-2.0-or-later
"""sha256 N ROUNDS: SHA-256 (FIPS 180-4) of N bytes, a multiple of 64."""

import sys

from lang import Array, Span, array, i32, new, struct, u8, u32, u64, wrap

K: Array[u32] = (
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


def rotate(x: u32, n: u32) -> u32:
    return x >> n | x << 32 - n


@struct
class Sha256:
    state: Array[u32] = array(8)
    length: u64

    def start(self) -> None:
        self.state[0] = 0x6A09E667
        self.state[1] = 0xBB67AE85
        self.state[2] = 0x3C6EF372
        self.state[3] = 0xA54FF53A
        self.state[4] = 0x510E527F
        self.state[5] = 0x9B05688C
        self.state[6] = 0x1F83D9AB
        self.state[7] = 0x5BE0CD19
        self.length = 0

    def block(self, data: Span[u8]) -> None:
        w = array(64, u32)
        for i in range(16):
            w[i] = u32(data[i * 4]) << 24 | u32(data[i * 4 + 1]) << 16 | u32(data[i * 4 + 2]) << 8 | u32(data[i * 4 + 3])
        for i in range(16, 64):
            s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3
            s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10
            w[i] = w[i - 16] + s0 + w[i - 7] + s1
        a = self.state[0]
        b = self.state[1]
        c = self.state[2]
        d = self.state[3]
        e = self.state[4]
        f = self.state[5]
        g = self.state[6]
        h = self.state[7]
        for i in range(64):
            s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            choice = e & f ^ ~e & g
            first = h + s1 + choice + K[i] + w[i]
            s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
            majority = a & b ^ a & c ^ b & c
            second = s0 + majority
            h = g
            g = f
            f = e
            e = d + first
            d = c
            c = b
            b = a
            a = first + second
        self.state[0] += a
        self.state[1] += b
        self.state[2] += c
        self.state[3] += d
        self.state[4] += e
        self.state[5] += f
        self.state[6] += g
        self.state[7] += h

    def update(self, data: Span[u8]) -> None:
        for i in range(0, len(data), 64):
            self.block(data[i : i + 64])
        self.length += len(data)

    def finish(self) -> None:
        last = array(64, u8)
        last[0] = 0x80
        bits = self.length * 8
        for i in range(8):
            last[56 + i] = wrap(u8, bits >> (56 - 8 * i))
        self.block(last)


def main() -> i32:
    n = u64(sys.argv[1])
    rounds = u64(sys.argv[2])
    data = new(array(n, u8))
    for i in range(n):
        data[i] = wrap(u8, i * 7 + (i >> 8))
    hash = Sha256()
    for _ in range(rounds):
        hash.start()
        hash.update(data)
        hash.finish()
        data[0] = wrap(u8, hash.state[0])
    for word in hash.state:
        print(f"{word:08x}", end="")
    print()
    return 0
