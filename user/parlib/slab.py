# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slab caches for programs: objects of one size, kept constructed while they are free. After Bonwick (USENIX 1994).

A cache takes slabs of whole pages from the heap, and gives them back when all their objects are free and `reap` is called.
Lock: each cache's own, a leaf, never held while the heap is asked or a constructor runs.
"""

from typing import Callable, Literal

from lang import Errno, Error, Ptr, Span, addr_of, array, at, free, must_use, new, struct, u8, u64
from kern.lib.list import IntrusiveList, ListLink
from parlib.pdr import PdrLock

SLAB_SIZE: u64 = 16384
HEADER: u64 = 64                            # of a slab, before its objects
LINK: u64 = 16                              # before each object: the next free one, and its slab


def no_action(address: u64) -> None:
    """The constructor and destructor of caches that have none."""


@struct
class Slab:
    link: ListLink["Slab"]
    memory: Span[u8]
    used: u64                               # objects given out


@struct
class SlabCache:
    """`open` first. An object is an address, with room for `size` bytes."""

    name: str
    size: u64
    step: u64                               # from one object to the next
    constructor: Callable[[u64], None]
    destructor: Callable[[u64], None]
    lock: PdrLock
    free_list: u64                          # address of the first free object's link, or 0
    slabs: IntrusiveList[Slab, Literal["link"]]
    given: u64                              # objects that are out
    total: u64                              # objects in all slabs

    def open(self, name: str, size: u64, align: u64, constructor: Callable[[u64], None], destructor: Callable[[u64], None]) -> None:
        """Raises EINVAL for what cannot be: no size, an alignment that is no power of two, more than a quarter of a slab."""
        if size == 0 or align == 0 or align & (align - 1) != 0 or align > 64 or size > SLAB_SIZE // 4:
            raise Error(Errno.EINVAL, f"no slab holds objects of {size} bytes aligned to {align}")
        self.name = name
        self.size = size
        unit = max(align, u64(16))
        self.step = (size + LINK + unit - 1) // unit * unit
        self.constructor = constructor
        self.destructor = destructor

    def allocate(self) -> u64:
        """Address of a constructed object. Raises ENOMEM."""
        while True:
            with self.lock:
                link = self.free_list
                if link != 0:
                    words = Ptr[u64](link)
                    self.free_list = words[0]
                    slab_of(link).used += 1
                    self.given += 1
                    return link + LINK
            self.grow()

    def release(self, address: u64) -> None:
        """Give it back as it was constructed."""
        link = address - LINK
        with self.lock:
            Ptr[u64](link)[0] = self.free_list
            self.free_list = link
            slab_of(link).used -= 1
            self.given -= 1

    def grow(self) -> None:
        """One more slab. Raises ENOMEM."""
        slab = new(Slab)
        try:
            slab.memory = new(array(SLAB_SIZE, u8))
        except Error:
            free(slab)
            raise
        start = (addr_of(slab.memory) + HEADER - 1) // HEADER * HEADER + HEADER - LINK
        end = addr_of(slab.memory) + SLAB_SIZE
        first: u64 = 0
        last: u64 = 0
        count: u64 = 0
        while start + self.step <= end:
            words = Ptr[u64](start)
            words[0] = first
            words[1] = addr_of(slab)
            if last == 0:
                last = start
            first = start
            self.constructor(start + LINK)
            start += self.step
            count += 1
        with self.lock:
            Ptr[u64](last)[0] = self.free_list
            self.free_list = first
            self.total += count
            self.slabs.push_front(slab)

    def reap(self) -> u64:
        """Give slabs back of which nothing is out; how many."""
        count: u64 = 0
        while (slab := self.take_empty()) is not None:
            self.destroy(slab)
            count += 1
        return count

    def take_empty(self) -> Slab | None:
        """Take a slab without users off all lists."""
        with self.lock:
            slab = self.slabs.first()
            while slab is not None and slab.used > 0:
                slab = self.slabs.after(slab)
            if slab is not None:
                self.slabs.remove(slab)
                self.drop_links(addr_of(slab))
            return slab

    def drop_links(self, slab: u64) -> None:
        """Take a slab's objects off the free list. Caller holds: `lock`."""
        kept: u64 = 0
        link = self.free_list
        while link != 0:
            words = Ptr[u64](link)
            following = words[0]
            if words[1] == slab:
                self.total -= 1
            else:
                words[0] = kept
                kept = link
            link = following
        self.free_list = kept

    def destroy(self, slab: Slab) -> None:
        start = (addr_of(slab.memory) + HEADER - 1) // HEADER * HEADER + HEADER - LINK
        while start + self.step <= addr_of(slab.memory) + SLAB_SIZE:
            self.destructor(start + LINK)
            start += self.step
        free(slab.memory)
        free(slab)

    @must_use
    def close(self) -> bool:
        """Give everything back; false if objects are still out, and then nothing is closed."""
        if self.given > 0:
            return False
        self.reap()
        return True


def slab_of(link: u64) -> Slab:
    return at(Slab, Ptr[u64](link)[1])
