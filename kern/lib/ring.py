# SPDX-License-Identifier: GPL-2.0-or-later
"""Ring: a bounded first-in first-out buffer of scalars over storage that the caller gives.

`head` and `tail` only ever grow; their difference is how much is in. No lock: the caller has one.
"""

from typing import Generic, TypeVar

from lang import Span, must_use, struct, u64

T = TypeVar("T")


@struct
class Ring(Generic[T]):
    slots: Span[T]
    head: u64                               # next to read
    tail: u64                               # next to write

    def count(self) -> u64:
        return self.tail - self.head

    def room(self) -> u64:
        return len(self.slots) - self.count()

    def is_empty(self) -> bool:
        return self.head == self.tail

    @must_use
    def push(self, value: T) -> bool:
        """Append, unless it is full."""
        if self.room() == 0:
            return False
        self.slots[self.tail % len(self.slots)] = value
        self.tail += 1
        return True

    def push_over(self, value: T) -> None:
        """Append; when it is full the oldest value goes."""
        if self.room() == 0:
            self.head += 1
        _ = self.push(value)                # there is room now

    def pop(self) -> T | None:
        if self.is_empty():
            return None
        value = self.slots[self.head % len(self.slots)]
        self.head += 1
        return value

    def write(self, data: Span[T]) -> u64:
        """Append as much of `data` as fits; returns how much that was."""
        count = min(len(data), self.room())
        for i in range(count):
            self.slots[(self.tail + i) % len(self.slots)] = data[i]
        self.tail += count
        return count

    def read(self, into: Span[T]) -> u64:
        """Take up to len(into) values; returns how many."""
        count = min(len(into), self.count())
        for i in range(count):
            into[i] = self.slots[(self.head + i) % len(self.slots)]
        self.head += count
        return count

    def peek(self, position: u64) -> T:
        """The value at an absolute position between head and tail."""
        return self.slots[position % len(self.slots)]
