# SPDX-License-Identifier: GPL-2.0-or-later
"""What arenas and caches are like just now, copied one by one: nothing is printed, and no memory taken, while their locks are held.

A view is asked for by number, from 0 on; while arenas or caches come and go, one may be left out, or seen twice.
Locks: `arenas_lock`, an arena's; `caches_lock`, a cache's, a depot's; one at a time but for the lists'.
"""

from lang import Array, Text, array, clz, struct, text, u32, u64
from kern.mm.arena import arenas, arenas_lock
from kern.mm.magazine import Depot
from kern.mm.page_stock import kept_pages, taken_pages
from kern.mm.pages import PAGE_SIZE, buddy
from kern.mm.resource import OBJECTS, resource_caches
from kern.mm.segments import LISTS, TagKind
from kern.mm.slab import caches, caches_lock


@struct
class ArenaView:
    name: Text = text(32)
    source: Text = text(32)                 # empty if it has none
    quantum: u64
    cache_most: u64
    total: u64
    used: u64
    allocs: u64                             # ever
    segments: u64                           # that are used
    spans: u64
    imported: u64                           # bytes in imported spans
    free_segments: Array[u64] = array(LISTS)  # how many in each list
    chains: u64
    longest_chain: u64


def view_arena(number: u64, into: ArenaView) -> bool:
    """Fill in the number'th arena, the buddy allocator first; False past the last."""
    if number == 0:
        view_kpages(into)
        return True
    with arenas_lock:
        arena = arenas.first()
        left = number - 1
        while arena is not None and left > 0:
            arena = arenas.after(arena)
            left -= 1
        if arena is None:
            return False
        set_name(into.name, arena.name)
        set_name(into.source, "" if arena.source is None else arena.source.name)
        with arena.lock.irqs_off():
            segments = arena.segments
            into.quantum = segments.quantum
            into.cache_most = arena.cache_most
            into.total = segments.total
            into.used = segments.used
            into.allocs = arena.allocs
            into.segments = segments.used_count
            into.spans = 0
            into.imported = 0
            for list in range(LISTS):
                into.free_segments[list] = segments.free_lists[list].count
            tag = segments.tags.first()
            while tag is not None:
                if tag.kind == TagKind.SPAN:
                    into.spans += 1
                    into.imported += tag.size if tag.imported else u64(0)
                tag = segments.tags.after(tag)
            into.chains = len(segments.buckets)
            into.longest_chain = segments.longest_chain()
    return True


def view_kpages(into: ArenaView) -> None:
    """The buddy allocator with the single pages that cores keep, as the arena that it stands for: it imports from `base`, and cuts pages
    from that."""
    kept = kept_pages()
    set_name(into.name, "kpages")
    set_name(into.source, "base")
    into.quantum = PAGE_SIZE
    into.cache_most = 0
    into.total = buddy.total_count * PAGE_SIZE
    into.used = (buddy.total_count - buddy.free_count - kept) * PAGE_SIZE
    into.allocs = buddy.allocs + taken_pages()
    into.segments = 0
    into.spans = 0
    into.imported = 0
    for list in range(LISTS):
        into.free_segments[list] = 0
    for order in range(u64(len(buddy.free))):
        into.free_segments[log2(PAGE_SIZE) + order] = buddy.free[order].count
    into.free_segments[log2(PAGE_SIZE)] += kept


@struct
class CacheView:
    name: Text = text(32)
    source: Text = text(32)
    object_size: u64
    stride: u64
    slabs: u64
    per_slab: u64
    in_use: u64                             # those in magazines included
    allocs: u64                             # that ever left the slabs
    magazine: u32                           # objects in one
    full: u64                               # magazines in the depot
    empty: u64
    traced: bool


def view_cache(number: u64, into: CacheView) -> bool:
    """Fill in the number'th cache, of memory first; False past the last."""
    with caches_lock.irqs_off():
        left = number
        cache = caches.first()
        while cache is not None and left > 0:
            cache = caches.after(cache)
            left -= 1
        if cache is not None:
            set_name(into.name, cache.name)
            set_name(into.source, "kpages")
            with cache.lock:
                into.object_size = cache.object_size
                into.stride = cache.stride
                into.slabs = cache.pages
                into.per_slab = u64(cache.per_page)
                into.in_use = cache.in_use
                into.allocs = cache.allocs
            into.traced = cache.traced is not None
            view_depot(cache.depot, into)
            return True
        resource = resource_caches.first()
        while resource is not None and left > 0:
            resource = resource_caches.after(resource)
            left -= 1
        if resource is None:
            return False
        set_name(into.name, resource.name.view)
        set_name(into.source, resource.arena().name)
        with resource.lock:
            into.object_size = resource.object_size
            into.stride = resource.object_size
            into.slabs = resource.slabs
            into.per_slab = OBJECTS
            into.in_use = resource.in_use
            into.allocs = resource.allocs
        into.traced = resource.traced is not None
        view_depot(resource.depot, into)
    return True


def view_depot(depot: Depot, into: CacheView) -> None:
    with depot.lock:
        into.magazine = depot.size
        into.full = depot.full.count
        into.empty = depot.empty.count


def set_name(into: Text, name: str) -> None:
    into.clear()
    into.append(name)


def log2(n: u64) -> u64:
    return 63 - u64(clz(n))
