from enum import Enum, auto

from lang import Errno, Error, i32, u64
from typing import NoReturn


class Kind(Enum):
    A = auto()
    B = auto()
    C = auto()


def no_end(n: u64) -> u64:
    if n > 3:
        return 1


def missing(kind: Kind) -> u64:
    match kind:
        case Kind.A:
            return 1
        case Kind.B:
            return 2


def dead(kind: Kind) -> u64:
    match kind:
        case _:
            return 1
        case Kind.A:
            return 2


def patterns(n: u64) -> u64:
    match n:
        case [1, 2]:
            return 1
        case _:
            return 2


def stops() -> NoReturn:
    pass


def returns() -> None:
    return 3


def gives() -> u64:
    return


def outside() -> None:
    break


def declared() -> None:
    x: u64


def retyped() -> None:
    x = True
    x = "text"


def sum_of(flag: bool) -> u64:
    return 1 if flag else "one"


def raises() -> None:
    raise Kind.A
    raise Error("no number")


def catches() -> None:
    try:
        stops()
    except Kind:
        pass


def main() -> i32:
    return 0
