from enum import Enum, IntEnum

from lang import Atomic, Ref, array, f64, i8, i32, i64, struct, u8, u64

BIG = 1 << 70
BAD = 1 % 0


class Level(IntEnum):
    LOW = 1
    TOO_HIGH = 1 << 40


class Kind(Enum):
    FILE = 1


@struct
class Point:
    x: u64


@struct
class Holder:
    hits: Atomic[u64]
    point: Point


def numbers(n: u64, b: i8, f: f64, p: Point, kind: Kind, h: Holder, maybe: u64 | None, flag: bool) -> None:
    n @= n
    h.hits += 1
    big = BIG
    wide = u8(300)
    less = f & f
    minus = -p
    invert = ~flag
    none = 1 // 0
    high = i8(100) + i8(100)
    two = kind < kind
    orders = p < p
    chained = maybe < n < 3
    both = maybe == maybe
    parts = divmod(p, n)
    shifted = n << 1.5
    method = Point.x
    Kind.FILE = 3


def main() -> i32:
    return 0
