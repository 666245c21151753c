# SPDX-License-Identifier: GPL-2.0-or-later
"""The work-stealing deque: an owner against thieves. Each item goes to exactly one of them, with what it points at."""

from lang import Array, Atomic, addr_of, array, struct, u64
from parlib.deque import LOST, NOTHING, Deque

STAND_INS = "tests/host/machine"


@struct
class Item:
    filled: u64  # a plain field: who gets the item must see it
    got: Atomic[u64]


@struct
class Stealing:
    """The owner adds two and takes two; one thief tries twice: the last item is where they meet."""

    deque: Deque
    items: Array[Item] = array(2)
    PREEMPTIONS = 3
    STALE_READS = 2

    def number_of(self, address: u64) -> u64:
        return (address - addr_of(self.items[0])) // (addr_of(self.items[1]) - addr_of(self.items[0]))

    def get(self, address: u64) -> None:
        item = self.items[self.number_of(address)]
        assert item.filled == 7, "an item that is not filled in"
        assert item.got.add(1) == 0, "an item twice"

    def add(self, number: u64) -> None:
        self.items[number].filled = 7
        assert self.deque.push(addr_of(self.items[number])), "no room"

    def thread_owner(self) -> None:
        self.add(0)
        self.add(1)
        for _ in range(2):
            found = self.deque.take()
            if found != NOTHING:
                self.get(found)

    def thread_thief(self) -> None:
        for _ in range(2):
            found = self.deque.steal()
            if found != NOTHING and found != LOST:
                self.get(found)

    def check(self) -> None:
        while True:
            found = self.deque.take()
            if found == NOTHING:
                break
            self.get(found)
        assert self.items[0].got.load() == 1 and self.items[1].got.load() == 1, "an item was lost"


@struct
class TwoThieves:
    """One item, and everybody wants it."""

    deque: Deque
    item: Item
    PREEMPTIONS = 2
    STALE_READS = 2

    def setup(self) -> None:
        self.item.filled = 7
        assert self.deque.push(addr_of(self.item))

    def get(self) -> None:
        assert self.item.filled == 7, "an item that is not filled in"
        assert self.item.got.add(1) == 0, "an item twice"

    def thread_owner(self) -> None:
        if self.deque.take() != NOTHING:
            self.get()

    def steal(self) -> None:
        found = self.deque.steal()
        if found != NOTHING and found != LOST:
            self.get()

    def thread_one(self) -> None:
        self.steal()

    def thread_two(self) -> None:
        self.steal()

    def check(self) -> None:
        if self.deque.take() != NOTHING:
            self.get()
        assert self.item.got.load() == 1, "the item was lost"
