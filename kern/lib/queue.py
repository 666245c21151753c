# SPDX-License-Identifier: GPL-2.0-or-later
"""Queue: first in, first out, linked through the items' own `next` field, so that pushing never needs memory.

An item is in at most one queue at a time. No lock: the caller has one, or the queue is private.
"""

from typing import Generic, TypeVar

from lang import Ref, struct

T = TypeVar("T")


@struct
class Queue(Generic[T]):
    head: Ref[T] | None
    tail: Ref[T] | None

    def is_empty(self) -> bool:
        return self.head is None

    def push(self, item: T) -> None:
        """Append `item`, which must be in no queue."""
        item.next = None
        last = self.tail
        if last is None:
            self.head = item
        else:
            last.next = item
        self.tail = item

    def pop(self) -> T | None:
        """Take the oldest item out."""
        first = self.head
        if first is None:
            return None
        self.head = first.next
        if first.next is None:
            self.tail = None
        first.next = None
        return first

    def remove(self, item: T) -> bool:
        """Take `item` out wherever it stands. Returns whether it was there. Linear."""
        before: Ref[T] | None = None
        at_item = self.head
        while at_item is not None and at_item is not item:
            before = at_item
            at_item = at_item.next
        if at_item is None:
            return False
        if before is None:
            self.head = item.next
        else:
            before.next = item.next
        if item.next is None:
            self.tail = before
        item.next = None
        return True

    def take_all(self, other: "Queue[T]") -> None:
        """Move everything from `other` behind what is here."""
        first = other.head
        if first is None:
            return
        last = self.tail
        if last is None:
            self.head = first
        else:
            last.next = first
        self.tail = other.tail
        other.head = None
        other.tail = None
