# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel map: kernel virtual addresses outside the direct map, for stacks with guard pages and for devices.

The arena `vmap` hands the addresses out, and has them back when every core has forgotten where they led. Some free stacks are kept with
their pages; of more than that the pages go back to memory, many at a time.
A stack is STACK_SIZE bytes with an unmapped page below: an overflow faults instead of corrupting its neighbour.
Locks: `lock` guards the page tables of the kernel map and the free stacks; then the arena's and the page allocator's. Taken with
interrupts off.
"""

from lang import CHECKED, Error, Kaddr, Paddr, array, at, struct, u64
from arch import mmu
from arch.mmu import KMAP_BASE, KMAP_END
from kern.arch_api import PageFlag
from kern.mm.arena import Arena
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, alloc_pages, free_pages
from kern.mm.shootdown import flush_kernel
from kern.sync.spinlock import SpinLock

STACK_SIZE: u64 = (48 if CHECKED else 32) * 1024  # checks, and what they say when they fail, take room
STACK_PAGES: u64 = STACK_SIZE // PAGE_SIZE
GUARD_SIZE: u64 = PAGE_SIZE
KEPT: u64 = 64                              # free stacks that keep their pages
BATCH: u64 = 16                             # stacks that lose their pages at once
PLACE: u64 = GUARD_SIZE + STACK_SIZE


@struct
class FreeStack:
    """Lies at the low end of a stack that is free."""

    next: u64                               # address of the next one's, 0 at the end


lock = SpinLock()
vmap = Arena()
free_stacks: u64 = 0                        # address of the first FreeStack
free_count: u64 = 0                         # how many there are


def init_kmap() -> None:
    """Once, after the page allocator. Raises ENOMEM."""
    vmap.init("vmap", PAGE_SIZE)
    vmap.add(u64(KMAP_BASE), KMAP_END - KMAP_BASE)


def alloc_stack() -> u64:
    """A kernel stack; returns its top. Raises ENOMEM."""
    with lock.irqs_off():
        reused = take_free_stack()
        base = reused if reused != 0 else map_stack()
    return base + STACK_SIZE


def free_stack(top: u64) -> None:
    """Give a stack back that nobody stands on. No spinlock is held: other cores may have to flush."""
    global free_stacks, free_count
    base = top - STACK_SIZE
    with lock.irqs_off():
        at(FreeStack, base).next = free_stacks
        free_stacks = base
        free_count += 1
        too_many = free_count >= KEPT + BATCH
    if too_many:
        trim(KEPT)


def drop_free_stacks() -> None:
    """Keep none. No spinlock is held."""
    while free_count > 0:
        trim(0)


def trim(kept: u64) -> None:
    """Take the pages of a batch of free stacks away, but not of so many."""
    bases = array(BATCH, u64)
    pages = array(BATCH * STACK_PAGES, u64)
    count: u64 = 0
    found: u64 = 0
    with lock.irqs_off():
        while count < BATCH and free_count > kept:
            base = take_free_stack()
            bases[count] = base
            count += 1
            for address in range(base, base + STACK_SIZE, PAGE_SIZE):
                page = mmu.unmap_kernel_page(Kaddr(address))
                if page is not None:
                    pages[found] = u64(page)
                    found += 1
    # Neither pages nor addresses may be used again before the last core has forgotten where they were.
    flush_kernel()
    for i in range(found):
        free_pages(Paddr(pages[i]), 0)
    for i in range(count):
        vmap.free(bases[i] - GUARD_SIZE, PLACE)


def is_guard_page(address: u64) -> bool:
    """Whether an address that faulted lies in the page below a stack. No locks, any context."""
    if address < u64(KMAP_BASE) or address >= u64(KMAP_END) - PAGE_SIZE:
        return False
    return not mmu.is_kernel_mapped(address) and mmu.is_kernel_mapped(address + PAGE_SIZE)


def take_free_stack() -> u64:
    """Lowest address of a free stack with its pages, or 0. Caller holds: lock."""
    global free_stacks, free_count
    base = free_stacks
    if base != 0:
        free_stacks = at(FreeStack, base).next
        free_count -= 1
    return base


def map_stack() -> u64:
    """A new stack above a guard page. Caller holds: lock. Raises ENOMEM."""
    base = vmap.alloc(PLACE) + GUARD_SIZE
    mapped: u64 = 0
    try:
        while mapped < STACK_SIZE:
            map_fresh_page(base + mapped)
            mapped += PAGE_SIZE
    except Error:
        # Never used, so no core has these translations.
        while mapped > 0:
            mapped -= PAGE_SIZE
            page = mmu.unmap_kernel_page(Kaddr(base + mapped))
            if page is not None:
                free_pages(page, 0)
        vmap.free(base - GUARD_SIZE, PLACE)
        raise
    return base


def map_fresh_page(address: u64) -> None:
    page = alloc_pages(0)
    try:
        mmu.map_kernel_page(Kaddr(address), page, PageFlag.READ | PageFlag.WRITE)
    except Error:
        free_pages(page, 0)
        raise


def map_mmio(address: Paddr, size: u64) -> Kaddr:
    """Map device registers, uncached. Any alignment. Raises ENOMEM."""
    return map_device(address, size, PageFlag.UNCACHED)


def map_device(address: Paddr, size: u64, caching: PageFlag) -> Kaddr:
    """Map memory of a device: UNCACHED, or WRITE_COMBINING for a frame buffer. Any alignment. Raises ENOMEM."""
    offset = u64(address) & PAGE_MASK
    length = (offset + size + PAGE_MASK) & ~PAGE_MASK
    base = vmap.alloc(length)
    mapped: u64 = 0
    with lock.irqs_off():
        try:
            while mapped < length:
                page = Paddr(u64(address) - offset + mapped)
                mmu.map_kernel_page(Kaddr(base + mapped), page, PageFlag.READ | PageFlag.WRITE | caching)
                mapped += PAGE_SIZE
        except Error:
            take_out(base, mapped)
            vmap.free(base, length)
            raise
    return Kaddr(base + offset)


def unmap_device(address: Kaddr, size: u64) -> None:
    """Undo `map_device` with the address that it gave. No spinlock is held: other cores may have to flush."""
    offset = u64(address) & PAGE_MASK
    length = (offset + size + PAGE_MASK) & ~PAGE_MASK
    with lock.irqs_off():
        take_out(u64(address) - offset, length)
    flush_kernel()
    vmap.free(u64(address) - offset, length)


def take_out(base: u64, length: u64) -> None:
    """Take pages that are not ours out of the tables. Caller holds: lock."""
    for at_byte in range(u64(0), length, PAGE_SIZE):
        mmu.unmap_kernel_page(Kaddr(base + at_byte))
