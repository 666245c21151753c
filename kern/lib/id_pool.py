# SPDX-License-Identifier: GPL-2.0-or-later
"""IdPool: small numbers that are in use by one owner at a time, for tags and handles. Constant time each; no lock: the caller has one."""

from lang import Span, struct, u16, u64

TAKEN: u16 = 0xFFFF                         # marks a number that is in use


@struct
class IdPool:
    next_free: Span[u16]                    # by number: the free one after it, or TAKEN
    first: u64                              # the free number to give next; len(next_free): none is free
    left: u64

    def init(self, storage: Span[u16]) -> None:
        """All numbers below len(storage), at most 65535, are free."""
        assert len(storage) < u64(TAKEN), "an IdPool has fewer than 65535 numbers"
        self.next_free = storage
        for i in range(len(storage)):
            storage[i] = u16(i + 1)
        self.first = 0
        self.left = len(storage)

    def take(self) -> u64 | None:
        """A number that nobody has: the one given back last. None if all are in use."""
        if self.left == 0:
            return None
        id = self.first
        self.first = u64(self.next_free[id])
        self.next_free[id] = TAKEN
        self.left -= 1
        return id

    def give_back(self, id: u64) -> None:
        assert self.is_taken(id), "a number is given back that is not in use"
        self.next_free[id] = u16(self.first)
        self.first = id
        self.left += 1

    def is_taken(self, id: u64) -> bool:
        return id < len(self.next_free) and self.next_free[id] == TAKEN
