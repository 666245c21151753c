"""Bit-fields, and type aliases."""

from enum import Enum
from typing import Callable, Generic, TypeAlias, TypeVar

from abc import struct
from collections.abc import Iterable
from lang import Array, Bits, Enum as FromLang, Mmio, Ref, Reg, array, bit, bits, hook, reg, syscall, u8, u16, u32, u64
from typing import cast

T = TypeVar("T")


class Kind(u8, Enum):
    FILE = 1
    FOLDER = 2


class Word(Bits[u16]):
    present = bit(0)
    kind = bits(1, 3, Kind)
    level = bits(4, 7)
    wide = bits(0, 11, Kind)
    text = bits(8, 9, str)
    many = bits(3)
    single = bit("first")


class Device(Mmio):
    status: Reg[u32] = reg(0)


def store(word: Word, n: u16) -> Word:
    word.level = 16
    word.present, word.level = True, 99
    word.level = word.kind = n
    word.level **= 2
    return Word(n)


def made() -> Word:
    Device()
    return Word(level=17)


class Ring(Generic[T]):
    items: Array[T] = array(4)


Open = Ring[T]
Words = Ring[u32]
Again: TypeAlias = "Again"
Row = Array[u32]
Both = u32 | u64
Broken: TypeAlias = "u32 +"
Nothing: TypeAlias = "Unknown | None"
Visitor = Callable[[u32], None]


class Derived(Words):
    pass


def wrong_arguments(ring: Words[u32], visit: Visitor) -> None:
    pass


def wrong_use(ring: Words, visit: Visitor) -> None:
    visit(u64(3))
    print(Words, 3)
    print(f"{f'{ring.items[0]}'!r:>3}")
    print(f"{f'{ring.items[0]}':.3}")
    print(f"{f'{ring.items[0]}':+}")


@hook
def relase(address: u64) -> None:
    pass


@hook
def something_else() -> None:
    pass


@syscall(901)
def sys_visit(p: Word, visit: Visitor, ring: Words, n: u32) -> u32:
    return n
