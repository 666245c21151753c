# SPDX-License-Identifier: GPL-2.0-or-later
"""The regions of an address space: disjoint ranges in a tree, joined where one simply goes on after another.

Pure bookkeeping: no page tables, no pages, no locks (vmr.py has them), so that it runs on a host too. Every operation on a region takes
a logarithmic number of steps, whatever many vcores have mapped; so does finding room, since a region's weight in the tree is the room
before it.
Invariants: bounds are page-aligned, no region is empty, neighbours that could be one are one, `mapped_bytes` is the sum.
"""

from typing import Literal

from lang import Error, Ref, free, inline, new, noinline, struct, u64
from kern.abi.errno import Errno
from kern.abi.mman import Prot
from kern.abi.proc import MMAP_BASE, MMAP_TOP
from kern.lib.rbtree import RedBlackTree, TreeLink
from kern.mm.pagecache import PageCache
from kern.mm.pages import total_bytes

MAX_REGIONS: u64 = 4096                     # of one process: they are kernel memory
OVERCOMMIT: u64 = 16                        # thread stacks are 4 MiB of addresses, of which a few pages are ever touched


@struct
class VmRegion:
    base: u64
    end: u64
    prot: Prot
    shared: bool
    locked: bool                            # its pages were brought in when it was made, and stay
    may_write: bool                         # it may be made writable: the file was open so, or its pages are the process' own
    cache: Ref[PageCache] | None            # of the file, with a reference to that; None: anonymous memory
    offset: u64                             # in the file, of `base`; a multiple of the page size
    node: TreeLink["VmRegion"]              # its weight: see `room_before`


@struct
class RegionList:
    regions: RedBlackTree[VmRegion, Literal["node"], Literal["base"]]
    recent: Ref[VmRegion] | None            # where `find_region` found something last
    mapped_bytes: u64                       # sum over the regions


@inline
def find_region(vm: RegionList, address: u64) -> VmRegion | None:
    """The region that contains `address`."""
    recent = vm.recent
    if recent is not None and recent.base <= address < recent.end:
        return recent
    return search_region(vm, address)


@noinline
def search_region(vm: RegionList, address: u64) -> VmRegion | None:
    region = vm.regions.at_or_before(address)
    if region is None or region.end <= address:
        return None
    vm.recent = region
    return region


def first_beyond(vm: RegionList, address: u64) -> VmRegion | None:
    """The first region of which something is at `address` or above."""
    region = vm.regions.at_or_before(address)
    if region is None:
        return vm.regions.first()
    return region if region.end > address else vm.regions.after(region)


def first_in(vm: RegionList, base: u64, end: u64) -> VmRegion | None:
    """The first region of which something is in [base, end)."""
    region = first_beyond(vm, base)
    return region if region is not None and region.base < end else None


def next_in(vm: RegionList, region: VmRegion, end: u64) -> VmRegion | None:
    """The one after it, if something of that is before `end`."""
    if region.end >= end:
        return None
    after = vm.regions.after(region)
    return after if after is not None and after.base < end else None


def find_room(vm: RegionList, length: u64) -> tuple[u64, VmRegion | None]:
    """The lowest free range for mappings without a fixed address: (where it starts, the region behind it). Raises ENOMEM."""
    region = vm.regions.first_weighing(length)
    if region is not None:
        return min(region.base, MMAP_TOP) - region.node.weight, region
    last = vm.regions.last()
    start = max(last.end, MMAP_BASE) if last is not None else MMAP_BASE
    if start + length > MMAP_TOP:
        raise Error(Errno.ENOMEM, f"no room for {length} bytes of address space")
    return start, first_beyond(vm, start)


def room_before(before: VmRegion | None, region: VmRegion) -> u64:
    """How much between two neighbours is for mappings without a fixed address."""
    start = max(before.end, MMAP_BASE) if before is not None else MMAP_BASE
    end = min(region.base, MMAP_TOP)
    return end - start if end > start else 0


def insert_region(vm: RegionList, region: VmRegion, after: VmRegion | None) -> None:
    """Put a region where nothing is, before `after`, or behind all; and join it with its neighbours."""
    vm.mapped_bytes += region.end - region.base
    before = vm.regions.before(after) if after is not None else vm.regions.last()
    if before is not None and can_join(before, region):
        before.end = region.end
        forget(region)
        region = before
    else:
        vm.regions.insert_after(before, region)
        vm.regions.set_weight(region, room_before(before, region))
    if after is None:
        return
    if can_join(region, after):
        join(vm, region, after)
    else:
        vm.regions.set_weight(after, room_before(region, after))


def can_join(a: VmRegion, b: VmRegion) -> bool:
    """Whether `b` simply goes on where `a` ends."""
    if a.end != b.base or a.prot != b.prot or a.shared != b.shared or a.locked != b.locked or a.may_write != b.may_write:
        return False
    if a.cache is None or b.cache is None:
        return a.cache is None and b.cache is None
    return a.cache is b.cache and a.offset + (a.end - a.base) == b.offset


def join(vm: RegionList, a: VmRegion, b: VmRegion) -> None:
    """Where there is no room between the two, that before the next stays what it is."""
    a.end = b.end
    drop(vm, b)
    forget(b)


def join_range(vm: RegionList, base: u64, end: u64) -> None:
    """Join what can be joined in and at the borders of a range, after rights have changed there."""
    region = first_beyond(vm, base - 1 if base > 0 else base)
    while region is not None and region.base <= end:
        after = vm.regions.after(region)
        if after is not None and can_join(region, after):
            join(vm, region, after)         # and look at the same one again
        else:
            region = after


def note_room(vm: RegionList, region: VmRegion | None) -> None:
    """What is before a region has changed."""
    if region is not None:
        vm.regions.set_weight(region, room_before(vm.regions.before(region), region))


def move_range(vm: RegionList, first: VmRegion | None, end: u64, into: RegionList) -> None:
    """Move the regions from `first` to `end` over behind those that are there."""
    region = first
    while region is not None:
        next = next_in(vm, region, end)
        drop(vm, region)
        vm.mapped_bytes -= region.end - region.base
        into.regions.insert_after(into.regions.last(), region)
        region = next


def drop(vm: RegionList, region: VmRegion) -> None:
    vm.regions.remove(region)
    if vm.recent is region:
        vm.recent = None


def forget(region: VmRegion) -> None:
    """Free a region that is in no tree, and what it has of its file."""
    cache = region.cache
    if cache is not None:
        cache.map_put(region.shared)
    free(region)


def clone(region: VmRegion, base: u64, end: u64) -> VmRegion:
    """Another region of the same kind, for a part of the same range, with a reference of its own to the file. Raises ENOMEM."""
    cache = region.cache
    made = new(
        VmRegion,
        base=base,
        end=end,
        prot=region.prot,
        shared=region.shared,
        locked=region.locked,
        may_write=region.may_write,
        cache=cache,
        offset=region.offset + (base - region.base) if cache is not None else 0,
    )
    if cache is not None:
        cache.map_get(region.shared)
    return made


def check_room(vm: RegionList, size: u64) -> None:
    """Raise ENOMEM if there may be no further region of this size."""
    if vm.mapped_bytes + size > total_bytes() * OVERCOMMIT:
        raise Error(Errno.ENOMEM, f"{size} bytes more would be over {OVERCOMMIT} times the machine's memory")
    check_count(vm)


def check_count(vm: RegionList) -> None:
    """Raise ENOMEM if there may be no further region."""
    if vm.regions.count >= MAX_REGIONS:
        raise Error(Errno.ENOMEM, f"a process has at most {MAX_REGIONS} regions of memory")


def split_at(vm: RegionList, region: VmRegion, address: u64) -> VmRegion:
    """Make `address` a border between regions, within one that contains it and may begin there; the upper one. Raises ENOMEM."""
    if region.base == address:
        return region
    check_count(vm)
    upper = clone(region, address, region.end)
    region.end = address
    vm.regions.insert_after(region, upper)
    return upper


def split_range(vm: RegionList, first: VmRegion | None, base: u64, end: u64) -> VmRegion | None:
    """Make both ends of a range, in which `first` is the first region, borders between regions; the first one then. Raises ENOMEM before
    anything has changed but that a region may be two."""
    if first is None:
        return None
    first = split_at(vm, first, base) if first.base < base else first
    last = first
    while (region := next_in(vm, last, end)) is not None:
        last = region
    if last.end > end:
        split_at(vm, last, end)
    return first
