# SPDX-License-Identifier: GPL-2.0-or-later
"""`match`: tuples, classes, optionals, alternatives, guards, names."""

from lang import i32, struct, u32, u64, Ref
from enum import Enum, auto


class Color(Enum):
    RED = auto()
    GREEN = auto()
    BLUE = auto()


@struct
class Point:
    x: u32
    y: u32


@struct
class Shape:
    at: Point
    color: Color
    label: str
    next: Ref[Shape] | None


def f(c: Color, b: bool) -> i32:
    match (c, b):
        case (Color.RED, True):
            return 1
        case (Color.RED | Color.GREEN, _):
            return 2
        case (Color.BLUE, flag):
            return 4 if flag else 3


def g(t: tuple[i32, i32]) -> i32:
    match t:
        case (0, y):
            return y
        case (x, 0):
            return x
        case (x, y) if x == y:
            return 100
        case (-1, 1 | 2):
            return 50
        case _:
            return -1


def h(p: Point) -> u32:
    match p:
        case Point(x=0, y=y):
            return y
        case Point(7, 8):
            return 99
        case Point(x, _):
            return x


def deep(s: Shape | None) -> u32:
    match s:
        case None:
            return 0
        case Shape(at=Point(x=1), color=Color.RED):
            return 1
        case Shape(label="big", next=None):
            return 2
        case Shape(next=Shape(label=inner)):
            return u32(len(inner))
        case other:
            return other.at.x + 100


def opt(n: u64 | None) -> u64:
    match n:
        case 3:
            return 30
        case None:
            return 7
        case k:
            return k + 1


def name(s: str) -> i32:
    match s:
        case "a" | "b":
            return 1
        case "cd":
            return 2
        case other:
            return i32(len(other))


def fall(n: u32) -> None:
    match n:
        case 1:
            print("one")
        case 2 | 3 as m:
            print("few", m)
    print("end")


def narrowed(p: Shape | None) -> u32:
    match p:
        case None:
            return 5
        case _:
            return p.at.x


def flagged(b: bool) -> i32:
    match b:
        case True:
            return 1
        case False:
            return 2


def nested(t: tuple[tuple[u32, str], bool]) -> str:
    match t:
        case ((0, s), _):
            return s
        case ((_, "x"), True):
            return "x!"
        case _:
            return "none"


def known(n: u64) -> u64:
    maybe: u64 | None = n
    match maybe:
        case None:
            return 0
        case _:
            return maybe + 1


def main() -> i32:
    print(known(4))
    for c in Color:
        print(f(c, True), f(c, False), end=" ")
    print(g((0, 4)), g((3, 0)), g((2, 2)), g((1, 2)), g((-1, 2)))
    print(h(Point(x=0, y=3)), h(Point(x=8, y=1)), h(Point(7, 8)))
    a = Shape(at=Point(1, 2), color=Color.RED, label="big")
    b = Shape(at=Point(2, 2), color=Color.RED, label="big")
    d = Shape(at=Point(3, 2), color=Color.RED, label="small", next=a)
    e = Shape(at=Point(4, 2), color=Color.RED, label="small")
    print(deep(None), deep(a), deep(b), deep(d), deep(e), narrowed(None), narrowed(e))
    print(opt(3), opt(None), opt(9), name("b"), name("cd"), name("hello"), flagged(True), flagged(False))
    fall(1)
    fall(3)
    fall(9)
    print(nested(((0, "q"), False)), nested(((1, "x"), True)), nested(((1, "x"), False)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
