# SPDX-License-Identifier: GPL-2.0-or-later
"""Generics: classes and functions over types, and over a field's name."""

from typing import Generic, Literal, TypeVar

from lang import Array, Ref, Span, array, i32, struct, u8, u32, u64

T = TypeVar("T")
L = TypeVar("L")


@struct
class Ring(Generic[T]):
    items: Array[T] = array(8)
    head: u64
    tail: u64

    def push(self, item: T) -> bool:
        if self.tail - self.head == len(self.items):
            return False
        self.items[self.tail % len(self.items)] = item
        self.tail += 1
        return True

    def pop(self) -> T | None:
        if self.head == self.tail:
            return None
        item = self.items[self.head % len(self.items)]
        self.head += 1
        return item

    def __len__(self) -> u64:
        return self.tail - self.head


@struct
class Link(Generic[T]):
    next: Ref[T] | None


@struct
class Chain(Generic[T, L]):
    head: Ref[T] | None

    def push(self, item: T) -> None:
        getattr(item, L).next = self.head
        self.head = item

    def count(self) -> u64:
        n: u64 = 0
        item = self.head
        while item is not None:
            n += 1
            item = getattr(item, L).next
        return n


@struct
class Task:
    id: u32
    run: Link[Task]
    wait: Link[Task]


def largest(items: Span[T]) -> T:
    best = items[0]
    for item in items:
        if item > best:
            best = item
    return best


def swap(items: Span[T], a: u64, b: u64) -> None:
    items[a], items[b] = items[b], items[a]


ring = Ring[u32]()
small = Ring[u8]()


def main() -> i32:
    for i in range(10):
        if not ring.push(u32(i * 1000)):
            print("full at", i)
    print(len(ring))
    while (item := ring.pop()) is not None:
        print(item, end=" ")
    print()
    small.push(250)
    value = small.pop()
    if value is not None:
        print(value + 10)
    runnable = Chain[Task, Literal["run"]]()
    waiting = Chain[Task, Literal["wait"]]()
    tasks = array(4, Task)
    for i, task in enumerate(tasks):
        task.id = u32(i) + 1
        runnable.push(task)
        if i % 2 == 0:
            waiting.push(task)
    head = runnable.head
    if head is not None:
        print(head.id, runnable.count(), waiting.count())
    numbers = array(5, i32)
    for i in range(len(numbers)):
        numbers[i] = i32(i) * 7 % 5 - 2
    print(largest(numbers), largest(numbers[0:2]))
    swap(numbers, 0, 4)
    for n in numbers:
        print(n, end=" ")
    print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
