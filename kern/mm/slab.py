# SPDX-License-Identifier: GPL-2.0-or-later
"""Slab caches: objects of one size, cut from single pages, with a free list inside each page.

`alloc` and `free` never block and may be called with interrupts off. An object with a constructor keeps its constructed
state while it is free; one without has its first word used for the free list.
A page whose objects are all free goes back to the page allocator, except one that is kept.
Checked builds guard each object (kern/abi/guard.py): `alloc` and `free` see to the guards; who calls `take` and `put` does so itself.
Locks: a cache's lock, then the page allocator's. Taken with interrupts off.
"""

from typing import Callable, Literal

from lang import CHECKED, Error, Kaddr, Paddr, addr_of, at, never_blocks, noinline, panic, return_address, struct, u32, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.abi.guard import GUARD_ROOM, prepare
from kern.lib.list import IntrusiveList
from kern.mm.buddy import Page, PageUse
from kern.mm.pages import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, free_pages, page_at, try_alloc_pages
from kern.mm.sanitize import check_freed, check_given
from kern.sync.spinlock import SpinLock


@struct
class FreeObject:
    next: u64                               # address of the next one's FreeObject, or 0


@struct
class SlabCache:
    object_size: u64                        # what the user gets
    stride: u64                             # from one object to the next
    link_offset: u64                        # where in the object the free list's word lies
    per_page: u32
    constructor: Callable[[u64], None] | None
    lock: SpinLock
    partial: IntrusiveList[Page, Literal["link"]]  # pages with a free object
    empty: u32                              # how many of those are wholly free
    in_use: u64                             # objects

    def init(self, size: u64, align: u64, constructor: Callable[[u64], None] | None) -> None:
        """Set the cache up for objects of `size` bytes, at most a page, aligned to `align` (a power of two)."""
        self.object_size = size
        self.constructor = constructor
        room = max(size, 8)
        self.link_offset = 0
        step = max(align, 8)
        if CHECKED:
            room = (size + 7) // 8 * 8 + GUARD_ROOM
        elif constructor is not None:
            self.link_offset = (size + 7) // 8 * 8
            room = self.link_offset + 8
        self.stride = (room + step - 1) // step * step
        if CHECKED:
            self.link_offset = self.stride - 8  # the guard's last word
        self.per_page = u32(PAGE_SIZE // self.stride)
        assert self.per_page > 0, "slab object bigger than a page"

    @never_blocks
    @noinline
    def alloc(self) -> u64:
        """Address of an object; raises ENOMEM."""
        with self.lock.irqs_off():
            found = self.take()
        if found == 0:
            raise Error(Errno.ENOMEM, f"no memory for an object of {self.object_size} bytes")
        if CHECKED:
            check_given(found, self.stride, self.object_size, return_address(), self.constructor is not None)
        return found

    @never_blocks
    @noinline
    def free(self, address: u64) -> None:
        if CHECKED:
            self.check_start(address)
            check_freed(address, self.stride, return_address(), self.constructor is not None)
        with self.lock.irqs_off():
            self.put(address)

    def take(self) -> u64:
        """An object or 0. Caller holds: lock."""
        page = self.partial.first()
        if page is None:
            page = self.grow()
            if page is None:
                return 0
        if page.objects == 0:
            self.empty -= 1
        link = page.free_list
        page.free_list = at(FreeObject, link).next
        page.objects += 1
        self.in_use += 1
        if page.free_list == 0:
            self.partial.remove(page)
        return link - self.link_offset

    def put(self, address: u64) -> None:
        """Caller holds: lock."""
        page = page_of_object(address)
        assert page.owner == addr_of(self), "object freed into another cache"
        assert page.objects > 0, "object freed twice"
        link = address + self.link_offset
        at(FreeObject, link).next = page.free_list
        if page.free_list == 0:
            self.partial.push_front(page)
        page.free_list = link
        page.objects -= 1
        self.in_use -= 1
        if page.objects == 0:
            self.empty += 1
            if self.empty > 1:
                self.shrink(page)

    def check_start(self, address: u64) -> None:
        """That an address in one of this cache's pages is where an object starts."""
        if (address & PAGE_MASK) % self.stride != 0:
            panic(f"free of {address:#x}, inside a block at {address - (address & PAGE_MASK) % self.stride:#x}")

    def grow(self) -> Page | None:
        paddr = try_alloc_pages(0)
        if paddr is None:
            return None
        page = page_at(paddr)
        page.flags = page.flags | PageUse.SLAB
        page.owner = addr_of(self)
        page.objects = 0
        page.free_list = 0
        base = u64(mmu.phys_to_virt(paddr))
        constructor = self.constructor
        for i in range(u64(self.per_page)):
            object = base + (u64(self.per_page) - 1 - i) * self.stride
            if constructor is not None:
                constructor(object)
            if CHECKED:
                prepare(object, self.stride, constructor is not None)
            at(FreeObject, object + self.link_offset).next = page.free_list
            page.free_list = object + self.link_offset
        self.partial.push_front(page)
        self.empty += 1
        return page

    def shrink(self, page: Page) -> None:
        self.partial.remove(page)
        self.empty -= 1
        page.flags = page.flags & ~PageUse.SLAB
        free_pages(Paddr(u64(page.number) << PAGE_SHIFT), 0)


def page_of_object(address: u64) -> Page:
    """The record of the page that an address in the direct map lies in."""
    return page_at(mmu.virt_to_phys(Kaddr(address & ~PAGE_MASK)))
