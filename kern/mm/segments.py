# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments: which parts of a set of numbers are free, by boundary tags. The core of an arena (kern/mm/arena.py), after
Bonwick and Adams, "Magazines and Vmem", USENIX 2001.

The numbers may be addresses, page frames or ids: nothing here touches what they stand for. It takes no memory either: each segment
has a `Tag`, which the owner hands over beforehand (`give_tag`). No lock; so it runs on a host as well.
Invariants: the segments of a span lie side by side behind the span's own tag; no two neighbours are free; a free segment is in
the list of its size's power of two, a used one in the hash table under its start; every start and size is a multiple of the quantum.
"""

from enum import Enum, IntEnum, auto
from typing import Literal

from lang import Array, Ref, Span, array, clz, ctz, struct, u8, u64
from kern.lib.hashchain import HashChain, spread
from kern.lib.list import IntrusiveList, ListLink

LISTS: u64 = 64
FIRST_BUCKETS: u64 = 16
TAGS_NEEDED: u64 = 2                        # that an allocation, or a new span, may need at most
LAST: u64 = 0xFFFF_FFFF_FFFF_FFFF


class TagKind(u8, Enum):
    FREE = auto()
    USED = auto()
    SPAN = auto()                           # not a segment: the start of what was added at once


class Fit(IntEnum):
    INSTANT = auto()                        # the first of a list where all are big enough: constant time
    BEST = auto()                           # the smallest that is big enough
    NEXT = auto()                           # the first behind the one allocated last


@struct
class Tag:
    start: u64
    size: u64                               # of a span: all that was added, before it was rounded to whole quanta
    kind: TagKind
    imported: bool                          # a span that goes back once it is free
    order: ListLink["Tag"]                  # all tags of the arena, each span's by address
    link: ListLink["Tag"]                   # a free list
    hash_next: Ref["Tag"] | None            # of those used, or in reserve


Bucket = HashChain[Tag, Literal["start"]]


@struct
class Constraints:
    """What an allocation may ask for. Numbers are multiples of nothing in particular, not even of two."""

    align: u64 = 1
    phase: u64                              # start % align
    nocross: u64                            # no multiple of it within the allocation; 0 for any
    minimum: u64
    maximum: u64 = LAST                     # the end is not above it


@struct
class Segments:
    quantum: u64
    total: u64                              # in whole quanta
    used: u64
    used_count: u64
    free_lists: Array[IntrusiveList[Tag, Literal["link"]]] = array(LISTS)
    nonempty: u64                           # a bit for each free list
    tags: IntrusiveList[Tag, Literal["order"]]
    spare: Bucket
    spare_count: u64
    first_buckets: Array[Bucket] = array(FIRST_BUCKETS)
    buckets: Span[Bucket]                   # a power of two of them
    rotor: Ref[Tag] | None                  # the segment that Fit.NEXT looks from
    rotor_start: u64                        # and from where in it

    def init(self, quantum: u64) -> None:
        self.quantum = quantum
        self.buckets = self.first_buckets[:FIRST_BUCKETS]

    # -- tags -----------------------------------------------------------------------------------------------------
    def give_tag(self, tag: Tag) -> None:
        self.spare.push(tag)
        self.spare_count += 1

    def take_tag(self, start: u64, size: u64, kind: TagKind) -> Tag:
        tag = self.spare.pop()
        assert tag is not None, "a tag was not in reserve"
        self.spare_count -= 1
        tag.start = start
        tag.size = size
        tag.kind = kind
        tag.imported = False
        return tag

    def drop_tag(self, tag: Tag) -> None:
        self.tags.remove(tag)
        self.give_tag(tag)

    # -- spans ----------------------------------------------------------------------------------------------------
    def add(self, start: u64, size: u64, imported: bool) -> bool:
        """A new span; False if not one whole quantum lies in it. Needs two tags."""
        first = (start + self.quantum - 1) // self.quantum * self.quantum
        end = (start + size) // self.quantum * self.quantum
        if end <= first:
            return False
        span = self.take_tag(start, size, TagKind.SPAN)
        span.imported = imported
        self.tags.push_back(span)
        free = self.take_tag(first, end - first, TagKind.FREE)
        self.tags.push_back(free)
        self.enlist(free)
        self.total += free.size
        return True

    def is_whole(self, span: Tag) -> bool:
        """Whether all of a span is free."""
        segment = self.tags.after(span)
        if segment is None or segment.kind != TagKind.FREE:
            return False
        behind = self.tags.after(segment)
        return behind is None or behind.kind == TagKind.SPAN

    def remove(self, span: Tag) -> None:
        """Forget a span that is whole; its tags are in reserve again."""
        segment = self.tags.after(span)
        assert segment is not None and segment.kind == TagKind.FREE, "a span is removed of which something is used"
        self.total -= segment.size
        self.delist(segment)
        if self.rotor is not None and self.rotor is segment:
            self.rotor = None
        self.drop_tag(segment)
        self.drop_tag(span)

    # -- free lists -----------------------------------------------------------------------------------------------
    def enlist(self, tag: Tag) -> None:
        tag.kind = TagKind.FREE
        list = log2(tag.size)
        self.free_lists[list].push_front(tag)
        self.nonempty |= u64(1) << list

    def delist(self, tag: Tag) -> None:
        list = log2(tag.size)
        self.free_lists[list].remove(tag)
        if self.free_lists[list].is_empty():
            self.nonempty &= ~(u64(1) << list)

    # -- allocation -----------------------------------------------------------------------------------------------
    def alloc(self, size: u64, fit: Fit) -> u64 | None:
        """`size`, a multiple of the quantum, from wherever `fit` says. Needs two tags."""
        if fit == Fit.NEXT:
            return self.alloc_next(size)
        segment = self.find_instant(size) if fit == Fit.INSTANT else None
        if segment is None:
            segment = self.find_best(size)
        if segment is None:
            return None
        return self.carve(segment, segment.start, size)

    def find_instant(self, size: u64) -> Tag | None:
        """One from a list whose segments are all as big."""
        list = log2(size)
        if size & (size - 1) != 0:
            list += 1
        bigger = self.nonempty >> list if list < LISTS else u64(0)
        if bigger == 0:
            return None
        return self.free_lists[list + u64(ctz(bigger))].first()

    def find_best(self, size: u64) -> Tag | None:
        list = log2(size)
        best: Ref[Tag] | None = None
        while best is None:
            bigger = self.nonempty >> list
            if bigger == 0:
                return None
            list += u64(ctz(bigger))
            tag = self.free_lists[list].first()
            while tag is not None:
                if tag.size >= size and (best is None or tag.size < best.size):
                    best = tag
                tag = self.free_lists[list].after(tag)
            list += 1
            if list == LISTS:
                break
        return best

    def alloc_next(self, size: u64) -> u64 | None:
        """The first that fits from the rotor on, and round to it."""
        rotor = self.rotor
        start: u64 = 0
        if rotor is None:
            rotor = self.tags.first()
        else:
            start = self.rotor_start
        tag = rotor
        while tag is not None:
            if tag.kind == TagKind.FREE:
                at = max(tag.start, start)
                if at < tag.start + tag.size and tag.start + tag.size - at >= size:
                    return self.turn_to(self.carve(tag, at, size), size)
            start = 0
            tag = self.tags.after(tag)
        tag = self.tags.first()
        while tag is not None:
            if tag.kind == TagKind.FREE and tag.size >= size:
                return self.turn_to(self.carve(tag, tag.start, size), size)
            if rotor is not None and tag is rotor:
                break
            tag = self.tags.after(tag)
        return None

    def turn_to(self, start: u64, size: u64) -> u64:
        """Look from behind this allocation next time."""
        self.rotor = self.find_used(start)
        self.rotor_start = start + size
        return start

    def alloc_within(self, size: u64, wanted: Constraints) -> u64 | None:
        """The lowest place of the first segment, by size, that has one. Needs two tags."""
        list = log2(size)
        while list < LISTS:
            tag = self.free_lists[list].first()
            while tag is not None:
                start = lowest_place(tag, size, wanted, self.quantum)
                if start is not None:
                    return self.carve(tag, start, size)
                tag = self.free_lists[list].after(tag)
            list += 1
        return None

    def carve(self, tag: Tag, start: u64, size: u64) -> u64:
        """Make [start, start + size) of a free segment a used one."""
        self.delist(tag)
        before = start - tag.start
        behind = tag.size - before - size
        if before != 0:
            front = self.take_tag(tag.start, before, TagKind.FREE)
            self.tags.insert_before(tag, front)
            self.enlist(front)
            if self.rotor is not None and self.rotor is tag:
                self.rotor = front
        if behind != 0:
            back = self.take_tag(start + size, behind, TagKind.FREE)
            next = self.tags.after(tag)
            if next is None:
                self.tags.push_back(back)
            else:
                self.tags.insert_before(next, back)
            self.enlist(back)
        tag.start = start
        tag.size = size
        tag.kind = TagKind.USED
        self.enter(tag)
        self.used += size
        return start

    # -- freeing --------------------------------------------------------------------------------------------------
    def free(self, start: u64, size: u64) -> Tag | None:
        """Free what was allocated. Returns the tag of an imported span that is whole now, for `remove`."""
        tag = self.leave(start)
        assert tag is not None, "free of what was not allocated"
        assert tag.size == size, "free of another size than was allocated"
        self.used -= size
        before = self.tags.before(tag)
        if before is not None and before.kind == TagKind.FREE:
            self.delist(before)
            self.absorb(tag, before)
            tag.start = before.start
            self.drop_tag(before)
        behind = self.tags.after(tag)
        if behind is not None and behind.kind == TagKind.FREE:
            self.delist(behind)
            self.absorb(tag, behind)
            self.drop_tag(behind)
        self.enlist(tag)
        span = self.tags.before(tag)
        if span is not None and span.kind == TagKind.SPAN and span.imported and self.is_whole(span):
            return span
        return None

    def absorb(self, tag: Tag, other: Tag) -> None:
        tag.size += other.size
        if self.rotor is not None and self.rotor is other:
            self.rotor = tag

    # -- the table of what is used --------------------------------------------------------------------------------
    def bucket(self, start: u64) -> Bucket:
        return self.buckets[(spread(start // self.quantum) >> 32) & (len(self.buckets) - 1)]

    def enter(self, tag: Tag) -> None:
        self.bucket(tag.start).push(tag)
        self.used_count += 1

    def find_used(self, start: u64) -> Tag | None:
        return self.bucket(start).find(start)

    def leave(self, start: u64) -> Tag | None:
        """Take the used segment that starts there out of the table."""
        tag = self.bucket(start).take(start)
        if tag is not None:
            self.used_count -= 1
        return tag

    def longest_chain(self) -> u64:
        return max((bucket.length() for bucket in self.buckets), default=0)

    def wants_buckets(self) -> bool:
        """Whether the chains are getting long."""
        return self.used_count > 2 * len(self.buckets)

    def use_buckets(self, larger: Span[Bucket]) -> Span[Bucket]:
        """Go over to a larger table, whose length is a power of two; returns the old one, empty if that is not the caller's to free."""
        old = self.buckets
        for i in range(len(larger)):
            larger[i].head = None
        self.buckets = larger
        self.used_count = 0
        tag = self.tags.first()
        while tag is not None:
            if tag.kind == TagKind.USED:
                self.enter(tag)
            tag = self.tags.after(tag)
        return old[: len(old) if len(old) > FIRST_BUCKETS else 0]


def log2(n: u64) -> u64:
    """Rounded down; n is not 0."""
    return 63 - u64(clz(n))


def lowest_place(tag: Tag, size: u64, wanted: Constraints, quantum: u64) -> u64 | None:
    """The lowest start in a free segment that a constrained allocation may have, a multiple of the quantum."""
    start = max(tag.start, wanted.minimum)
    end = min(tag.start + tag.size, wanted.maximum)
    while True:
        placed = next_aligned(start, wanted, quantum)
        if placed is None or placed > end or end - placed < size:
            return None
        if wanted.nocross == 0 or placed // wanted.nocross == (placed + size - 1) // wanted.nocross:
            return placed
        start = (placed // wanted.nocross + 1) * wanted.nocross


def next_aligned(start: u64, wanted: Constraints, quantum: u64) -> u64 | None:
    """The first number from `start` on that is a multiple of the quantum and has the phase; None if there is none."""
    step, phase = wanted.align, wanted.phase
    if quantum % step == 0:
        if phase != 0:
            return None
        step = quantum
    off = (start + step - phase) % step
    placed = start if off == 0 else start + (step - off)
    tries: u64 = 0
    # The remainders come round after at most `quantum` steps.
    while placed % quantum != 0:
        placed += step
        tries += 1
        if tries == quantum or placed < start:
            return None
    return placed if placed >= start else None
