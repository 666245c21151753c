# SPDX-License-Identifier: GPL-2.0-or-later
"""Bcq: a bounded queue that any number of cores fill and drain at once, without a lock.

    queue = Bcq[Job]()
    queue.init(slots)                       # a span of BcqSlot[Job], two of them or a higher power of two
A slot's turn says whose it is: equal to a position, it waits for the element of that position; one more, it holds it. Who wins the position
by a compare-and-swap has the slot to itself. After Vyukov, Bounded MPMC queue (1024cores.net, 2010).
Elements come out in the order in which their places were won. A core that is stopped between winning a place and filling it holds up those
who want that element, no others; so keep interrupts off around `push` where a handler pops.
"""

from typing import Generic, TypeVar

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, Span, must_use, struct, u64

T = TypeVar("T")


@struct
class BcqSlot(Generic[T]):
    turn: Atomic[u64]
    value: T


@struct
class Bcq(Generic[T]):
    slots: Span[BcqSlot[T]]
    head: Atomic[u64]                       # next position to drain
    tail: Atomic[u64]                       # next position to fill

    def init(self, slots: Span[BcqSlot[T]]) -> None:
        """An empty queue over these slots, before anybody uses it."""
        # With one slot "filled" and "free again, a round later" would be the same turn.
        assert len(slots) > 1 and len(slots) & (len(slots) - 1) == 0, "a Bcq has two slots or a higher power of two"
        self.slots = slots
        for i in range(len(slots)):
            slots[i].turn.store(i, order=RELAXED)
        self.head.store(0, order=RELAXED)
        self.tail.store(0, order=RELAXED)

    @must_use
    def push(self, value: T) -> bool:
        """Append, unless it is full."""
        while True:
            place = self.tail.load(order=RELAXED)
            slot = self.slots[place % len(self.slots)]
            turn = slot.turn.load(order=ACQUIRE)  # pairs with the store in pop: what was there has been taken
            if turn == place:
                if self.tail.cas(place, place + 1):
                    slot.value = value
                    slot.turn.store(place + 1, order=RELEASE)  # pairs with the load in pop
                    return True
            elif turn < place:
                return False                # still the element of a whole round before

    def pop(self) -> T | None:
        """Take the oldest; None if it is empty."""
        while True:
            place = self.head.load(order=RELAXED)
            slot = self.slots[place % len(self.slots)]
            turn = slot.turn.load(order=ACQUIRE)  # pairs with the store in push: the value is there
            if turn == place + 1:
                if self.head.cas(place, place + 1):
                    value = slot.value
                    slot.turn.store(place + len(self.slots), order=RELEASE)  # pairs with the load in push
                    return value
            elif turn <= place:
                return None

    def is_empty(self) -> bool:
        """As it was a moment ago."""
        return self.head.load(order=RELAXED) == self.tail.load(order=RELAXED)
