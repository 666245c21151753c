# SPDX-License-Identifier: GPL-2.0-or-later
"""Magazines: why most allocations from a cache touch nothing but their core's own memory. After Bonwick and Adams, "Magazines and
Vmem", USENIX 2001.

Each cache has, on each core, room for two magazines of free objects. When they are used up, one comes from the cache's depot; when they
are full, one goes there. So a core goes to the depot once in as many calls as a magazine holds, whatever the order of allocations
and frees. A depot whose lock is often held by another core makes its magazines larger.
Where the depot has none, objects come from and go to the slabs (kern/mm/slab.py, kern/mm/resource.py).
While a cache is traced (kern/mm/trace.py) it has no magazines: every call comes by the slow path, which notes it.

A cache is any class with these fields: `front`, `depot`, `lock`, `traced`, `record`, `object_size`; and the methods of `Slabs`.
Locks: a depot's lock; a cache's lock. A core's own objects are guarded by interrupts being off.
"""

from typing import Protocol, TypeVar

from lang import Array, Error, PerCore, Ref, array, inline, likely, new, noinline, struct, u32, u64
from arch import cpu
from kern.abi.errno import Errno
from kern.mm.pages import reclaim
from kern.mm.slab import drop_magazine, new_magazine
from kern.mm.trace import Trace
from kern.sync.spinlock import SpinLock

NOTHING: u64 = 0xFFFF_FFFF_FFFF_FFFF        # no object: ids may be 0
FRONTS: u32 = 48                            # caches that may have magazines
ROOM: u64 = 63                              # objects that a core may keep of one cache: 512 bytes, with their number
SMALLEST: u32 = 8                           # objects in a magazine
LARGEST: u32 = 31                           # two of these fit in the room
BUSY: u32 = 16                              # times that a depot is found locked before its magazines grow
MOST_FULL: u64 = 32                         # magazines that a depot keeps; more objects go back to their slabs


@struct
class CoreCache:
    count: u32
    limit: u32                              # 0: none are kept, and the slow path looks why
    objects: Array[u64] = array(ROOM)


@struct(align=64)
class CoreCaches:
    """Nothing is ever kept in the first one: it belongs to all caches that have no magazines."""

    caches: Array[CoreCache] = array(FRONTS)


@struct
class Magazine:
    next: Ref["Magazine"] | None
    count: u32
    objects: Array[u64] = array(LARGEST)


@struct
class Stack:
    top: Ref[Magazine] | None
    count: u64

    def push(self, magazine: Magazine) -> None:
        magazine.next = self.top
        self.top = magazine
        self.count += 1

    def pop(self) -> Magazine | None:
        magazine = self.top
        if magazine is not None:
            self.top = magazine.next
            self.count -= 1
        return magazine


core_caches = PerCore[CoreCaches]()


@inline
def pop(front: u32) -> u64:
    """An object that this core keeps; NOTHING if there is none."""
    saved = cpu.irqs_save()
    mine = core_caches.mine.caches[front]
    object = NOTHING
    if likely(mine.count != 0):
        mine.count -= 1
        object = mine.objects[mine.count]
    cpu.irqs_restore(saved)
    return object


@inline
def push(front: u32, object: u64) -> bool:
    """Keep an object on this core; False if there is no room."""
    saved = cpu.irqs_save()
    mine = core_caches.mine.caches[front]
    fits = mine.count < mine.limit
    if likely(fits):
        mine.objects[mine.count] = object
        mine.count += 1
    cpu.irqs_restore(saved)
    return fits


@struct
class Depot:
    lock: SpinLock
    full: Stack
    empty: Stack
    size: u32 = SMALLEST                    # of magazines that are filled from now on
    contended: u32                          # times that its lock was found held, since it grew last

    def note(self, busy: bool) -> None:
        """Whether the lock was held by another core. Caller holds: `lock`."""
        if busy:
            self.contended += 1
            if self.contended >= BUSY and self.size < LARGEST:
                self.size = min(self.size * 2, LARGEST)
                self.contended = 0

    def load(self, into: CoreCache) -> bool:
        """A full magazine's objects for a core's cache, which is empty. Interrupts are off."""
        busy = self.lock.is_held()
        with self.lock:
            self.note(busy)
            magazine = self.full.pop()
            if magazine is None:
                return False
            for i in range(magazine.count):
                into.objects[i] = magazine.objects[i]
            into.count = magazine.count
            self.empty.push(magazine)
        return True

    def unload(self, source: CoreCache, fresh: Magazine | None) -> bool:
        """Take a magazine's worth of objects from a core's cache; into `fresh` if the depot has no empty one. Interrupts are off.

        False if there is no magazine, or too many are full.
        """
        busy = self.lock.is_held()
        with self.lock:
            self.note(busy)
            if fresh is not None:
                self.empty.push(fresh)
            if self.full.count >= MOST_FULL:
                return False
            magazine = self.empty.pop()
            if magazine is None:
                return False
            magazine.count = min(self.size, source.count)
            for i in range(magazine.count):
                source.count -= 1
                magazine.objects[i] = source.objects[source.count]
            self.full.push(magazine)
        return True

    def take_full(self) -> Magazine | None:
        with self.lock.irqs_off():
            return self.full.pop()

    def take_empty(self) -> Magazine | None:
        with self.lock.irqs_off():
            return self.empty.pop()

    def put_empty(self, magazine: Magazine) -> None:
        with self.lock.irqs_off():
            self.empty.push(magazine)


class Slabs(Protocol):
    """Where objects come from that no magazine has."""

    def take(self) -> u64:
        """An object, or NOTHING. Caller holds: the cache's `lock`."""
        ...

    def put(self, object: u64) -> None:
        """Caller holds: the cache's `lock`."""
        ...

    def grow(self) -> bool:
        """Make more; False if there is no memory for it, or nothing to make them of. No lock is held."""
        ...

    def settle(self) -> None:
        """Give back what so many free objects take up, but for a little. No lock of the cache is held."""
        ...

    def drain_cores(self) -> None:
        """No core keeps any object. Interrupts are on, no spinlock is held."""
        ...


C = TypeVar("C", bound=Slabs)


@noinline
def alloc_slow(cache: C) -> u64:
    """This core keeps none. Raises ENOMEM."""
    reclaimed = False
    while True:
        found = refill(cache) if has_magazines(cache) else take_one(cache)
        if found != NOTHING:
            traced = cache.traced
            if traced is not None:
                traced.note_alloc(found)
            return found
        if cache.grow():
            continue
        if reclaimed:
            raise Error(Errno.ENOMEM, f"no memory for an object of {cache.object_size} bytes")
        reclaim()
        reclaimed = True


@noinline
def free_slow(cache: C, object: u64) -> None:
    """This core keeps as many as it may."""
    traced = cache.traced
    if traced is not None:
        traced.note_free(object)
    if not has_magazines(cache):
        with cache.lock.irqs_off():
            cache.put(object)
        cache.settle()
        return
    saved = cpu.irqs_save()
    mine = core_caches.mine.caches[cache.front]
    mine.limit = cache.depot.size * 2
    if mine.count >= mine.limit and not cache.depot.unload(mine, None) and not cache.depot.unload(mine, new_magazine()):
        give_up(cache, mine, mine.limit // 2)
    mine.objects[mine.count] = object
    mine.count += 1
    cpu.irqs_restore(saved)
    cache.settle()


def has_magazines(cache: C) -> bool:
    return cache.front != 0 and cache.traced is None


def refill(cache: C) -> u64:
    """A magazine from the depot, or objects from the slabs, for this core; returns one of them, NOTHING if there are none."""
    saved = cpu.irqs_save()
    mine = core_caches.mine.caches[cache.front]
    if mine.count == 0 and not cache.depot.load(mine):
        with cache.lock:
            while mine.count < cache.depot.size and (object := cache.take()) != NOTHING:
                mine.objects[mine.count] = object
                mine.count += 1
    found = NOTHING
    if mine.count != 0:
        mine.count -= 1
        found = mine.objects[mine.count]
    cpu.irqs_restore(saved)
    return found


def take_one(cache: C) -> u64:
    """An object of the slabs."""
    with cache.lock.irqs_off():
        return cache.take()


def give_up(cache: C, mine: CoreCache, left: u32) -> None:
    """This core's objects but for `left` go back to the slabs. Interrupts are off."""
    with cache.lock:
        while mine.count > left:
            mine.count -= 1
            cache.put(mine.objects[mine.count])


def drain_core(cache: C) -> None:
    """This core keeps nothing."""
    saved = cpu.irqs_save()
    mine = core_caches.mine.caches[cache.front]
    give_up(cache, mine, 0)
    mine.limit = 0
    cpu.irqs_restore(saved)


def drain_depot(cache: C) -> None:
    """What is in full magazines goes back to the slabs, and all magazines too."""
    while (magazine := cache.depot.take_full()) is not None:
        with cache.lock.irqs_off():
            for i in range(magazine.count):
                cache.put(magazine.objects[i])
        drop_magazine(magazine)
    while (magazine := cache.depot.take_empty()) is not None:
        drop_magazine(magazine)


def start_trace(cache: C) -> None:
    """Note every allocation from now on, beside what was noted before. Raises EINVAL for what has no magazines, ENOMEM.

    Interrupts are on, no spinlock is held.
    """
    if cache.front == 0:
        raise Error(Errno.EINVAL, "this cache cannot be traced")
    if cache.record is None:
        cache.record = new(Trace)           # stays: another core may still be at it when the trace ends
    cache.traced = cache.record
    cache.drain_cores()
    drain_depot(cache)


def stop_trace(cache: C) -> None:
    """Note nothing any more; what was noted stays."""
    cache.traced = None
