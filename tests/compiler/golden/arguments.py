import sys
from typing import Callable, Literal, TypeVar

from lang import (
    Array, Atomic, Error, Errno, Ptr, Ref, Span, array, as_bytes, assign, at, bits, Bits, clz, f64, i32, i64, new, offsetof, popcount,
    struct, text, u8, u32, u64, valid, wrap,
)

T = TypeVar("T")


@struct
class Point:
    x: u64
    y: u64


@struct
class Other:
    x: u64


class Entry(Bits[u64]):
    frame = bits(0, 11)


class Problem(Error):
    pass


class Base:
    def tick(self) -> None:
        pass


class Timer(Base):
    def reset(self) -> None:
        super().restart()


def positional(a: u64, /, b: u64 = 0) -> u64:
    return a + b


def stops(n: u64) -> u64 | None:
    if n > 3:
        return
    return n


def calls(n: u64, f: f64, s: str, p: Point, other: Other, fn: Callable[[u64], u64], a: Atomic[u64], maybe: u64 | None) -> None:
    sys(1)
    Point.area(p)
    fn(1, 2)
    positional(a=1)
    u64(1, 2)
    Span[u8](u32(3), 4)
    array()
    Point(x=1, x=2)
    for i in range(1, 2, 3, 4):
        pass
    assign(p, other)
    a.load(sequence=3)
    max(n, 3, default=4)
    s.find()
    print(p, f"{p:>8}")
    print(f"{(n, s):>8}")
    print(f"{maybe:>8}")
    len(n, n)
    wrap(u8, s)
    valid(Errno, s)
    offsetof(Point, "z")
    n.bit_count()
    problem = Problem(Errno.EIO, "bad")
    wrong = Entry(page=3)
    with Base() as (c, d):
        pass


def loops(n: u64) -> None:
    for a, b in 3, 4:
        print(a)
    for c, d in enumerate(range(n)), 3:
        print(c)
    for e, f, g in zip(range(n), range(n)):
        print(e)
    continue


def later(flag: bool) -> u64:
    print(count)
    count = 3
    while flag:
        size = n
    try:
        where = positional(1)
    except Error:
        print(where)
    match flag:
        case True:
            kind: u64 = 1
        case False:
            pass
    return size + kind


count: u64 = 0


def main() -> i32:
    return 0
