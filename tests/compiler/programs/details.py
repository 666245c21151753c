# SPDX-License-Identifier: GPL-2.0-or-later
"""Members of enums, ranges backwards, sums from a start, nested unpacking, order of tuples and classes, setters, what prints."""

from enum import Enum, IntFlag, auto
from typing import Annotated

from lang import Array, Errno, Error, array, i32, i64, must_use, offset, offsetof, sizeof, struct, u8, u32, u64


class Kind(u8, Enum):
    A = 1
    B = 7
    C = 9


class Flag(IntFlag):
    X = auto()
    Y = auto()
    BOTH = X | Y


class Right(u8, IntFlag):
    READ = 1
    WRITE = 2
    EXEC = 16


@struct
class Gauge:
    raw: u32

    @property
    def level(self) -> u32:
        return self.raw

    @level.setter
    def level(self, value: u32) -> None:
        self.raw = value * 2

    def __lt__(self, other: "Gauge") -> bool:
        return self.raw < other.raw


@struct(size=40)
class Layout:
    a: u32
    b: Annotated[u64, offset(8)]
    c: Annotated[Array[u8], offset(16)] = array(24)


def number(n: u64) -> u64 | None:
    return n if n else None


def name(n: u64) -> str | None:
    return "x" if n else None


@must_use
def got() -> u64:
    return 3


def enums() -> None:
    for kind in Kind:
        print(kind, kind.name, kind.value)
    print(len(Kind), len(Flag))
    for flag in Flag:
        print(flag)
    for i, kind in enumerate(Kind):
        print(i, kind)
    print(Flag.X | Flag.Y, Flag.X, Flag(0), f"{Flag.Y:#x}", Right.READ | Right.EXEC, Right.READ | Right.WRITE)


def loops() -> None:
    for i in reversed(range(0, 10, 3)):
        print(i, end=" ")
    for i in reversed(range(u8(250), u8(255), u8(2))):
        print(i, end=" ")
    for i in reversed(range(10, -10, -7)):
        print(i, end=" ")
    for i in reversed(range(5, 5, 2)):
        print(i, end=" ")
    for i in reversed(range(i64(-9223372036854775808), i64(9223372036854775807), 4611686018427387904)):
        print(i, end=" ")
    print()
    a = array(4, u64)
    for i in range(u64(4)):
        a[i] = i * 3
    print(sum(a, 10), sum((x for x in a if x > 3), u64(5)), sum(x for x in a), min(a))
    print(min((x for x in a if x > 50), default=77), max(a[0:0], default=5))


def order() -> None:
    (i, j), k = (1, 2), 3
    print(i, j, k)
    t = (1, 2)
    print(t < (1, 3), t <= (1, 2), t > (0, 9), (u8(3), "b") < (3, "c"), t >= (1, 3))
    p = Gauge()
    p.level = 4
    p.level += 1
    print(p.level, p.raw)
    q = Gauge()
    q.level, z = 3, 4
    print(q.level, p < q, p > q, z)


def shown() -> None:
    print(number(0), number(3), name(0), name(1), None, (1, "a'", True, number(0), 2.5), (u8(3),), ((1, 2), "x"))
    print(f"{number(3)}|{(1, 2)}|{name(1)!r}|{name(0)!r}")
    n = 5
    print(f"a{f'{n}-{n:>4}'}b", f"p{n}" if n > 3 else f"q{n}", f"p{n}" if n > 6 else "other")
    try:
        raise Error(Errno.ENOENT, f"no {n}" if n else "none")
    except Error as e:
        print(e, f"[{e}]")
    print(sizeof(Layout), offsetof(Layout, "c"), got())
    _ = got()


def main() -> i32:
    enums()
    loops()
    order()
    shown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
