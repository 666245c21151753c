# SPDX-License-Identifier: GPL-2.0-or-later
"""Constants and tables that are computed at compile time."""

from typing import Callable
from enum import IntEnum
from lang import i32, u8, u16, u32, u64, f64, Array, array, struct, i64


def crc_entry(n: u32) -> u32:
    c = n
    for _ in range(8):
        if c & 1:
            c = 0xEDB88320 ^ (c >> 1)
        else:
            c >>= 1
    return c


def fib(n: u64) -> u64:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def primes_below(n: u64) -> u64:
    sieve = array(100, bool)
    count: u64 = 0
    for i in range(u64(2), n):
        if not sieve[i]:
            count += 1
            for j in range(i * i, n, i):
                sieve[j] = True
    return count


def hash_of(s: str) -> u64:
    h: u64 = 0xCBF29CE484222325
    for b in s:
        h = (h ^ u64(b)) * 0x100000001B3
    return h


@struct
class Pt:
    x: u32
    y: f64
    name: str


def norm(p: Pt) -> u32:
    return p.x * p.x


def middle(n: u32) -> u32:
    p = Pt(x=n, y=2.0, name="q")
    q = p
    q.x += 1
    return norm(p)


def word(n: u32) -> str:
    match n:
        case 0:
            return "zero"
        case 1:
            return "one"
        case _:
            return "many"[1:]


def pair(n: u32) -> tuple[u32, str]:
    return n, word(n)


def maybe(n: u32) -> u32 | None:
    return n if n > 3 else None


def closure(n: i64) -> i64:
    k = 0

    def add(m: i64) -> None:
        nonlocal k
        k += m

    for i in range(n):
        add(i)
    return k + total(lambda z: z * k)


def total(f: Callable[[i64], i64]) -> i64:
    return f(2)


X = crc_entry(5)
F20: u64 = fib(15)
CRC: Array[u32] = tuple(crc_entry(n) for n in range(u32(256)))
SQ = tuple(n * n for n in range(u16(20)) if n % 2)
NAMES: tuple[str, ...] = tuple(word(u32(n)) for n in range(3))
PTS = tuple(Pt(x=u32(n), y=f64(n) / 4.0, name=word(u32(n))) for n in range(3))
SIZE = primes_below(50)
buf = array(primes_below(30), u8)
H = hash_of("hello")
P = pair(1)
M = maybe(2)
M4 = maybe(5)


class K(IntEnum):
    A = crc_entry(1) & 7
    B = primes_below(10)


@struct
class Holder:
    LIMIT = fib(10)
    a: u64 = fib(7)
    t: Array[u8] = array(primes_below(12))


holder = Holder(a=fib(9))
count: u64 = fib(8)


def main() -> i32:
    global count
    count += 1
    print(f"{X:#x} {F20} {CRC[255]:#x} {len(CRC)}", SQ[3], len(SQ), NAMES[0], NAMES[2], PTS[2].x, PTS[2].y, PTS[1].name)
    print(SIZE, len(buf), H, P, M, M4, K.A.value, K.B.value, Holder.LIMIT, holder.a, Holder().a, len(holder.t), count, middle(3))
    c: u32 = 0xFFFFFFFF
    for b in "123456789":
        c = CRC[(c ^ u32(b)) & 0xFF] ^ (c >> 8)
    print(f"{~c:#x}", sum(CRC[0:4]) if False else 0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
