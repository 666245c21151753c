import sys
from abc import ABC
from enum import Enum
from typing import Callable, Generic, TypeVar

import lang
from lang import Array, Atomic, Ref, Span, array, as_bytes, i32, memcpy, new, struct, u8, u32, u64, wrap

T = TypeVar("T")


@struct
class Point:
    x: u64

    def __enter__(self) -> "Point":
        return self

    def __exit__(self) -> None:
        pass


@struct
class Header:
    length: u64


class Packet(Header, ABC):
    pass


@struct
class Grows(Generic[T]):
    item: Ref["Grows[tuple[T, T]]"] | None


class Ready:
    n: u64

    def __init__(self) -> None:
        self.n = 3


@struct
class Holds:
    ready: Ready


@struct
class Lengths:
    one: Array[u64] = array(-1)
    two: Array = array(3)
    three: sys.Missing
    four: u64[u8]


class Named(Enum):
    FIRST = "first"
    SECOND = True


def nothing() -> None:
    pass


def three() -> u64:
    return 3


@three
def decorated() -> None:
    pass


holds = Holds()
point = Point(x=three())


def follow(g: Grows[u64]) -> None:
    item = g.item
    if item is not None:
        follow_pair(item)


def follow_pair(g: Grows[T]) -> None:
    item = g.item
    if item is not None:
        follow_pair(item)


def uses(pair: tuple[u64, u64], items: Span[Point], numbers: Span[u64], fn: Callable[[], u64], a: Atomic[u64]) -> None:
    [first, second] = pair
    same = items == items
    less = numbers < numbers
    room = new(array(3))
    ten = array(True, u64)
    low = u8(u64(300))
    whole = lang
    print(nothing())
    memcpy(items, numbers[0:1])
    memcpy(as_bytes(point), numbers)
    a.increment()
    with point as (b, c):
        pass
    half: u16 = 3


def main() -> i32:
    return 0
