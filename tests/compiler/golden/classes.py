from abc import ABC, abstractmethod
from enum import IntFlag
from typing import Protocol

from lang import Array, Atomic, Bits, Mmio, Ref, Reg, Span, array, bit, bits, i32, new, reg, struct, u8, u32, u64


class Shape(ABC):
    @abstractmethod
    def area(self) -> u64: ...


class Square(Shape):
    side: u64

    def area(self) -> u32:
        return 1


class Line(Shape):
    length: u64


@struct
class Plain:
    shape: Shape
    self_again: Ref["Plain"] | None
    numbers: Array[u64]


@struct
class Endless:
    inner: "Endless"


@struct(size=16)
class Sized:
    a: u64


class Both(Square, Line):
    pass


class Pte(Bits[u8]):
    present = bit(0)
    level = bits(4, 7)


class Wide(Bits[u8]):
    frame = bits(4, 9)


class Uart(Mmio):
    data: Reg[u8] = reg(0)


class Mode(IntFlag):
    READ = 1
    WRITE = 2


def use(u: Uart, p: Pte, s: Sized, a: Atomic[u64]) -> None:
    line = Line(length=3)
    shape = new(Shape)
    u.control = 3
    p.size = 3
    s.b = 4
    a = 3
    mode = Mode.READ | 8
    other = Pte(valid=True)
    wide = Wide(frame=3)
    t = Sized(a=1)
    t2 = t < t
    spans = Span[u64, u8]


def main() -> i32:
    return 0
