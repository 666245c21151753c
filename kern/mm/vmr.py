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

from lang import Array, Paddr, Sink, Span, array, assign, inline, struct, u32, u64, unset
from arch import mmu
from kern.abi.mman import Prot
from kern.arch_api import PageFlag, TakenPage
from kern.mm.pages import PAGE_SIZE, is_only_reference, put_pages
from kern.mm.regions import (
    RegionList,
    VmRegion,
    check_room,
    find_region,
    first_beyond,
    first_in,
    forget,
    insert_region,
    move_range,
    note_room,
    split_range,
)
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


@struct
class TakenPages:
    """Pages of one region, out of the tables and not flushed yet."""

    count: u64
    next: u64                               # the address to go on at
    pages: Array[TakenPage] = array(BATCH)


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


def unmap_range(p: Proc, base: u64, end: u64, instead: VmRegion | None) -> None:
    """Unmap [base, end): regions, then pages; and put a region of just that range there, if one is given. Raises ENOMEM before anything
    has changed."""
    vm = p.vm
    gone = RegionList()
    taken = unset(TakenPages)
    taken.next = base
    with vm.lock:
        if instead is not None:
            check_room(vm, end - base)
        move_range(vm, split_range(vm, first_in(vm, base, end), base, end), end, gone)
        while take_some(p, gone, taken):
            flush_space(p)
            drop_pages(gone, taken)
        after = first_beyond(vm, end)
        if instead is not None:
            insert_region(vm, instead, after)
        else:
            note_room(vm, after)
    while (region := gone.regions.pop_leaf()) is not None:
        forget(region)


def take_some(p: Proc, gone: RegionList, taken: TakenPages) -> bool:
    """Take the next pages of one of the regions out of the tables; False if there are no more. Caller holds: vm.lock."""
    taken.count = 0
    region = first_beyond(gone, taken.next)
    while region is not None:
        taken.count, taken.next = mmu.take_pages(p.space, max(taken.next, region.base), region.end, taken.pages)
        if taken.count > 0:
            return True
        region = gone.regions.after(region)
    return False


def drop_pages(gone: RegionList, taken: TakenPages) -> None:
    """No core can reach these mappings any more."""
    region = find_region(gone, taken.pages[0].address)
    assert region is not None, "pages of no region"
    give_back(region, taken.pages[: taken.count])


def give_back(region: VmRegion, pages: Span[TakenPage]) -> None:
    """Each mapping had a reference, on a page of the file or on one of its own."""
    cache = region.cache
    if region.shared and cache is not None:
        for taken in pages:
            cache.put((region.offset + (taken.address - region.base)) // PAGE_SIZE, taken.dirty != 0)
    else:
        for first in range(u64(0), len(pages), MASKED):
            put_pages(pages[first : min(first + MASKED, len(pages))])


def destroy_vm(p: Proc) -> None:
    """Unmap everything, when no core is in the address space any more and none will be."""
    vm = p.vm
    taken = unset(TakenPages)
    while (region := vm.regions.pop_leaf()) is not None:
        taken.next = region.base
        while taken.next < region.end:
            taken.count, taken.next = mmu.take_pages(p.space, taken.next, region.end, taken.pages)
            give_back(region, taken.pages[: taken.count])
        forget(region)
    vm.recent = None
    vm.mapped_bytes = 0


def print_regions(p: Proc, sink: Sink) -> None:
    """A line for each region: range, rights, whether it is private or shared and locked, what of its file (in bytes) is there."""
    region = VmRegion()
    while copy_region(p.vm, region.end, region):
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


def copy_region(vm: VmSpace, address: u64, into: VmRegion) -> bool:
    """Copy the first region that ends beyond `address`, but no reference to its file; False if there is none."""
    with vm.lock:
        region = first_beyond(vm, address)
        if region is None:
            return False
        assign(into, region)
        return True
