# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel map: kernel virtual addresses outside the direct map, for stacks with guard pages and for devices.

The arena `vmap` hands the addresses out, and has them back when every core has forgotten where they led. Some free stacks are kept with
their pages; of more than that the pages go back to memory, a batch at a time. No core that a process holds is interrupted for it: a batch
may take until that next enters the kernel, and until then stacks beyond it stay what they are, free ones.
A stack is STACK_SIZE bytes with an unmapped page below: an overflow faults instead of corrupting its neighbour.
Locks: `lock` guards the page tables of the kernel map and the free stacks; then the arena's and the page allocator's. Taken with
interrupts off.
"""

from lang import CHECKED, Array, Atomic, Error, Kaddr, Paddr, array, at, blocks, struct, u32, u64
from arch import mmu, smp
from arch.mmu import KMAP_BASE, KMAP_END
from kern.arch_api import PageFlag
from kern.core.errand import Errand
from kern.mm.arena import Arena
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, alloc_pages, free_pages
from kern.mm.shootdown import flush_kernel
from kern.sync.kthread import kthread_yield
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


@struct
class Leaving:
    """A batch of stacks out of the page tables. Neither pages nor addresses may be used again before the last core has forgotten them."""

    busy: bool                              # there is one. Guarded by `lock`
    cores_left: Atomic[u32]                 # that have yet to forget; the last of them ends it
    count: u64
    bases: Array[u64] = array(BATCH)
    found: u64
    pages: Array[u64] = array(BATCH * STACK_PAGES)


lock = SpinLock()
vmap = Arena()
leaving = Leaving()
forgetting = Errand()
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
    """Give a stack back that nobody stands on. No spinlock is held."""
    global free_stacks, free_count
    base = top - STACK_SIZE
    with lock.irqs_off():
        at(FreeStack, base).next = free_stacks
        free_stacks = base
        free_count += 1
        too_many = free_count >= KEPT + BATCH
    if too_many:
        trim()


def trim() -> None:
    """Take the pages of free stacks away that are too many."""
    while begin_batch(KEPT + BATCH, KEPT, smp.core_count()):
        forgetting.fn = forget_and_go_on
        forgetting.ask_others()
        if not forget():
            return


@blocks
def drop_free_stacks() -> None:
    """Keep none, and return when they are memory again: every core is interrupted for it. May raise ENOMEM."""
    while free_count > 0 or leaving.busy:
        mine = begin_batch(1, 0, 1)
        flush_kernel()
        if mine:
            forget()
        else:
            # A batch was on its way. Cores that a process holds have come by now, and do their part as they go back; so does this one.
            kthread_yield()


def begin_batch(least: u64, kept: u64, cores: u32) -> bool:
    """Take a batch of stacks out of the tables, if there are at least so many, and keep so many; so many cores will `forget`.
    False if there are too few, or a batch is still on its way: its end looks again."""
    with lock.irqs_off():
        if leaving.busy or free_count < least:
            return False
        leaving.busy = True
        leaving.cores_left.store(cores)
        leaving.count = 0
        leaving.found = 0
        while leaving.count < BATCH and free_count > kept:
            base = take_free_stack()
            leaving.bases[leaving.count] = base
            leaving.count += 1
            for address in range(base, base + STACK_SIZE, PAGE_SIZE):
                page = mmu.unmap_kernel_page(Kaddr(address))
                if page is not None:
                    leaving.pages[leaving.found] = u64(page)
                    leaving.found += 1
    return True


def forget() -> bool:
    """This core uses nothing more of the batch. Whether that ended it: it was the last."""
    mmu.flush_local_all()
    if leaving.cores_left.sub(1) != 1:
        return False
    for page in leaving.pages[: leaving.found]:
        free_pages(Paddr(page), 0)
    for base in leaving.bases[: leaving.count]:
        vmap.free(base - GUARD_SIZE, PLACE)
    with lock.irqs_off():
        leaving.busy = False
    return True


def forget_and_go_on() -> None:
    """On another core."""
    if forget():
        trim()


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
