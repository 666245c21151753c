# SPDX-License-Identifier: GPL-2.0-or-later
"""Slab caches: objects of one size in memory, cut from single pages, with a free list inside each page; each core keeps some in
magazines (kern/mm/magazine.py), so that `alloc` and `free` mostly take no lock.

Both never block and may be called with interrupts off. An object with a constructor keeps its constructed state while it is free; one
without has its first word used for the free list. The destructor sees an object before its page goes back.
A page whose objects are all free goes back to the page allocator, except one that is kept. When memory is short, what is in magazines
goes back to the slabs, and empty pages to memory (`shrink_caches`).
Checked builds guard each object (kern/abi/guard.py): `alloc` and `free` see to the guards; who calls `take_object` and `put_object`
does so itself.
Locks: `caches_lock` guards the list of caches; depots' locks; a cache's lock; then the page allocator's. All with interrupts off.
Caches of what is not memory: kern/mm/resource.py.
"""

from typing import Callable, Literal

from lang import CHECKED, Atomic, Kaddr, Paddr, PerCore, Ref, addr_of, at, ctz, never_blocks, noinline, panic, return_address, sizeof
from lang import struct, u32, u64
from arch import mmu, smp
from kern.abi.guard import GUARD_ROOM, prepare
from kern.core.percore import core, is_held
from kern.core.smp import call_on_all
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.buddy import Page, PageUse
from kern.mm.magazine import NOTHING, SMALLEST, Depot, Magazine, alloc_slow, drain_core, drain_depot, free_slow, pop, push, take_one
from kern.mm.pages import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Shrinker, free_pages, page_at, shrinkers, try_alloc_pages
from kern.mm.sanitize import check_freed, check_given
from kern.mm.trace import Trace
from kern.sync.spinlock import SpinLock


@struct
class FreeObject:
    next: u64                               # address of the next one's FreeObject, or 0


@struct
class SlabCache:
    name: str
    object_size: u64                        # what the user gets
    stride: u64                             # from one object to the next
    link_offset: u64                        # where in the object the free list's word lies
    per_page: u32
    front: u32                              # which of the CoreCaches is this cache's
    traced: Ref[Trace] | None
    record: Ref[Trace] | None               # of the last trace
    constructor: Callable[[u64], None] | None
    destructor: Callable[[u64], None] | None
    depot: Depot
    lock: SpinLock
    partial: IntrusiveList[Page, Literal["link"]]  # pages with a free object
    empty: u32                              # how many of those are wholly free
    pages: u64
    in_use: u64                             # objects, those in magazines included
    allocs: u64                             # objects that ever left the slabs
    link: ListLink["SlabCache"]

    def init(self, name: str, size: u64, align: u64, constructor: Callable[[u64], None] | None) -> None:
        """Set the cache up for objects of `size` bytes, at most a page, aligned to `align` (a power of two)."""
        self.init_bare(name, size, align)
        self.constructor = constructor
        if not CHECKED and constructor is not None:
            self.link_offset = (size + 7) // 8 * 8
            self.set_stride(self.link_offset + 8, align)
        with caches_lock.irqs_off():
            if self.front == 0:
                self.front = take_front()

    def init_bare(self, name: str, size: u64, align: u64) -> None:
        """The same without magazines, or a constructor."""
        self.name = name
        self.object_size = size
        self.constructor = None
        self.destructor = None
        self.depot.size = SMALLEST
        self.link_offset = 0
        self.set_stride((size + 7) // 8 * 8 + GUARD_ROOM if CHECKED else max(size, 8), align)
        if CHECKED:
            self.link_offset = self.stride - 8  # the guard's last word
        with caches_lock.irqs_off():
            if not self.link.linked:
                caches.push_back(self)

    def set_stride(self, room: u64, align: u64) -> None:
        step = max(align, 8)
        self.stride = (room + step - 1) // step * step
        self.per_page = u32(PAGE_SIZE // self.stride)
        assert self.per_page > 0, "slab object bigger than a page"

    @never_blocks
    @noinline
    def alloc(self) -> u64:
        """Address of an object; raises ENOMEM."""
        found = self.take_object()
        if CHECKED:
            check_given(found, self.stride, self.object_size, return_address(), self.constructor is not None)
        return found

    @never_blocks
    @noinline
    def free(self, address: u64) -> None:
        if CHECKED:
            self.check_start(address)
            check_freed(address, self.stride, return_address(), self.constructor is not None)
        self.put_object(address)

    def take_object(self) -> u64:
        """`alloc`, but for the guard."""
        found = pop(self.front)
        return found if found != NOTHING else alloc_slow(self)

    def put_object(self, address: u64) -> None:
        """`free`, but for the guard."""
        if not push(self.front, address):
            free_slow(self, address)

    # -- slabs ----------------------------------------------------------------------------------------------------
    def take(self) -> u64:
        """An object of the slabs, or NOTHING. Caller holds: lock."""
        page = self.partial.first()
        if page is None:
            return NOTHING
        if page.objects == 0:
            self.empty -= 1
        link = page.free_list
        page.free_list = at(FreeObject, link).next
        page.objects += 1
        self.in_use += 1
        self.allocs += 1
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
            # The pages that are wholly free stand last: the others are used up first.
            self.partial.remove(page)
            self.partial.push_back(page)
            self.empty += 1

    def check_start(self, address: u64) -> None:
        """That an address in one of this cache's pages is where an object starts."""
        if (address & PAGE_MASK) % self.stride != 0:
            panic(f"free of {address:#x}, inside a block at {address - (address & PAGE_MASK) % self.stride:#x}")

    def grow(self) -> bool:
        """One page more; False if there is none."""
        paddr = try_alloc_pages(0)
        if paddr is None:
            return False
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
        with self.lock.irqs_off():
            self.partial.push_back(page)
            self.empty += 1
            self.pages += 1
        return True

    def settle(self) -> None:
        """One page whose objects are all free is kept."""
        while self.empty > 1:
            self.shrink(1)

    def shrink(self, kept: u32) -> bool:
        """Give a page back whose objects are all free, if there are more than so many."""
        with self.lock.irqs_off():
            page = self.partial.last()
            if page is None or self.empty <= kept:
                return False
            assert page.objects == 0, "a page in use behind those that are free"
            self.partial.remove(page)
            self.empty -= 1
            self.pages -= 1
        destructor = self.destructor
        if destructor is not None:
            base = u64(mmu.phys_to_virt(Paddr(u64(page.number) << PAGE_SHIFT)))
            for i in range(u64(self.per_page)):
                destructor(base + i * self.stride)
        page.flags = page.flags & ~PageUse.SLAB
        free_pages(Paddr(u64(page.number) << PAGE_SHIFT), 0)
        return True

    def release_all(self) -> None:
        """All that is free goes back to memory, but for what other cores keep."""
        drain_depot(self)
        while self.shrink(0):
            pass

    def drain_cores(self) -> None:
        """No core keeps any. Interrupts are on, no spinlock is held."""
        call_on_all(drain_core_of, addr_of(self))

    def destroy(self) -> None:
        """Every object is free: forget the cache. Interrupts are on, no spinlock is held."""
        self.drain_cores()
        self.release_all()
        assert self.pages == 0, "a cache is destroyed of which an object is in use"
        with caches_lock.irqs_off():
            caches.remove(self)
            drop_front(self.front)
        self.front = 0


caches_lock = SpinLock()
caches = IntrusiveList[SlabCache, Literal["link"]]()
free_fronts: u64 = (1 << 48) - 2            # a bit for each of FRONTS but the first
magazines = SlabCache()


def init_slabs() -> None:
    """Once, before the first cache."""
    magazines.init_bare("magazine", sizeof(Magazine), 8)


def take_front() -> u32:
    """Room in each core's caches; 0, which holds nothing, if all are taken. Caller holds: `caches_lock`."""
    global free_fronts
    if free_fronts == 0:
        return 0
    front = ctz(free_fronts)
    free_fronts &= free_fronts - 1
    return u32(front)


def drop_front(front: u32) -> None:
    """Caller holds: `caches_lock`. No core keeps anything there."""
    global free_fronts
    if front != 0:
        free_fronts |= u64(1) << front


def new_magazine() -> Magazine | None:
    found = take_one(magazines)
    if found == NOTHING and magazines.grow():
        found = take_one(magazines)
    if found == NOTHING:
        return None
    if CHECKED:
        check_given(found, magazines.stride, sizeof(Magazine), return_address(), False)
    return at(Magazine, found)


def drop_magazine(magazine: Magazine) -> None:
    if CHECKED:
        check_freed(addr_of(magazine), magazines.stride, return_address(), False)
    with magazines.lock.irqs_off():
        magazines.put(addr_of(magazine))


def page_of_object(address: u64) -> Page:
    """The record of the page that an address in the direct map lies in."""
    return page_at(mmu.virt_to_phys(Kaddr(address & ~PAGE_MASK)))


# -- when memory is short -----------------------------------------------------------------------------------------
drains_asked = Atomic[u64](0)
drains_done = PerCore[Atomic[u64]]()        # of those, as each core has seen them


@shrinkers
class SlabShrinker(Shrinker):
    """What magazines hold goes back to the slabs, and what is empty there to memory: this core's at once, the others' soon.

    A core that a process holds keeps its few until it is interrupted for something else.
    """

    def shrink(self) -> None:
        drains_asked.add(1)
        serve_drain()
        with caches_lock.irqs_off():
            cache = caches.first()
            while cache is not None:
                cache.release_all()
                cache = caches.after(cache)
        magazines.release_all()             # which came free only now
        # Each, whether or not it has yet to heed somebody's earlier request: that was for what it kept then.
        for id in range(smp.core_count()):
            if id != core.mine.core_id and not is_held(id):
                smp.send_ipi(id)


def serve_drain() -> None:
    """If any core is short of memory, this one keeps nothing. From the handler of interrupts between cores."""
    while (asked := drains_asked.load()) != drains_done.mine.load():
        drain_this_core()
        drains_done.mine.store(asked)


def drain_this_core() -> None:
    """This core keeps no object of any cache."""
    with caches_lock.irqs_off():
        cache = caches.first()
        while cache is not None:
            drain_core(cache)
            while cache.shrink(0):
                pass
            cache = caches.after(cache)


def drain_core_of(address: u64) -> None:
    drain_core(at(SlabCache, address))
