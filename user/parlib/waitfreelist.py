# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bag of addresses that any number of threads fill and empty, none ever waiting for another: after Akaros' waitfreelist.

It is a list of slots that only grows. An insertion takes the first empty slot, or appends one; a removal takes what it finds first.
"""

from lang import ACQ_REL, ACQUIRE, RELEASE, Atomic, Ref, free, new, struct, u64


@struct
class Slot:
    next: Atomic[Ref["Slot"] | None]
    data: Atomic[u64]                       # 0: empty


@struct
class WaitFreeList:
    first: Slot

    def insert(self, data: u64) -> None:
        """`data` is not 0. Raises ENOMEM."""
        assert data != 0, "an empty element"
        slot = self.first
        while True:
            if slot.data.load() == 0 and slot.data.cas(0, data, order=RELEASE):  # pairs with the swap in remove
                return
            following = slot.next.load(order=ACQUIRE)
            if following is None:
                break
            slot = following
        made = new(Slot)
        made.data.store(data)
        while not slot.next.cas(None, made, order=RELEASE):  # pairs with the loads of `next`
            following = slot.next.load(order=ACQUIRE)
            if following is not None:
                slot = following

    def remove(self) -> u64:
        """Some element, which is taken out; 0 if there was none."""
        slot = self.first
        while True:
            if slot.data.load() != 0:
                data = slot.data.swap(0, order=ACQ_REL)
                if data != 0:
                    return data
            following = slot.next.load(order=ACQUIRE)
            if following is None:
                return 0
            slot = following

    def remove_all(self, data: u64) -> u64:
        """Take out all that equal `data`; how many."""
        count: u64 = 0
        slot = self.first
        while True:
            if slot.data.load() == data and slot.data.cas(data, 0):
                count += 1
            following = slot.next.load(order=ACQUIRE)
            if following is None:
                return count
            slot = following

    def size(self) -> u64:
        """Elements, as far as others let that be told."""
        count: u64 = 0
        slot = self.first
        while True:
            if slot.data.load() != 0:
                count += 1
            following = slot.next.load(order=ACQUIRE)
            if following is None:
                return count
            slot = following

    def capacity(self) -> u64:
        """Slots."""
        count: u64 = 1
        slot = self.first.next.load(order=ACQUIRE)
        while slot is not None:
            count += 1
            slot = slot.next.load(order=ACQUIRE)
        return count

    def destroy(self) -> None:
        """Give the slots back; it is empty, and nobody uses it any more."""
        slot = self.first.next.load()
        while slot is not None:
            following = slot.next.load()
            free(slot)
            slot = following
        self.first.next.store(None)
