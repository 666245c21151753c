from enum import Enum, IntFlag
from typing import Callable, TypeVar

from lang import i32, lend, u64

T = TypeVar("T")


class Mode(IntFlag):
    READ = 1
    WRITE = 2


class Kind(Enum):
    FILE = 1


def apply(fn: Callable[[T], T], n: u64) -> u64:
    return n


def uses(n: u64, pair: tuple[u64, u64], mode: Mode, kind: Kind) -> None:
    @unknown
    def first() -> None:
        pass

    @property
    def second() -> u64:
        return 1

    def third(a) -> None:
        pass

    lend(n)
    apply(lambda x: x, n)
    table = tuple(n)
    print(f"{mode:.3}")
    print(f"{n!r:>4}")
    print(f"{mode!r}")
    print(f"{kind!r}")
    match pair:
        case (1, 2, 3):
            pass
        case (a, 1) | (a, 2):
            pass
        case _:
            pass


def main() -> i32:
    return 0


TABLE = tuple(3)
