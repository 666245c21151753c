# SPDX-License-Identifier: GPL-2.0-or-later
"""sha256 N ROUNDS: SHA-256 (FIPS 180-4) of N bytes, a multiple of 64."""

import sys

from lang import Array, Span, array, i32, new, struct, u8, u32, u64, wrap

K: Array[u32] = (
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
)


def rotate(x: u32, n: u32) -> u32:
    return x >> n | x << 32 - n


@struct
class Sha256:
    state: Array[u32] = array(8)
    length: u64

    def start(self) -> None:
        self.state[0] = 0x6a09e667
        self.state[1] = 0xbb67ae85
        self.state[2] = 0x3c6ef372
        self.state[3] = 0xa54ff53a
        self.state[4] = 0x510e527f
        self.state[5] = 0x9b05688c
        self.state[6] = 0x1f83d9ab
        self.state[7] = 0x5be0cd19
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
            self.block(data[i:i + 64])
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
