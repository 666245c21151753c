# SPDX-License-Identifier: GPL-2.0-or-later
"""Where storage comes from: fresh in each round of a loop, from the heap with its defaults, embedded at any depth."""

from typing import Generic, Literal, TypeVar

from lang import Array, Atomic, Ref, Span, Text, array, copy, free, i16, i32, memset, new, ptr_of, struct, text, u8, u16, u32, u64
from lang import volatile_load, volatile_store

T = TypeVar("T")
N = TypeVar("N")


@struct
class Inner:
    level: u16 = 3
    name: Text = text(10)
    seen: Atomic[u32]


@struct
class Outer:
    first: Inner
    rest: Array[Inner] = array(2)
    second: Inner = Inner(level=8)
    owner: Ref[Outer] | None


@struct
class Pair(Generic[T, N]):
    left: T
    right: T

    def sum(self) -> T:
        return self.left + self.right

    def named(self) -> T:
        return getattr(self, N)


class Animal:
    legs: u8 = 4
    name: Text = text(6)

    def speak(self) -> str:
        return "…"


class Bird(Animal):
    legs: u8 = 2

    def speak(self) -> str:
        return "tweet"


@struct
class Nest:
    bird: Bird
    spare: Array[Bird] = array(2)


def rounds() -> None:
    for i in range(3):
        line = text(8)
        marks = array(3, u8)
        inner = Inner()
        line.write(f"{i}")
        marks[i] += 7
        inner.level += u16(i)
        inner.name.write(f"n{i}")
        print(line, marks[0], marks[1], marks[2], inner.level, inner.name, inner.name.len)


def on_heap() -> None:
    outer = new(Outer, owner=None)
    print(outer.first.level, outer.rest[1].level, outer.second.level, outer.second.name.room, outer.owner is None)
    outer.rest[0].name.write("in place")
    outer.second.seen.add(5)
    outer.owner = outer
    twin = copy(outer)
    twin.rest[0].name.write("!!!")
    print(outer.rest[0].name, twin.rest[0].name, twin.second.seen.load(), twin.owner is outer)
    many = new(array(3, Inner))
    many[2].name.append("third")
    for inner in many:
        print(inner.level, f"[{inner.name}]", end=" ")
    print()
    free(many)
    free(outer)


def animals() -> None:
    nest = Nest()
    nest.bird.name.write("tit")
    birds = new(array(2, Bird))
    birds[1].name.write("robin, a")
    chosen: Ref[Animal] = nest.spare[1]
    print(chosen.speak(), chosen.legs, nest.bird.name, nest.bird.speak(), birds[1].name, birds[0].speak(), birds[1].legs)
    plain = Animal(legs=5)
    print(plain.speak(), plain.legs, plain.name.len == 0)
    free(birds)


def generic_pairs() -> None:
    small = Pair[u8, Literal["left"]](left=200, right=100)
    wide = Pair[i32, Literal["right"]](-5, 9)
    print(small.sum(), wide.sum(), small.named(), wide.named())


def total(items: Span[u8]) -> u64:
    return sum(u64(b) for b in items)


def main() -> i32:
    rounds()
    on_heap()
    animals()
    generic_pairs()
    numbers = array(4, i16)
    p = ptr_of(numbers[1])
    volatile_store(p, -7)
    print(volatile_load(p), numbers[1], p[0])
    data = array(6, u8)
    memset(data, 9)
    memset(data[2:4], 1)
    print(total(data), total(data[1:3]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
