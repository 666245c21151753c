# SPDX-License-Identifier: LGPL-2.1-or-later
"""A circular ring of bytes over memory that the owner gives: one producer and one consumer, on two cores, without a lock.

`head` and `tail` count bytes for ever, so that full and empty differ; the size is a power of two.
"""

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, Span, copy_bytes, struct, u8, u64


@struct
class ByteRing:
    data: Span[u8]
    head: Atomic[u64]                       # read so far; the consumer's
    tail: Atomic[u64]                       # written so far; the producer's

    def open(self, data: Span[u8]) -> None:
        assert len(data) > 0 and len(data) & (len(data) - 1) == 0, "the size of a ring is a power of two"
        self.data = data
        self.head.store(0)
        self.tail.store(0)

    @property
    def used(self) -> u64:
        return self.tail.load() - self.head.load()

    def write(self, data: Span[u8]) -> u64:
        """As much as there is room for; how much. By the producer."""
        tail = self.tail.load(order=RELAXED)  # nobody else changes it
        room = len(self.data) - (tail - self.head.load(order=ACQUIRE))  # pairs with read: what it took it has copied
        count = min(room, len(data))
        place = tail & (len(self.data) - 1)
        first = min(count, len(self.data) - place)
        copy_bytes(self.data[place : place + first], data[:first])
        copy_bytes(self.data[: count - first], data[first:count])
        self.tail.store(tail + count, order=RELEASE)  # pairs with read: the bytes are there
        return count

    def read(self, into: Span[u8]) -> u64:
        """As much as there is; how much. By the consumer."""
        head = self.head.load(order=RELAXED)
        count = min(self.tail.load(order=ACQUIRE) - head, len(into))
        place = head & (len(self.data) - 1)
        first = min(count, len(self.data) - place)
        copy_bytes(into[:first], self.data[place : place + first])
        copy_bytes(into[first:count], self.data[: count - first])
        self.head.store(head + count, order=RELEASE)
        return count
