# SPDX-License-Identifier: GPL-2.0-or-later
"""The address space of a process: its regions (regions.py) with their lock, and taking pages out of it.

Pages come by demand (fault.py).
An entry for a page of a shared file mapping has a reference in the file's cache, any other one has one on the page itself. Of
private pages others may have some too: processes that were one before a fork, and the cache of a file that never changes. While
they do, nobody has the page writable (`flags_for`).
Pages go in two steps: out of the tables, then, after every core has flushed, back to the allocator.
Locks: `vm.lock` is a plain spinlock, taken before the allocators'. No interrupt handler and no immediate message
touches user memory. Who holds it never touches user memory itself: a fault would take it again.
"""

from lang import Paddr, Sink, Span, array, inline, struct, u32, u64
from arch import mmu
from kern.abi.mman import Prot
from kern.arch_api import PageFlag, TakenPage
from kern.mm.pages import PAGE_SIZE, is_only_reference, put_pages
from kern.mm.regions import RegionList, VmRegion, forget, split_at, take_out
from kern.mm.shootdown import flush_space
from kern.proc.proc import Proc
from kern.sync.spinlock import SpinLock

LONGEST_REGION: u64 = 64                    # bytes of a line of `print_regions`, at most
BATCH: u64 = 64                             # pages that go between two flushes
MASKED: u64 = 16                            # ... and without an interrupt's coming between


@struct
class VmSpace(RegionList):
    lock: SpinLock
    faults: u64                             # pages that came by demand, or that it had to wait for


def page_flags(region: VmRegion) -> PageFlag:
    """How a region's own pages are entered. What is written to a shared page of a file is noted, since the file is to have it."""
    flags = page_flags_of(region.prot)
    if region.shared and region.cache is not None:
        flags = flags | PageFlag.CLEAN
    return flags


def flags_for(region: VmRegion, page: Paddr) -> PageFlag:
    """How a page of the region is entered. One of a private region that somebody else has too, another process or a file, is never
    writable: who writes gets a copy (fault.py)."""
    flags = page_flags(region)
    if not region.shared and not is_only_reference(page):
        flags = flags & ~PageFlag.WRITE
    return flags


@inline
def page_flags_of(prot: Prot) -> PageFlag:
    """Rights have the same bits in both. What may be written or executed may be read."""
    if prot == Prot.NONE:
        return PageFlag.USER
    return PageFlag(u32(prot)) | PageFlag.USER | PageFlag.READ


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
            remove_pages(p, region)
            take_out(vm, region)
            vm.mapped_bytes -= region.end - region.base
            forget(region)
        region = next


def remove_pages(p: Proc, region: VmRegion) -> None:
    """Take the pages of a region out of the tables, have every core flush, then give them back. Caller holds: vm.lock."""
    batch = array(BATCH, TakenPage)
    at = region.base
    while at < region.end:
        count, at = mmu.take_pages(p.space, at, region.end, batch)
        if count > 0:
            flush_space(p)
            drop_pages(region, batch[:count])


def drop_pages(region: VmRegion, pages: Span[TakenPage]) -> None:
    """No core can reach these mappings any more: each had a reference, on a page of the file or on one of its own."""
    cache = region.cache
    if region.shared and cache is not None:
        for taken in pages:
            cache.put((region.offset + (taken.address - region.base)) // PAGE_SIZE, taken.dirty)
    else:
        for first in range(u64(0), len(pages), MASKED):
            put_pages(pages[first : min(first + MASKED, len(pages))])


def destroy_vm(p: Proc) -> None:
    """Unmap everything, when no core is in the address space any more and none will be."""
    vm = p.vm
    batch = array(BATCH, TakenPage)
    while (region := vm.regions.pop_front()) is not None:
        at = region.base
        while at < region.end:
            count, at = mmu.take_pages(p.space, at, region.end, batch)
            drop_pages(region, batch[:count])
        forget(region)
    vm.recent = None
    vm.mapped_bytes = 0


def print_regions(p: Proc, sink: Sink) -> None:
    """A line for each region: range, rights, whether it is private or shared and locked, what of its file (in bytes) is there."""
    with p.vm.lock:
        region = p.vm.regions.first()
        while region is not None:
            sink.print(f"{region.base:010x}-{region.end:010x} ")
            sink.put("r" if Prot.READ in region.prot else "-")
            sink.put("w" if Prot.WRITE in region.prot else "-")
            sink.put("x" if Prot.EXEC in region.prot else "-")
            sink.put("s" if region.shared else "p")
            sink.put("l " if region.locked else "  ")
            if region.cache is not None:
                sink.print(f"file {region.offset:#x}\n")
            else:
                sink.put("memory\n")
            region = p.vm.regions.after(region)
