# SPDX-License-Identifier: GPL-2.0-or-later
"""One function for each run-time check: tests/compiler/test_checks.py calls them, compiled and in CPython, with what trips them."""

from enum import IntEnum, IntFlag
from typing import NewType

from lang import Atomic, Ptr, Span, addr_of, array, at, cast, container_of, f64, i8, i32, i64, memcpy, span_of, struct, u8, u16, u32, u64

Pfn = NewType("Pfn", u32)
numbers = array(8, u8)


class Level(u8, IntEnum):
    LOW = 1
    HIGH = 4


class Mode(u16, IntFlag):
    READ = 1
    WRITE = 2


@struct(align=16)
class Wide:
    first: u64
    second: u64

    def halve(self, by: i32) -> i32:
        return i32(self.first) // by


def index_array(i: i32) -> u8:
    return numbers[i]


def index_span(items: Span[u64], i: u64) -> u64:
    return items[i]


def index_text(line: str, i: u8) -> u8:
    return line[i]


def store(i: u64) -> None:
    numbers[i] = 3


def cut(items: Span[u64], start: i64, end: i64) -> u64:
    return len(items[start:end])


def tail(items: Span[u64], start: u64) -> u64:
    return len(items[start:])


def narrow(x: i64) -> u8:
    return u8(x)


def signed(x: u64) -> i64:
    return i64(x)


def page(x: u64) -> Pfn:
    return Pfn(x)


def level(n: u32) -> Level:
    return Level(n)


def mode(n: u64) -> Mode:
    return Mode(n)


def truncate(x: f64) -> i32:
    return i32(x)


def add(a: i32, b: i32) -> i32:
    return a + b


def subtract(a: i8, b: i8) -> i8:
    return a - b


def multiply(a: i64, b: i64) -> i64:
    c = a
    c *= b
    return c


def negate(a: i8) -> i8:
    return -a


def magnitude(a: i32) -> i32:
    return abs(a)


def total(items: Span[i64]) -> i64:
    return sum(items)


def divide(a: i32, b: i32) -> i32:
    return a // b


def remainder(a: u64, b: u64) -> u64:
    return a % b


def shift(x: u32, by: i64) -> u32:
    return x << by


def shift_back(x: i8, by: u8) -> i8:
    return x >> by


def stride(step: u64) -> u64:
    return sum(n for n in range(u64(0), u64(10), step))


def least(items: Span[u64]) -> u64:
    return min(items)


def copy_in(line: str) -> None:
    memcpy(numbers, line)


def halve(by: i32) -> i32:
    wide = Wide(first=7)
    return wide.halve(by)


def insist(n: u64) -> None:
    assert n < 3, f"{n} is too many: 100% of 3"


def insist_silently(n: u64) -> None:
    assert n % 2 == 0


# What CPython has no addresses for.
def reference(address: u64) -> u64:
    return at(Wide, address).first


def reinterpret(address: u64) -> u64:
    return cast(Wide, address).first


def maybe(address: u64) -> bool:
    return cast(Wide | None, address) is None


def raw(address: u64) -> u64:
    return Ptr[u64](address)[0]


def piece(address: u64, count: u64) -> u64:
    return len(Span[u64](address, count))


def pieces(address: u64, count: u64) -> u64:
    return len(span_of(Ptr[u8](address), count))


def outside(address: u64) -> u64:
    return addr_of(container_of(Wide, "first", at(Atomic[u64], address)))
