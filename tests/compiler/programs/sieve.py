# SPDX-License-Identifier: GPL-2.0-or-later
"""Bit sets and primes; matrix powers modulo a prime."""

from lang import Array, array, assign, i32, struct, u8, u64

LIMIT = 2000
MODULUS: u64 = 1_000_000_007

composite = array(LIMIT // 8 + 1, u8)


def mark(n: u64) -> None:
    composite[n // 8] |= u8(1) << (n % 8)


def is_prime(n: u64) -> bool:
    return n > 1 and composite[n >> 3] & (u8(1) << (n & 7)) == 0


@struct
class Matrix:
    cell: Array[u64] = array(4)

    def times(self, other: Matrix, into: Matrix) -> None:
        for i in range(2):
            for j in range(2):
                total: u64 = 0
                for k in range(2):
                    total += self.cell[i * 2 + k] * other.cell[k * 2 + j] % MODULUS
                into.cell[i * 2 + j] = total % MODULUS


def fib(n: u64) -> u64:
    result = Matrix()
    base = Matrix()
    spare = Matrix()
    result.cell[0] = 1
    result.cell[3] = 1
    for i in range(3):
        base.cell[i] = 1
    while n > 0:
        if n & 1:
            result.times(base, spare)
            assign(result, spare)
        base.times(base, spare)
        assign(base, spare)
        n >>= 1
    return result.cell[1]


def main() -> i32:
    for n in range(u64(2), 45):
        if is_prime(n):
            for m in range(n * n, u64(LIMIT), n):
                mark(m)
    print(sum(1 for n in range(u64(LIMIT)) if is_prime(n)), is_prime(1999), is_prime(1997 * 1), is_prime(1001))
    for n in range(u64(LIMIT - 60), u64(LIMIT)):
        if is_prime(n):
            print(n, end=" ")
    print()
    print(fib(10), fib(90), fib(1_000_000))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
