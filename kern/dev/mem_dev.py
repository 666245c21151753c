# SPDX-License-Identifier: GPL-2.0-or-later
"""#mem: where the kernel's memory is, as text.

#mem/free           bytes of memory: all, used, free
#mem/kmemstat       a line for each arena and cache, its object size, bytes in all, bytes used, allocations ever
                    (of a cache: those that its magazines did not serve), and what it takes from
#mem/arena_stats    each arena: segments, free lists, imports
#mem/slab_stats     each cache: objects, slabs, magazines
#mem/slab_trace     takes `start NAME`, `stop NAME` and `reset NAME`: who allocates from that cache; after `print NAME`, reading it
                    lists the places, with their calls
#mem/live           what is in use, exactly: objects of each class of the heap, big blocks, pages, places in the kernel map. What is kept to
                    be faster, or in quarantine, is given back first, on all cores
#mem/fail           takes `PID N`: of the allocations that this process' calls make, the N'th fails, once; with 0 they are only noted.
                    `PID N faults`: its page faults, and what is sent to it; `0 0` ends it. Reading it tells whether one has failed
                    by now. Checked builds only
#mem/fail_places    where allocations were noted so: how often, how often they failed, and the callers
Sizes are bytes where an arena stands for addresses. No locks of its own; what is shown may have changed since.
"""

from lang import Array, Error, i32, text, u64
from kern.abi.errno import Errno
from kern.debug.symbols import Location, find
from kern.mm.heap import CLASSES, classes
from kern.mm.inject import FailSite, FailView, arm, copy_site, view_plan
from kern.mm.live import LiveView, count_live, settle
from kern.mm.magazine import start_trace, stop_trace
from kern.mm.pages import free_bytes, total_bytes
from kern.mm.slab import SlabCache, caches, caches_lock
from kern.mm.stats import ArenaView, CacheView, view_arena, view_cache
from kern.mm.trace import Site
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.text_file import Page
from kern.sync.qlock import QLock

DEV_ID: u64 = 5

printed = text(32)                          # the cache that `print` named last
control = QLock()                           # one command at a time


def show_free(out: Page) -> None:
    total = total_bytes()
    unused = free_bytes()
    out.print(f"Total Memory : {total:>15}\nUsed Memory  : {total - unused:>15}\nFree Memory  : {unused:>15}\n")


# -- all of them, a line each -------------------------------------------------------------------------------------
def show_kmemstat(out: Page) -> None:
    out.print(f"{'Arena/Slab Name':<30}:Typ:{'Objsize':>10}:{'Total Amt':>22}:{'Alloc Amt':>22}:{'Allocs Ever':>14}: Source\n")
    arena = ArenaView()
    number: u64 = 0
    while view_arena(number, arena):
        show_line(out, arena.name.view, "A", arena.quantum, arena.total, arena.used, arena.allocs, arena.source.view)
        number += 1
    cache = CacheView()
    number = 0
    while view_cache(number, cache):
        total = cache.slabs * cache.per_slab * cache.stride
        show_line(out, cache.name.view, "S", cache.stride, total, cache.in_use * cache.stride, cache.allocs, cache.source.view)
        number += 1


def show_line(out: Page, name: str, kind: str, size: u64, total: u64, used: u64, allocs: u64, source: str) -> None:
    out.print(f"{name:<30}: {kind} :{size:>10}:{total:>22}:{used:>22}:{allocs:>14}: {source}\n")


# -- arenas -------------------------------------------------------------------------------------------------------
def show_arenas(out: Page) -> None:
    view = ArenaView()
    number: u64 = 0
    while view_arena(number, view):
        show_arena(out, view)
        number += 1


def show_arena(out: Page, view: ArenaView) -> None:
    out.print(f"Arena: {view.name}\n  quantum: {view.quantum}, cached up to: {view.cache_most}\n")
    out.print(f"  source: {view.source if view.source.len > 0 else 'none'}\n")
    out.print(f"  total: {view.total}, used: {view.used}, free: {view.total - view.used}\n")
    out.print(f"  spans: {view.spans}, imported: {view.imported}, used segments: {view.segments}, allocations ever: {view.allocs}\n")
    out.print(f"  hash chains: {view.chains}, longest: {view.longest_chain}\n")
    for list in range(u64(len(view.free_segments))):
        if view.free_segments[list] != 0:
            out.print(f"  free of 2^{list} and more: {view.free_segments[list]}\n")


# -- caches -------------------------------------------------------------------------------------------------------
def show_caches(out: Page) -> None:
    view = CacheView()
    number: u64 = 0
    while view_cache(number, view):
        out.print(f"Cache: {view.name}{' (traced)' if view.traced else ''}\n  source: {view.source}\n")
        out.print(f"  object size: {view.object_size}, with what is behind it: {view.stride}\n")
        out.print(f"  slabs: {view.slabs}, of {view.per_slab} objects each\n")
        out.print(f"  objects out of slabs: {view.in_use}, in slabs: {view.slabs * view.per_slab - view.in_use}, ever: {view.allocs}\n")
        out.print(f"  magazines of {view.magazine}: {view.full} full, {view.empty} empty\n")
        number += 1


# -- traces -------------------------------------------------------------------------------------------------------
def obey_trace(order: str) -> None:
    command, name = order.split1(" ")
    name = name.strip()
    with control:
        cache = find_cache(name)
        match command:
            case "start":
                start_trace(cache)
            case "stop":
                stop_trace(cache)
            case "reset":
                if cache.record is not None:
                    cache.record.reset()
            case "print":
                printed.clear()
                printed.append(name)
            case _:
                raise Error(Errno.EINVAL, f"slab_trace takes start, stop, reset and print, not {command}")


def find_cache(name: str) -> SlabCache:
    """Caches that can be traced are never destroyed. Raises ENOENT."""
    with caches_lock.irqs_off():
        cache = caches.first()
        while cache is not None and cache.name != name:
            cache = caches.after(cache)
    if cache is None:
        raise Error(Errno.ENOENT, f"no cache is called {name}; slab_stats has their names")
    return cache


def show_trace(out: Page) -> None:
    with control:
        if printed.len == 0:
            out.put("write `print NAME` first\n")
            return
        record = find_cache(printed.view).record
        if record is None:
            out.print(f"{printed} was never traced\n")
            return
        out.print(f"{printed}: {record.site_count} places, {record.lost} allocations that did not fit, ")
        out.print(f"{record.earlier} frees of what was allocated before\n")
        for number in range(record.site_count):
            show_site(out, record.sites[number])


def show_site(out: Page, site: Site) -> None:
    out.print(f"{site.allocs} allocations, {site.live} of them in use, by\n")
    for pc in site.pcs:
        if pc == 0:
            return
        put_place(out, pc)


def put_place(out: Page, pc: u64) -> None:
    where = Location(function="", file="")
    if not find(pc - 1, where):
        out.print(f"    {pc:#018x}\n")
    elif where.file:
        out.print(f"    {where.function}  {where.file}:{where.line}\n")
    else:
        out.print(f"    {where.function}+{where.offset:#x}\n")


# -- what is in use, and what is made to fail ---------------------------------------------------------------------
def show_live(out: Page) -> None:
    view = LiveView()
    settle()
    count_live(view)
    out.print(f"live: heap {view.bytes} large {view.large} pages {view.pages} places {view.places}\n")
    for index in range(CLASSES):
        out.print(f"{classes[index].name} {view.objects[index]}\n")


def obey_fail(order: str) -> None:
    words, mode = order.split1(" faults")
    pid, number = words.split1(" ")
    arm(i32(pid), u64(number.strip()), len(mode) > 0 or order.endswith(" faults"))


def show_fail(out: Page) -> None:
    view = FailView()
    view_plan(view)
    out.print(f"victim: {view.victim}\nleft: {view.left}\nfailed: {'yes' if view.fired else 'no'}\n")
    out.print(f"places: {view.sites}\nwhere one failed: {view.failed_sites}\nwithout room: {view.lost}\n")


def show_places(out: Page) -> None:
    site = FailSite()
    number: u64 = 0
    while copy_site(number, site):
        out.print(f"{site.seen} times, {site.failed} failed\n")
        for pc in site.pcs:
            if pc != 0:
                put_place(out, pc)
        number += 1


files: Array[FolderFile] = (
    FolderFile("free", show=show_free),
    FolderFile("kmemstat", show=show_kmemstat),
    FolderFile("arena_stats", show=show_arenas),
    FolderFile("slab_stats", show=show_caches),
    FolderFile("live", show=show_live),
    FolderFile("fail", show=show_fail, command=obey_fail),
    FolderFile("fail_places", show=show_places, room=1 << 18),
    FolderFile("slab_trace", show=show_trace, command=obey_trace),
)


@devices
class MemDev(Dev):
    name: str = "mem"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        return new_folder(files[:], DEV_ID)
