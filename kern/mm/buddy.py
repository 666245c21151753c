# SPDX-License-Identifier: GPL-2.0-or-later
"""The buddy allocator: blocks of 2**order pages, split on demand and joined again when both halves are free.

It works on an array of Page records alone and knows neither addresses nor locks, so that it runs on a host as well.
Invariants: a free block is aligned to its size, its first record says FREE and its order, and it is in that order's
list; no block is free together with its buddy below MAX_ORDER; free_count is the sum over the lists.
"""

from enum import IntFlag
from typing import Literal

from lang import Array, Atomic, Span, array, i32, struct, u8, u16, u32, u64
from kern.lib.list import IntrusiveList, ListLink

MAX_ORDER: u32 = 9                          # 2 MiB: a jumbo page
ORDERS: u32 = 10
KEPT: u64 = 4                               # blocks of that order that are kept in here


class PageUse(u8, IntFlag):
    FREE = 1                                # first page of a free block
    SLAB = 2                                # cut up by a slab cache
    LARGE = 4                               # first page of a big heap block
    RAM = 8                                 # governed by the allocator at all
    KEPT = 16                               # free, in the stock of a core or their depot


@struct
class Page:
    link: ListLink["Page"]                  # in a free list; its owner's while it is allocated
    refs: Atomic[i32]                       # references; 0 when free
    number: u32                             # its page frame number
    order: u8                               # of the block that it is first of
    flags: PageUse
    objects: u16                            # slab: objects in use
    owner: u64                              # slab: the cache; otherwise the user's own
    free_list: u64                          # slab: first free object


@struct
class Buddy:
    pages: Span[Page]                       # by frame number
    free: Array[IntrusiveList[Page, Literal["link"]]] = array(ORDERS)
    free_count: u64                         # pages
    total_count: u64                        # pages that were given to it
    allocs: u64                             # ever

    def page(self, pfn: u64) -> Page:
        return self.pages[pfn]

    def covers(self, pfn: u64) -> bool:
        return pfn < len(self.pages) and PageUse.RAM in self.pages[pfn].flags

    def make_records(self, first: u64, end: u64) -> None:
        """Fill in the records of pages that are memory."""
        for pfn in range(first, end):
            self.pages[pfn].flags = PageUse.RAM
            self.pages[pfn].number = u32(pfn)

    def add_range(self, first: u64, end: u64) -> None:
        """Give the pages first..end-1 to the allocator, in the biggest aligned blocks. They have records."""
        self.total_count += end - first
        pfn = first
        while pfn < end:
            order: u32 = MAX_ORDER
            while pfn & ((u64(1) << order) - 1) != 0 or pfn + (u64(1) << order) > end:
                order -= 1
            self.release(pfn, order)
            pfn += u64(1) << order

    def alloc(self, order: u32) -> u64 | None:
        """Take a block; None if there is none so big. Its first page gets one reference."""
        have = order
        while have <= MAX_ORDER and self.free[have].is_empty():
            have += 1
        if have > MAX_ORDER:
            return None
        page = self.free[have].pop_front()
        assert page is not None, "an empty list that was not"
        page.flags = page.flags & ~PageUse.FREE
        # Split down: keep the lower half, free the upper.
        while have > order:
            have -= 1
            self.insert(self.pages[u64(page.number) + (u64(1) << have)], have)
        page.order = u8(order)
        page.refs.store(1)
        self.free_count -= u64(1) << order
        self.allocs += 1
        return u64(page.number)

    def give_back(self, pfn: u64, order: u32) -> None:
        """Return a block that `alloc(order)` gave."""
        page = self.pages[pfn]
        assert PageUse.RAM in page.flags, "free of a page that is no memory"
        assert PageUse.FREE not in page.flags, "block freed twice"
        assert u32(page.order) == order, "block freed with another order than it was taken with"
        self.release(pfn, order)

    def has_spare_largest(self) -> bool:
        """Whether more blocks of MAX_ORDER are free than are kept in here."""
        return self.free[MAX_ORDER].count > KEPT

    def take_largest(self) -> u64 | None:
        """Take such a block out for good."""
        if not self.has_spare_largest():
            return None
        page = self.free[MAX_ORDER].pop_front()
        assert page is not None, "an empty list that was not"
        page.flags = page.flags & ~PageUse.FREE
        self.free_count -= u64(1) << MAX_ORDER
        self.total_count -= u64(1) << MAX_ORDER
        return u64(page.number)

    def release(self, pfn: u64, order: u32) -> None:
        self.free_count += u64(1) << order
        first = pfn
        size = order
        while size < MAX_ORDER:
            other = first ^ (u64(1) << size)
            if not self.is_free_block(other, size):
                break
            buddy = self.pages[other]
            self.free[size].remove(buddy)
            buddy.flags = buddy.flags & ~PageUse.FREE
            first = min(first, other)
            size += 1
        self.insert(self.pages[first], size)

    def is_free_block(self, pfn: u64, order: u32) -> bool:
        if pfn >= len(self.pages):
            return False
        page = self.pages[pfn]
        return PageUse.FREE in page.flags and u32(page.order) == order

    def insert(self, page: Page, order: u32) -> None:
        page.refs.store(0)
        page.flags = PageUse.RAM | PageUse.FREE
        page.order = u8(order)
        self.free[order].push_front(page)
