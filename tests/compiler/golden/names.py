from enum import Enum

from lang import Errno, Error, i32, struct, u64, wrapp
import nowhere
from math import sqrt

LIMIT = 3


class Color(Enum):
    RED = 1
    GREEN = 2


@struct
class Point:
    x: u64
    y: u64


def twice(value: u64) -> u64:
    return value * 2


def use(p: Point) -> u64:
    a = p.z
    b = Color.BLUE
    c = twice
    d = Point
    e = LIMT
    LIMIT = 4
    return twise(p.x)


def early(flag: bool) -> u64:
    if flag:
        value: u64 = 1
    return value


def constant() -> None:
    global LIMIT
    Point.x = 3


def main() -> i32:
    raise Eror(Errno.EINVAL, "no")


def constant() -> None:
    pass
