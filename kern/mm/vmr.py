# SPDX-License-Identifier: GPL-2.0-or-later
"""The address space of a process as regions: what is mapped where, with which rights, backed by what.

Regions are sorted and disjoint, and neighbours of one kind are one region. Pages come by demand (fault.py).
A mapped page holds one reference on its Page; pages that the allocator does not govern are never freed.
Pages go in two steps: out of the tables, then, after every core has flushed, back to the allocator.
Locks: `vm.lock` is a plain spinlock, taken before the allocators'. No interrupt handler and no immediate message
touches user memory. Who holds it never touches user memory itself: a fault would take it again.
"""

from abc import abstractmethod
from typing import Literal, Protocol

from lang import Error, Paddr, Ref, Span, Uaddr, array, free, new, struct, u32, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.abi.mman import Prot
from kern.abi.proc import MMAP_BASE, MMAP_TOP
from kern.arch_api import PageFlag
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.pages import PAGE_SIZE, is_ram, page_put
from kern.mm.shootdown import flush_space
from kern.proc.proc import Proc
from kern.sync.spinlock import SpinLock

BATCH: u32 = 64                             # pages that go between two flushes


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

    def page_flags(self) -> PageFlag:
        return page_flags_of(self.prot)


@struct
class VmSpace:
    lock: SpinLock
    regions: IntrusiveList[VmRegion, Literal["link"]]
    history: u64                            # raised whenever regions go or change
    mapped_bytes: u64                       # sum over the regions


def page_flags_of(prot: Prot) -> PageFlag:
    flags = PageFlag.USER
    if Prot.READ in prot or Prot.WRITE in prot or Prot.EXEC in prot:
        flags = flags | PageFlag.READ
    if Prot.WRITE in prot:
        flags = flags | PageFlag.WRITE
    if Prot.EXEC in prot:
        flags = flags | PageFlag.EXEC
    return flags


def find_region(vm: VmSpace, address: u64) -> VmRegion | None:
    """The region that contains `address`. Caller holds: vm.lock."""
    region = vm.regions.first()
    while region is not None and region.end <= address:
        region = vm.regions.after(region)
    if region is None or region.base > address:
        return None
    return region


def find_room(vm: VmSpace, length: u64) -> u64:
    """The lowest free range for mappings without a fixed address. Caller holds: vm.lock. Raises ENOMEM."""
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


def is_free(vm: VmSpace, base: u64, end: u64) -> bool:
    region = vm.regions.first()
    while region is not None:
        if region.base < end and base < region.end:
            return False
        region = vm.regions.after(region)
    return True


def insert_region(vm: VmSpace, region: VmRegion) -> None:
    """Put a region where nothing is, and join it with its neighbours. Caller holds: vm.lock."""
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


def join(vm: VmSpace, a: VmRegion, b: VmRegion) -> None:
    a.end = b.end
    vm.regions.remove(b)
    forget(b)


def forget(region: VmRegion) -> None:
    file = region.file
    if file is not None:
        file.map_put()
    free(region)


def split_at(vm: VmSpace, address: u64) -> None:
    """Make `address` a border between regions, if one contains it. Caller holds: vm.lock. Raises ENOMEM."""
    region = find_region(vm, address)
    if region is None or region.base == address:
        return
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


def remove_range(p: Proc, base: u64, end: u64) -> None:
    """Unmap [base, end): regions, then pages. Caller holds: vm.lock. Raises ENOMEM before anything has changed."""
    vm = p.vm
    split_at(vm, base)
    split_at(vm, end)
    vm.history += 1
    region = vm.regions.first()
    while region is not None and region.base < end:
        next = vm.regions.after(region)
        if region.base >= base:
            remove_pages(p, region.base, region.end)
            vm.regions.remove(region)
            vm.mapped_bytes -= region.end - region.base
            forget(region)
        region = next


def remove_pages(p: Proc, base: u64, end: u64) -> None:
    """Take the pages of a range out of the tables, have every core flush, then give them back. Caller holds: vm.lock."""
    batch = array(BATCH, u64)
    count: u32 = 0
    for address in range(base, end, PAGE_SIZE):
        page = mmu.unmap_page(p.space, Uaddr(address))
        if page is None:
            continue
        batch[count] = u64(page)
        count += 1
        if count == BATCH:
            flush_and_free(p, batch[:count])
            count = 0
    if count > 0:
        flush_and_free(p, batch[:count])


def flush_and_free(p: Proc, pages: Span[u64]) -> None:
    flush_space(p)
    for page in pages:
        drop_page(Paddr(page))


def drop_page(page: Paddr) -> None:
    """A mapping of the page is gone."""
    if is_ram(page):
        page_put(page)


def destroy_vm(p: Proc) -> None:
    """Unmap everything, when no core is in the address space any more and none will be."""
    vm = p.vm
    while (region := vm.regions.pop_front()) is not None:
        for address in range(region.base, region.end, PAGE_SIZE):
            page = mmu.unmap_page(p.space, Uaddr(address))
            if page is not None:
                drop_page(page)
        forget(region)
    vm.mapped_bytes = 0
