# SPDX-License-Identifier: LGPL-2.1-or-later
"""A work-stealing deque of fixed size: one owner adds and takes at the bottom, anybody steals at the top. No locks.

D. Chase, Y. Lev: Dynamic circular work-stealing deque (SPAA 2005); orders in memory as proved in N. M. Lê, A. Pop, A. Cohen, F. Zappella
Nardelli: Correct and efficient work-stealing for weak memory models (PPoPP 2013). It does not grow, since nothing may be allocated where
it is used: who adds must have somewhere else for what has no room. Items are addresses, or anything that is not 0.
All zero is an empty one. Owner: a vcore, in vcore context or with notifications disabled.
"""

from lang import ACQUIRE, RELAXED, RELEASE, SEQ_CST, Array, Atomic, array, fence, must_use, struct, u64

CAPACITY: u64 = 256
NOTHING: u64 = 0                            # there was none
LOST: u64 = 1                               # somebody else got the one that was about to be stolen: there may be more


@struct(align=64)
class Deque:
    """`top` and `bottom` count all items ever stolen and added; the items between them are there."""

    bottom: Atomic[u64]                     # written by the owner
    unused: Array[u64] = array(7)           # so that thieves do not share the line
    top: Atomic[u64]                        # only rises
    slots: Array[Atomic[u64]] = array(CAPACITY)

    @must_use
    def push(self, item: u64) -> bool:
        """Add at the bottom; False if there is no room. The owner."""
        bottom = self.bottom.load(order=RELAXED)
        top = self.top.load(order=ACQUIRE)  # pairs with the cas of steal: the thief has read the slot that is written here
        if bottom - top >= CAPACITY:
            return False
        self.slots[bottom % CAPACITY].store(item, order=RELAXED)
        fence(RELEASE)                      # pairs with the load of `bottom` in steal, whichever later store that reads
        self.bottom.store(bottom + 1, order=RELAXED)
        return True

    def take(self) -> u64:
        """The item that was added last, or NOTHING. The owner."""
        bottom = self.bottom.load(order=RELAXED)
        if bottom == self.top.load(order=RELAXED):
            return NOTHING                  # only the owner adds, so this does not change behind its back
        bottom -= 1
        self.bottom.store(bottom, order=RELAXED)
        fence(SEQ_CST)                      # pairs with the fence of steal: of owner and thief one sees the other, so no item goes twice
        top = self.top.load(order=RELAXED)
        item = NOTHING
        if top <= bottom:
            item = self.slots[bottom % CAPACITY].load(order=RELAXED)
            if top < bottom:
                return item
            if not self.top.cas(top, top + 1):  # the last one: as if we stole it
                item = NOTHING
        self.bottom.store(bottom + 1, order=RELAXED)
        return item

    def steal(self) -> u64:
        """The item that was added first, NOTHING, or LOST. Anybody, the owner too."""
        top = self.top.load(order=ACQUIRE)
        fence(SEQ_CST)                      # pairs with the fence of take
        bottom = self.bottom.load(order=ACQUIRE)  # pairs with the fence of push: what the item points at is seen
        if top >= bottom:
            return NOTHING
        item = self.slots[top % CAPACITY].load(order=RELAXED)
        if not self.top.cas(top, top + 1):
            return LOST
        return item

    def is_empty(self) -> bool:
        """A moment ago. Anybody."""
        return self.top.load() >= self.bottom.load()

    def count(self) -> u64:
        """About so many. Anybody."""
        top = self.top.load(order=RELAXED)
        bottom = self.bottom.load(order=RELAXED)
        return bottom - top if bottom > top else u64(0)
