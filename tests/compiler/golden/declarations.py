from typing import Generic, TypeVar, nothing

import lang
from lang import Array, Registry, Text, array, i32, nothing_either, struct, text, u64

from sys import missing

T = TypeVar("T")

declared: u64
computed = array(4, u64(declared))
LATER: u64 = unknown
table = array(n=3)


@nowhere
def decorated() -> None:
    pass


@struct
class Box(Generic[T]):
    item: T


@struct
class Fields:
    short: Array[u64] = array()
    named: Array[u64] = array(Fields)
    untyped = array(3)
    line: Text = text()
    word: "no type"
    box: Box[u64, u64]


class Started:
    n: u64

    def __init__(self, n: u64) -> None:
        self.n = n


@struct
class Inside:
    started: Started


class Derived(declared):
    pass


class Constants:
    SIZE = decorated()


started = Started(3)
inside = Inside()
values = array(4, u64)
value = values[declared]
inlin = 3


@inlin
def registered() -> None:
    pass


def uses() -> None:
    lang.nothing
    a = Constants.SIZE
    b = struct
    c = Registry
    x: u64 | None = None
    d = x.y


def main() -> i32:
    return 0
