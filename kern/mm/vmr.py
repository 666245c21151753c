# SPDX-License-Identifier: GPL-2.0-or-later
"""The address space of a process: its regions (regions.py) with their lock, and taking pages out of it.

Pages come by demand (fault.py).
A mapped page holds one reference on its Page; pages that the allocator does not govern are never freed.
Pages go in two steps: out of the tables, then, after every core has flushed, back to the allocator.
Locks: `vm.lock` is a plain spinlock, taken before the allocators'. No interrupt handler and no immediate message
touches user memory. Who holds it never touches user memory itself: a fault would take it again.
"""

from lang import Paddr, Span, array, struct, u64
from arch import mmu
from kern.abi.mman import Prot
from kern.arch_api import PageFlag, TakenPage
from kern.mm.pages import is_ram, page_put
from kern.mm.regions import RegionList, forget, split_at
from kern.mm.shootdown import flush_space
from kern.proc.proc import Proc
from kern.sync.spinlock import SpinLock

BATCH: u64 = 64                             # pages that go between two flushes


@struct
class VmSpace(RegionList):
    lock: SpinLock


def page_flags_of(prot: Prot) -> PageFlag:
    flags = PageFlag.USER
    if Prot.READ in prot or Prot.WRITE in prot or Prot.EXEC in prot:
        flags = flags | PageFlag.READ
    if Prot.WRITE in prot:
        flags = flags | PageFlag.WRITE
    if Prot.EXEC in prot:
        flags = flags | PageFlag.EXEC
    return flags


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
    batch = array(BATCH, TakenPage)
    at = base
    while at < end:
        count, at = mmu.take_pages(p.space, at, end, batch)
        if count > 0:
            flush_space(p)
            drop_pages(batch[:count])


def drop_pages(pages: Span[TakenPage]) -> None:
    """No core can reach these mappings any more."""
    for taken in pages:
        drop_page(taken.page)


def drop_page(page: Paddr) -> None:
    """A mapping of the page is gone."""
    if is_ram(page):
        page_put(page)


def destroy_vm(p: Proc) -> None:
    """Unmap everything, when no core is in the address space any more and none will be."""
    vm = p.vm
    batch = array(BATCH, TakenPage)
    while (region := vm.regions.pop_front()) is not None:
        at = region.base
        while at < region.end:
            count, at = mmu.take_pages(p.space, at, region.end, batch)
            drop_pages(batch[:count])
        forget(region)
    vm.mapped_bytes = 0
