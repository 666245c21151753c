# SPDX-License-Identifier: GPL-2.0-or-later
"""The regions of an address space: a sorted list of disjoint ranges, joined where one simply goes on after another.

Pure bookkeeping: no page tables, no pages, no locks (vmr.py has them), so that it runs on a host too.
Invariants: bounds are page-aligned, no region is empty, neighbours that could be one are one, `mapped_bytes` is the sum.
"""

from typing import Literal

from lang import Error, Ref, free, inline, new, noinline, struct, u64
from kern.abi.errno import Errno
from kern.abi.mman import Prot
from kern.abi.proc import MMAP_BASE, MMAP_TOP
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.pagecache import PageCache

MAX_REGIONS: u64 = 4096                     # of one process: they are kernel memory, and looked through one by one


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
    link: ListLink["VmRegion"]


@struct
class RegionList:
    regions: IntrusiveList[VmRegion, Literal["link"]]
    recent: Ref[VmRegion] | None            # where `find_region` found something last
    history: u64                            # raised whenever regions go or change
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
    region = vm.regions.first()
    while region is not None and region.end <= address:
        region = vm.regions.after(region)
    if region is None or region.base > address:
        return None
    vm.recent = region
    return region


def find_room(vm: RegionList, length: u64) -> u64:
    """The lowest free range for mappings without a fixed address. Raises ENOMEM."""
    start = MMAP_BASE
    region = vm.regions.first()
    while region is not None:
        if region.end > start:
            if region.base >= start and region.base - start >= length:
                break
            start = region.end
        region = vm.regions.after(region)
    if start + length > MMAP_TOP:
        raise Error(Errno.ENOMEM, f"no room for {length} bytes of address space")
    return start


def is_free(vm: RegionList, base: u64, end: u64) -> bool:
    region = vm.regions.first()
    while region is not None:
        if region.base < end and base < region.end:
            return False
        region = vm.regions.after(region)
    return True


def insert_region(vm: RegionList, region: VmRegion) -> None:
    """Put a region where nothing is, and join it with its neighbours."""
    place = vm.regions.first()
    while place is not None and place.base < region.base:
        place = vm.regions.after(place)
    if place is None:
        vm.regions.push_back(region)
    else:
        vm.regions.insert_before(place, region)
    vm.mapped_bytes += region.end - region.base
    before = vm.regions.before(region)
    if before is not None and can_join(before, region):
        join(vm, before, region)
        region = before
    after = vm.regions.after(region)
    if after is not None and can_join(region, after):
        join(vm, region, after)


def can_join(a: VmRegion, b: VmRegion) -> bool:
    """Whether `b` simply goes on where `a` ends."""
    if a.end != b.base or a.prot != b.prot or a.shared != b.shared or a.locked != b.locked or a.may_write != b.may_write:
        return False
    if a.cache is None or b.cache is None:
        return a.cache is None and b.cache is None
    return a.cache is b.cache and a.offset + (a.end - a.base) == b.offset


def join(vm: RegionList, a: VmRegion, b: VmRegion) -> None:
    a.end = b.end
    take_out(vm, b)
    forget(b)


def join_range(vm: RegionList, base: u64, end: u64) -> None:
    """Join what can be joined in and at the borders of a range, after rights have changed there."""
    region = vm.regions.first()
    while region is not None and region.base <= end:
        after = vm.regions.after(region)
        if after is not None and region.end >= base and can_join(region, after):
            join(vm, region, after)         # and look at the same one again
        else:
            region = after


def take_out(vm: RegionList, region: VmRegion) -> None:
    """Take a region off the list. What it counts for stays in `mapped_bytes`."""
    vm.regions.remove(region)
    vm.recent = None


def forget(region: VmRegion) -> None:
    """Free a region that is on no list, and what it has of its file."""
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


def check_count(vm: RegionList) -> None:
    """Raise ENOMEM if there may be no further region."""
    if vm.regions.count >= MAX_REGIONS:
        raise Error(Errno.ENOMEM, f"a process has at most {MAX_REGIONS} regions of memory")


def split_at(vm: RegionList, address: u64) -> None:
    """Make `address` a border between regions, if one contains it. Raises ENOMEM."""
    region = find_region(vm, address)
    if region is None or region.base == address:
        return
    check_count(vm)
    upper = clone(region, address, region.end)
    region.end = address
    after = vm.regions.after(region)
    if after is None:
        vm.regions.push_back(upper)
    else:
        vm.regions.insert_before(after, upper)
