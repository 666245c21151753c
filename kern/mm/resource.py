# SPDX-License-Identifier: GPL-2.0-or-later
"""Slab caches of what is not memory, or must not be touched: ids, addresses, ranges of an arena (Bonwick and Adams' quantum caches, and
"NOTOUCH" caches). What is known of an object stands in a `Control` beside it, found by a hash table; magazines (kern/mm/magazine.py)
spare both, most of the time.

A slab is a piece of the arena that holds OBJECTS of them, or fewer when it has no such piece. Every object is a multiple of the arena's
quantum if the size is.
`alloc` and `free` never block, and may be called with interrupts off.
Locks: depots' locks; a cache's lock; neither is held while anything is allocated. `caches_lock` (kern/mm/slab.py) guards the list.
"""

from typing import Literal

from lang import Error, Ref, Span, Text, addr_of, array, at, free, new, never_blocks, struct, text, u32, u64
from kern.core.smp import call_on_all
from kern.lib.hashmap import HashMap
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.arena import Arena
from kern.mm.magazine import NOTHING, Depot, alloc_slow, drain_core, drain_depot, free_slow, pop, push
from kern.mm.pages import Shrinker, shrinkers
from kern.mm.segments import Fit
from kern.mm.slab import caches_lock, drop_front, take_front
from kern.mm.trace import Trace
from kern.sync.spinlock import SpinLock

OBJECTS: u64 = 16


@struct
class Control:
    object: u64
    slab: Ref["ResourceSlab"] | None
    next: Ref["Control"] | None             # of the slab's free ones
    hash_key: u64                           # while it is out: the object
    hash_next: Ref["Control"] | None


@struct
class ResourceSlab:
    start: u64
    controls: Span[Control]
    free: Ref[Control] | None
    busy: u64
    link: ListLink["ResourceSlab"]


@struct
class ResourceCache:
    name: Text = text(32)
    object_size: u64
    front: u32
    source: Ref[Arena] | None
    traced: Ref[Trace] | None
    record: Ref[Trace] | None               # of the last trace
    depot: Depot
    lock: SpinLock
    partial: IntrusiveList[ResourceSlab, Literal["link"]]  # slabs with a free object
    empty: u32                              # how many of those are wholly free
    out: HashMap[Control]
    slabs: u64
    in_use: u64                             # objects, those in magazines included
    allocs: u64                             # objects that ever left the slabs
    link: ListLink["ResourceCache"]

    def init(self, name: str, size: u64, source: Arena) -> None:
        """A cache of pieces of an arena, `size` each, called name-size."""
        self.name.clear()
        self.name.write(f"{name}-{size}")
        self.object_size = size
        self.source = source
        with caches_lock.irqs_off():
            self.front = take_front()
            resource_caches.push_back(self)

    def arena(self) -> Arena:
        source = self.source
        assert source is not None, "a cache that was not set up"
        return source

    @never_blocks
    def alloc(self) -> u64:
        """An object; raises ENOMEM."""
        found = pop(self.front)
        return found if found != NOTHING else alloc_slow(self)

    @never_blocks
    def free(self, object: u64) -> None:
        if not push(self.front, object):
            free_slow(self, object)

    # -- slabs ----------------------------------------------------------------------------------------------------
    def take(self) -> u64:
        """An object of the slabs, or NOTHING. Caller holds: lock."""
        slab = self.partial.first()
        if slab is None:
            return NOTHING
        control = slab.free
        assert control is not None, "a full slab among those that are not"
        slab.free = control.next
        if slab.busy == 0:
            self.empty -= 1
        slab.busy += 1
        self.in_use += 1
        self.allocs += 1
        if slab.free is None:
            self.partial.remove(slab)
        self.out.insert(control.object, control)
        return control.object

    def put(self, object: u64) -> None:
        """Caller holds: lock."""
        control = self.out.remove(object)
        assert control is not None, "free of what is not of this cache, or was freed already"
        slab = control.slab
        assert slab is not None
        if slab.free is None:
            self.partial.push_front(slab)
        control.next = slab.free
        slab.free = control
        slab.busy -= 1
        self.in_use -= 1
        if slab.busy == 0:
            # The slabs that are wholly free stand last: the others are used up first.
            self.partial.remove(slab)
            self.partial.push_back(slab)
            self.empty += 1

    def grow(self) -> bool:
        """A slab of as many objects as the arena has in one piece."""
        count = OBJECTS
        while count > 0:
            try:
                self.add_slab(count)
                return True
            except Error:
                count //= 2
        return False

    def add_slab(self, count: u64) -> None:
        source = self.arena()
        start = source.alloc_segment(count * self.object_size, Fit.INSTANT)
        try:
            slab = new(ResourceSlab, start=start)
        except Error:
            source.free_segment(start, count * self.object_size)
            raise
        try:
            slab.controls = new(array(count, Control))
        except Error:
            free(slab)
            source.free_segment(start, count * self.object_size)
            raise
        for i in range(count):
            control = slab.controls[count - 1 - i]
            control.object = start + (count - 1 - i) * self.object_size
            control.slab = slab
            control.next = slab.free
            slab.free = control
        with self.lock.irqs_off():
            self.partial.push_back(slab)
            self.empty += 1
            self.slabs += 1

    def settle(self) -> None:
        """One slab whose objects are all free is kept."""
        while self.empty > 1:
            self.shrink(1)

    def shrink(self, kept: u32) -> bool:
        """Give a slab back whose objects are all free, if there are more than so many."""
        with self.lock.irqs_off():
            slab = self.partial.last()
            if slab is None or self.empty <= kept:
                return False
            assert slab.busy == 0, "a slab in use behind those that are free"
            self.partial.remove(slab)
            self.empty -= 1
            self.slabs -= 1
        self.arena().free_segment(slab.start, len(slab.controls) * self.object_size)
        free(slab.controls)
        free(slab)
        return True

    def release_all(self) -> None:
        """All that is free goes back to the arena, but for what other cores keep."""
        drain_depot(self)
        while self.shrink(0):
            pass

    def drain_cores(self) -> None:
        """No core keeps any. Interrupts are on, no spinlock is held."""
        call_on_all(drain_resource_core, addr_of(self))

    def destroy(self) -> None:
        """Every object is free: forget the cache. Interrupts are on, no spinlock is held."""
        self.drain_cores()
        self.release_all()
        assert self.slabs == 0, "a cache is destroyed of which an object is in use"
        with caches_lock.irqs_off():
            resource_caches.remove(self)
            drop_front(self.front)
        self.front = 0


resource_caches = IntrusiveList[ResourceCache, Literal["link"]]()


def drain_resource_core(address: u64) -> None:
    drain_core(at(ResourceCache, address))


@shrinkers
class ResourceShrinker(Shrinker):
    """Slabs that nobody uses go back to their arenas, and what is known of them to memory."""

    def shrink(self) -> None:
        with caches_lock.irqs_off():
            cache = resource_caches.first()
            while cache is not None:
                drain_core(cache)
                cache.release_all()
                cache = resource_caches.after(cache)
