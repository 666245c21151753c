from typing import Callable

from lang import Errno, Error, Raises, export, i32, u64


def check(n: u64) -> None:
    if n > 3:
        raise Error(Errno.ERANGE, f"{n} is more than 3")


def deeper(n: u64) -> None:
    check(n)


def apply(fn: Callable[[u64], None], n: u64) -> None:
    fn(n)


def apply_raising(fn: Callable[[u64], Raises[None]], n: u64) -> None:
    fn(n)


@export("entry")
def entry() -> None:
    deeper(3)


def main() -> i32:
    apply(deeper, 3)
    apply_raising(deeper, 3)
    return 0
