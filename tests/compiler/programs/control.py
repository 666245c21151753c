# SPDX-License-Identifier: GPL-2.0-or-later
"""Conditions: truth of everything, and/or as values, chained comparisons, conditional expressions, optionals of scalars."""

from lang import Ref, i32, i64, struct, text, u8, u32, u64


@struct
class Thing:
    n: u32
    other: Ref[Thing] | None


def traced(name: str, value: bool) -> bool:
    print(name, end=" ")
    return value


def half(n: u32) -> u32 | None:
    return n // 2 if n % 2 == 0 else None


def grade(n: i64) -> str:
    return "low" if n < 10 else "middle" if n < 20 else "high"


def sign(n: i64) -> i64:
    if n > 0:
        return 1
    elif n < 0:
        return -1
    return 0


def first_of(a: u32 | None, b: u32 | None) -> u32:
    if a is not None:
        return a
    if b is None:
        return 0
    return b


def main() -> i32:
    print(traced("a", True) and traced("b", False) or traced("c", True))
    print(traced("a", False) or traced("b", False) and traced("c", True))
    print(not traced("a", False) and not (traced("b", True) and traced("c", False)))
    zero: u8 = 0
    five: u8 = 5
    empty = ""
    line = text(8)
    thing = Thing(n=4)
    if zero or empty:
        print("wrong")
    if five and "x" and thing and not thing.other:
        print("right")
    if not line:
        line.put("filled")
    if line:
        print(line)
    print(1 if five else 2, 1 if zero else 2, grade(5), grade(15), grade(25), sign(-9), sign(0), sign(9))
    print(first_of(half(8), half(3)), first_of(half(3), half(10)), first_of(half(1), half(3)))
    h = half(7)
    if h:
        print("wrong")
    h = half(6)
    if h is not None and h == 3:
        print("three", h + 1)
    thing.other = Thing(n=9)
    if thing.other is not None:
        print(thing.other.n, thing.other.other is None)
    low = 3
    print(1 < low < 5, 1 < low < 2, low == 3 == low, low != 3 or low > 2, 0 <= low - 3 <= 0)
    value: u64 | None = None
    for i in range(5):
        if i == 3:
            value = u64(i) * 11
    assert value is not None
    print(value)
    print(five if five > zero else zero)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
