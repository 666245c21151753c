# SPDX-License-Identifier: GPL-2.0-or-later
"""Arenas: allocators of numbers that stand for anything: physical memory, kernel addresses, ids. After Bonwick and Adams, "Magazines
and Vmem", USENIX 2001.

    ids = Arena()
    ids.init("ids", 1)                      # multiples of 1
    ids.add(1, 1000)                        # a span of its own: 1 to 1000
    first = ids.alloc(1)
    ids.free(first, 1)

- An arena takes what it lacks from its `source`, if it has one, and gives a span back when all of it is free. `take` and `give` say how; as
  they are, they call the source. An arena without a source may have them as well, and so make its numbers itself.
- Small multiples of the quantum, up to `cache_most`, come from caches of their own (kern/mm/resource.py), most of them without a lock.
- `alloc_within` heeds alignment, phase, boundaries and limits, and goes past those caches: `free_within` is its other end.
Sizes are rounded up to the quantum. Nothing here blocks; what is not there is ENOMEM.
Which parts are free is the business of kern/mm/segments.py. The tags that it needs come a page at a time.
Locks: `arenas_lock` guards the list of arenas; an arena's `lock`, with interrupts off. No two arenas' are held at once, and none
while pages are allocated.
"""

from typing import Callable, Literal

from lang import (
    CHECKED,
    Array,
    Atomic,
    Error,
    Kaddr,
    Raises,
    Ref,
    Span,
    addr_of,
    array,
    as_bytes,
    at,
    free,
    memset,
    new,
    recursion,
    sizeof,
    struct,
    u64,
)
from arch import mmu
from kern.abi.errno import Errno
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.inject import should_fail
from kern.mm.pages import PAGE_SIZE, free_pages, order_for, try_alloc_pages
from kern.mm.resource import ResourceCache
from kern.mm.segments import FIRST_BUCKETS, TAGS_NEEDED, Bucket, Constraints, Fit, Segments, Tag
from kern.sync.spinlock import SpinLock

MOST_CACHES: u64 = 16
TAGS_LOW: u64 = 4                           # with fewer in reserve, more are fetched


@struct
class TagPage:
    """A page of tags, which ends with the arena."""

    next: Ref["TagPage"] | None
    tags: Array[Tag] = array((4096 - 8) // sizeof(Tag))


@struct
class Arena:
    name: str
    lock: SpinLock
    segments: Segments
    source: Ref["Arena"] | None
    take: Callable[[Ref["Arena"], u64], Raises[u64]] | None
    give: Callable[[Ref["Arena"], u64, u64], None] | None
    import_size: u64                        # the least that is taken from the source at once
    cache_most: u64                         # the largest size that has a cache
    caches: Span[ResourceCache]             # by size, in quanta
    tag_pages: Ref[TagPage] | None
    own_tags: bool                          # all that will ever be needed are there, from elsewhere
    allocs: u64                             # ever
    link: ListLink["Arena"]

    # -- making ---------------------------------------------------------------------------------------------------
    def init(self, name: str, quantum: u64) -> None:
        """An empty arena, of multiples of `quantum`."""
        self.name = name
        self.segments.init(quantum)
        with arenas_lock:
            arenas.push_back(self)

    def import_from(self, source: Arena) -> None:
        """What is lacking comes from another arena."""
        self.source = source
        self.take = take_from
        self.give = give_to

    def cache_up_to(self, most: u64) -> None:
        """Give sizes up to `most` caches. Before the first allocation. Raises ENOMEM."""
        count = most // self.segments.quantum
        if count > MOST_CACHES:
            raise Error(Errno.EINVAL, f"{count} quantum caches are too many: {MOST_CACHES} at most")
        self.caches = new(array(count, ResourceCache))
        for i in range(count):
            self.caches[i].init(self.name, (i + 1) * self.segments.quantum, self)
        self.cache_most = count * self.segments.quantum

    def add(self, start: u64, size: u64) -> None:
        """A span of its own. Raises EINVAL if not one quantum lies in it, ENOMEM."""
        self.add_span(start, size, False)

    def add_span(self, start: u64, size: u64, imported: bool) -> None:
        self.fetch_tags()
        if start + size < start:
            raise Error(Errno.EINVAL, f"a span of {size} at {start:#x} goes beyond all numbers")
        with self.lock.irqs_off():
            good = self.segments.spare_count >= TAGS_NEEDED and self.segments.add(start, size, imported)
        if not good:
            raise Error(Errno.EINVAL, f"not one multiple of {self.segments.quantum} is in a span of {size} at {start:#x}")

    def destroy(self) -> None:
        """Nothing of it is used, and no other arena imports from it. Interrupts are on, no spinlock is held."""
        for cache in self.caches:
            cache.destroy()
        if len(self.caches) > 0:
            free(self.caches)
        assert self.segments.used == 0, "an arena is destroyed of which something is used"
        with arenas_lock:
            arenas.remove(self)
        page = self.tag_pages
        while page is not None:
            next = page.next
            free_pages(mmu.virt_to_phys(Kaddr(addr_of(page))), 0)
            own_pages.sub(1)
            page = next
        if len(self.segments.buckets) > FIRST_BUCKETS:
            self.drop_buckets(self.segments.buckets)
        memset(as_bytes(self), 0)

    # -- allocation -----------------------------------------------------------------------------------------------
    def alloc(self, size: u64) -> u64:
        """`size` of it, from wherever it goes fastest. Raises ENOMEM, EINVAL."""
        room = self.checked_room(size)
        self.fail_if_ordered()
        if room <= self.cache_most:
            return self.caches[room // self.segments.quantum - 1].alloc()
        return self.alloc_segment(room, Fit.INSTANT)

    def free(self, start: u64, size: u64) -> None:
        """Give back what `alloc` gave."""
        room = self.rounded(size)
        if room <= self.cache_most:
            self.caches[room // self.segments.quantum - 1].free(start)
        else:
            self.free_segment(start, room)

    def alloc_fit(self, size: u64, fit: Fit) -> u64:
        """The same from where `fit` says, not from a cache: `free_within` is its other end. Raises ENOMEM, EINVAL."""
        return self.alloc_segment(self.checked_room(size), fit)

    def alloc_within(self, size: u64, wanted: Constraints) -> u64:
        """A place with all that is asked for. Raises ENOMEM, EINVAL for what no place can have."""
        room = self.checked_room(size)
        self.fail_if_ordered()
        if wanted.align == 0 or wanted.phase >= wanted.align or wanted.nocross != 0 and wanted.nocross < room:
            raise Error(Errno.EINVAL, f"no place for {room} can have align {wanted.align}, phase {wanted.phase}, nocross {wanted.nocross}")
        while True:
            self.fetch_tags()
            found = self.try_within(room, wanted)
            if found is not None:
                return found
            # However it comes to lie, one place in so much of it is good, if the limits allow.
            self.import_span(room + wanted.align + wanted.nocross)

    def free_within(self, start: u64, size: u64) -> None:
        self.free_segment(start, self.rounded(size))

    def fail_if_ordered(self) -> None:
        if CHECKED and should_fail():
            raise Error(Errno.ENOMEM, f"nothing of the arena {self.name}, as was ordered")

    def checked_room(self, size: u64) -> u64:
        if size == 0 or size > 0 - self.segments.quantum:
            raise Error(Errno.EINVAL, f"an allocation of {size} from the arena {self.name}")
        return self.rounded(size)

    def rounded(self, size: u64) -> u64:
        quantum = self.segments.quantum
        return (size + quantum - 1) // quantum * quantum

    def alloc_segment(self, room: u64, fit: Fit) -> u64:
        while True:
            self.fetch_tags()
            found = self.try_segment(room, fit)
            if found is not None:
                return found
            self.import_span(room)

    def try_segment(self, room: u64, fit: Fit) -> u64 | None:
        """Of what is there already, if tags are in reserve."""
        with self.lock.irqs_off():
            if self.segments.spare_count < TAGS_NEEDED:
                return None
            found = self.segments.alloc(room, fit)
            if found is not None:
                self.allocs += 1
            return found

    def try_within(self, room: u64, wanted: Constraints) -> u64 | None:
        """The same with constraints."""
        with self.lock.irqs_off():
            if self.segments.spare_count < TAGS_NEEDED:
                return None
            found = self.segments.alloc_within(room, wanted)
            if found is not None:
                self.allocs += 1
            return found

    def put_segment(self, start: u64, room: u64) -> None:
        """Free what `try_segment` or `try_within` gave, in an arena that imports nothing."""
        with self.lock.irqs_off():
            span = self.segments.free(start, room)
        assert span is None, "an arena without a source has an imported span"

    @recursion(4)
    def free_segment(self, start: u64, room: u64) -> None:
        from_start: u64 = 0
        from_size: u64 = 0
        with self.lock.irqs_off():
            span = self.segments.free(start, room)
            if span is not None:
                from_start = span.start
                from_size = span.size
                self.segments.remove(span)
        if from_size == 0:
            return
        give = self.give
        source = self.source
        if give is not None:
            give(self if source is None else source, from_start, from_size)

    # -- what it needs itself -------------------------------------------------------------------------------------
    @recursion(4)
    def import_span(self, room: u64) -> None:
        """Take a span with room for that much from the source. Raises ENOMEM."""
        take = self.take
        if take is None:
            raise Error(Errno.ENOMEM, f"the arena {self.name} has no {room} left in one piece")
        source = self.source
        size = max(room, self.import_size)
        if source is not None:
            if source.segments.quantum % self.segments.quantum != 0:
                size += self.segments.quantum - 1  # the source gives what is aligned to its own quantum
            size = source.rounded(size)
        start = take(self if source is None else source, size)
        try:
            self.add_span(start, size, True)
        except Error:
            give = self.give
            if give is not None:
                give(self if source is None else source, start, size)
            raise

    def fetch_tags(self) -> None:
        """See to it that tags are in reserve, more than one call needs. Raises ENOMEM."""
        if self.own_tags or self.segments.spare_count >= TAGS_LOW:
            return
        paddr = try_alloc_pages(0)
        if paddr is None:
            raise Error(Errno.ENOMEM, f"no memory for the arena {self.name} itself")
        own_pages.add(1)
        page = at(TagPage, mmu.phys_to_virt(paddr))
        with self.lock.irqs_off():
            page.next = self.tag_pages
            self.tag_pages = page
            for tag in page.tags:
                tag.order.linked = False
                tag.link.linked = False
                self.segments.give_tag(tag)
            many = self.segments.wants_buckets()
            count = len(self.segments.buckets) * 8
        if many:
            self.widen(count)

    def widen(self, count: u64) -> None:
        """A table with so many buckets, if there is memory for it."""
        order = order_for(count * sizeof(Bucket))
        paddr = try_alloc_pages(order)
        if paddr is None:
            return
        own_pages.add(u64(1) << order)
        larger = Span[Bucket](u64(mmu.phys_to_virt(paddr)), (PAGE_SIZE << order) // sizeof(Bucket))
        with self.lock.irqs_off():
            old = self.segments.use_buckets(larger)
        self.drop_buckets(old)

    def drop_buckets(self, old: Span[Bucket]) -> None:
        if len(old) > 0:
            order = order_for(len(old) * sizeof(Bucket))
            free_pages(mmu.virt_to_phys(Kaddr(u64(old.ptr))), order)
            own_pages.sub(u64(1) << order)


def take_from(source: Arena, size: u64) -> u64:
    return source.alloc(size)


def give_to(source: Arena, start: u64, size: u64) -> None:
    source.free(start, size)


own_pages = Atomic[u64](0)                  # pages that arenas need for themselves, while they last
arenas_lock = SpinLock()
arenas = IntrusiveList[Arena, Literal["link"]]()
