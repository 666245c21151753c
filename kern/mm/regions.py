# SPDX-License-Identifier: GPL-2.0-or-later
"""The regions of an address space: a sorted list of disjoint ranges, joined where one simply goes on after another.

Pure bookkeeping: no page tables, no pages, no locks (vmr.py has them), so that it runs on a host too.
Invariants: bounds are page-aligned, no region is empty, neighbours that could be one are one, `mapped_bytes` is the sum.
"""

from abc import abstractmethod
from typing import Literal, Protocol

from lang import Error, Paddr, Ref, free, new, struct, u64
from kern.abi.errno import Errno
from kern.abi.mman import Prot
from kern.abi.proc import MMAP_BASE, MMAP_TOP
from kern.lib.list import IntrusiveList, ListLink

MAX_REGIONS: u64 = 4096                     # of one process: they are kernel memory, and looked through one by one


class Mappable(Protocol):
    """A file that can be mapped. Every region holds one reference. None of this may block."""

    @abstractmethod
    def page_at(self, index: u64) -> Paddr:
        """The file's page number `index`, with a page reference for the caller. Raises ESPIPE beyond the end, ENOMEM."""

    @abstractmethod
    def map_get(self) -> None:
        """One more region maps the file."""

    @abstractmethod
    def map_put(self) -> None:
        """One region less."""

    @abstractmethod
    def may_map_writable(self) -> bool:
        """Whether a shared mapping may be written."""


@struct
class VmRegion:
    base: u64
    end: u64
    prot: Prot
    shared: bool
    file: Ref[Mappable] | None              # None: anonymous memory
    offset: u64                             # in the file, of `base`; a multiple of the page size
    link: ListLink["VmRegion"]


@struct
class RegionList:
    regions: IntrusiveList[VmRegion, Literal["link"]]
    history: u64                            # raised whenever regions go or change
    mapped_bytes: u64                       # sum over the regions


def find_region(vm: RegionList, address: u64) -> VmRegion | None:
    """The region that contains `address`."""
    region = vm.regions.first()
    while region is not None and region.end <= address:
        region = vm.regions.after(region)
    if region is None or region.base > address:
        return None
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
    if a.end != b.base or a.prot != b.prot or a.shared != b.shared:
        return False
    if a.file is None or b.file is None:
        return a.file is None and b.file is None
    return a.file is b.file and a.offset + (a.end - a.base) == b.offset


def join(vm: RegionList, a: VmRegion, b: VmRegion) -> None:
    a.end = b.end
    vm.regions.remove(b)
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


def forget(region: VmRegion) -> None:
    file = region.file
    if file is not None:
        file.map_put()
    free(region)


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
    file = region.file
    upper = new(VmRegion, base=address, end=region.end, prot=region.prot, shared=region.shared, file=file)
    if file is not None:
        upper.offset = region.offset + (address - region.base)
        file.map_get()
    region.end = address
    after = vm.regions.after(region)
    if after is None:
        vm.regions.push_back(upper)
    else:
        vm.regions.insert_before(after, upper)
