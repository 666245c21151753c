# SPDX-License-Identifier: GPL-2.0-or-later
"""Polymorphism: abstract methods, overriding, super, defaults of subclasses, registries."""

from abc import ABC, abstractmethod
from typing import Callable

from lang import Ref, Registry, array, i32, lend, struct, u32, u64


class Shape(ABC):
    name: str = "shape"
    scale: u32 = 1

    @abstractmethod
    def area(self) -> u64: ...

    def describe(self) -> None:
        print(self.name, self.area() * u64(self.scale))


class Square(Shape):
    name: str = "square"
    side: u64

    def area(self) -> u64:
        return self.side * self.side


class Rectangle(Square):
    name: str = "rectangle"
    height: u64 = 2

    def area(self) -> u64:
        return super().area() // self.side * self.height

    def describe(self) -> None:
        print("a", end=" ")
        super().describe()


shapes = Registry[Shape]()
hooks = Registry[Callable[[u32], u32]]()


@shapes
class Unit(Square):
    name: str = "unit"
    side: u64 = 1


@shapes
class Wide(Rectangle):
    side: u64 = 3
    height: u64 = 100


@hooks
def double(x: u32) -> u32:
    return x * 2


@hooks
def decrement(x: u32) -> u32:
    return x - 1


@struct
class Slot:
    shape: Ref[Shape] | None
    hits: u32


slots = array(3, Slot)


def total_area(shape: Shape, times: u64) -> u64:
    return shape.area() * times


def main() -> i32:
    square = Square(side=4)
    rectangle = Rectangle(side=5, height=6, scale=2)
    square.describe()
    rectangle.describe()
    print(total_area(square, 2), total_area(rectangle, 2))
    for shape in shapes:
        shape.describe()
    print(len(shapes), shapes[0].name)
    x: u32 = 5
    for hook in hooks:
        x = hook(x)
    print(x, len(hooks))
    slots[0].shape = lend(square)  # on the stack of `main`, which ends last
    slots[2].shape = lend(rectangle)
    for i, slot in enumerate(slots):
        if slot.shape is not None:
            slot.hits += 1
            print(i, slot.hits)
    chosen: Ref[Shape] = square
    chosen = rectangle
    chosen.describe()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
