from abc import ABC
from typing import Callable

from lang import Errno, Error, Span, export, extern, i32, struct, u64

A = B = 3
if A:
    import os


class Keywords(ABC, metaclass=type, size=3):
    pass


class Body:
    x, y = 1, 2
    print("made")

    class Inner:
        pass

    async def later(self) -> None:
        pass

    @classmethod
    def make(cls) -> "Body":
        pass

    def __call__(self) -> None:
        pass

    def __whatever__(self) -> None:
        pass


@export(3)
def exported() -> None:
    pass


@extern()
def outside() -> None: ...


def keyword_arguments(**options: u64) -> None:
    pass


def never_called(items: Span[u64], fn: Callable[[u64], u64]) -> None:
    return
    fn(*items)
    fn(**items)
    first, *rest = items
    total = sum(i async for i in items)
    del first
    try:
        pass
    except* Error as group:
        raise Error(Errno.EIO, "again") from group
    nonlocal first
    yield items
    yield from items
    fields = {i: i for i in items}
    marks = {i for i in items}


def elements(items: Span[u64]) -> u64:
    both = items[1:2, 3]
    a = (1, *items)
    return fn(0 if items else 1)


async def module_level() -> None:
    async with later:
        pass
    async for i in later:
        await i


def main() -> i32:
    return 0
