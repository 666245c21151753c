# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's heap: what `new` and `free` use. Size classes on slab caches, big blocks straight from the page allocator.

Never blocks; callable with interrupts off, and from handlers. Contents of a fresh block are undefined (`new` fills it).
Most calls are served from what this core keeps (kern/mm/magazine.py), without a lock.
Checked builds guard each block, and keep freed ones back for a while: kern/mm/sanitize.py.
No locks of its own.
"""

from lang import (
    CHECKED,
    RELAXED,
    Array,
    Atomic,
    Error,
    Kaddr,
    array,
    at,
    hook,
    never_blocks,
    noinline,
    panic,
    return_address,
    struct,
    u8,
    u32,
    u64,
    unlikely,
)
from arch import mmu
from kern.abi.errno import Errno
from kern.abi.guard import GUARD_ROOM, BlockState, guard_of, prepare
from kern.mm.buddy import PageUse
from kern.mm.inject import should_fail
from kern.mm.magazine import NOTHING, alloc_slow, free_slow, pop, push
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, alloc_pages, free_bytes, free_pages, is_ram, order_for, page_at
from kern.mm.sanitize import check_freed, check_given, exchange, release_one
from kern.mm.slab import SlabCache, init_slabs, page_of_object

CLASSES: u32 = 13
LARGEST_CLASS: u64 = 2048
CLASS_ALIGN: u64 = 16                       # of every block
SHORT: u64 = 8 << 20                        # checked builds: with less memory free than this, nothing is kept back


@struct
class SizeClass:
    size: u64
    name: str


classes: Array[SizeClass] = (
    SizeClass(16, "heap-16"),
    SizeClass(32, "heap-32"),
    SizeClass(48, "heap-48"),
    SizeClass(64, "heap-64"),
    SizeClass(96, "heap-96"),
    SizeClass(128, "heap-128"),
    SizeClass(192, "heap-192"),
    SizeClass(256, "heap-256"),
    SizeClass(384, "heap-384"),
    SizeClass(512, "heap-512"),
    SizeClass(768, "heap-768"),
    SizeClass(1024, "heap-1024"),
    SizeClass(2048, "heap-2048"),
)
caches = array(CLASSES, SlabCache)
class_of_size = array(129, u8)              # by (size + 15) // 16
large_bytes = Atomic[u64](0)                # in big blocks; exact when nobody allocates


def init_heap() -> None:
    """Set up the size classes. Once, after the page allocator, before any other cache."""
    init_slabs()
    for index in range(CLASSES):
        caches[index].init(classes[index].name, classes[index].size, CLASS_ALIGN, None)
        assert caches[index].front == front_of(index), "another cache was before the heap's"
    for slot in range(u64(129)):
        fit: u32 = 0
        while caches[fit].object_size < slot * 16:
            fit += 1
        class_of_size[slot] = u8(fit)


def front_of(index: u32) -> u32:
    """Which of a core's caches a class has: known without a look at the class."""
    return index + 1


@never_blocks
@hook
@noinline
def allocate(size: u64, align: u64) -> u64:
    """A block of at least `size` bytes; raises ENOMEM."""
    if CHECKED:
        relieve_memory()
        if should_fail():
            raise Error(Errno.ENOMEM, f"no {size} bytes, as was ordered")
    if size > LARGEST_CLASS:
        return allocate_large(size, align, return_address())
    if align > CLASS_ALIGN:
        return allocate_aligned(size, align, return_address())
    index = u32(class_of_size[(size + 15) // 16])
    block = pop(front_of(index))
    if block == NOTHING:
        block = alloc_slow(caches[index])
    if CHECKED:
        check_given(block, caches[index].stride, size, return_address(), False)
    return block


@noinline
def allocate_aligned(size: u64, align: u64, by: u64) -> u64:
    """A block that is aligned to more than all are."""
    if align <= 1024:
        for cache in caches:
            if cache.object_size >= size and cache.stride % align == 0:
                block = cache.take_object()
                if CHECKED:
                    check_given(block, cache.stride, size, by, False)
                return block
    return allocate_large(size, align, by)


@never_blocks
@hook
@noinline
def release(address: u64) -> None:
    """Give a block back."""
    block = address
    if CHECKED:
        block = release_guarded(address, return_address())
        if block == 0:
            return
    page = page_of_object(block)
    if unlikely(PageUse.SLAB not in page.flags):
        release_large(block)
        return
    cache = at(SlabCache, page.owner)
    if not push(cache.front, block):
        free_slow(cache, block)


@noinline
def allocate_large(size: u64, align: u64, by: u64) -> u64:
    room = max(size, align)
    order = order_for(room + (GUARD_ROOM if CHECKED else 0))
    paddr = alloc_pages(order)
    page = page_at(paddr)
    page.flags = page.flags | PageUse.LARGE
    large_bytes.add(PAGE_SIZE << order, order=RELAXED)
    block = u64(mmu.phys_to_virt(paddr))
    if CHECKED:
        prepare(block, PAGE_SIZE << order, True)  # pages are filled and looked at by themselves
        check_given(block, PAGE_SIZE << order, size, by, True)
    return block


@noinline
def release_large(address: u64) -> None:
    page = page_of_object(address)
    if PageUse.LARGE not in page.flags:
        panic(f"free of {address:#x}, which is not from the heap")
    assert address & PAGE_MASK == 0, "free of an address inside a block"
    order = u32(page.order)
    page.flags = page.flags & ~PageUse.LARGE
    large_bytes.sub(PAGE_SIZE << order, order=RELAXED)
    free_pages(mmu.virt_to_phys(Kaddr(address)), order)


# -- checked builds -----------------------------------------------------------------------------------------------
def release_guarded(address: u64, by: u64) -> u64:
    """Into the quarantine; returns the block that leaves it for that, 0 if none does. Big blocks are not kept."""
    check_from_heap(address)
    room = room_of(address)
    guard = guard_of(address, room)
    if guard.state == BlockState.LEAVING:
        guard.state = u32(BlockState.FREED)
        return address                      # from `empty_quarantine`
    large = PageUse.LARGE in page_of_object(address).flags
    check_freed(address, room, by, large)
    return address if large else exchange(address)


def relieve_memory() -> None:
    """Keep nothing back when memory is short, so that it ends no earlier than in a release build."""
    if free_bytes() < SHORT:
        empty_quarantine()


def empty_quarantine() -> None:
    """Really give back what this core keeps."""
    block = release_one()
    while block != 0:
        guard_of(block, room_of(block)).state = u32(BlockState.LEAVING)
        release(block)
        block = release_one()


def check_from_heap(address: u64) -> None:
    """That a block of the heap starts there."""
    paddr = mmu.virt_to_phys(Kaddr(address & ~PAGE_MASK))
    if not is_ram(paddr):
        panic(f"free of {address:#x}, which is not from the heap")
    page = page_at(paddr)
    if PageUse.SLAB in page.flags:
        at(SlabCache, page.owner).check_start(address)
    elif PageUse.LARGE not in page.flags or address & PAGE_MASK != 0:
        panic(f"free of {address:#x}, which is not from the heap, or was freed already")


def room_of(block: u64) -> u64:
    """How large the slot of a block is."""
    page = page_of_object(block)
    return PAGE_SIZE << page.order if PageUse.LARGE in page.flags else at(SlabCache, page.owner).stride


def used_bytes() -> u64:
    """Bytes in blocks that were handed out, those that cores keep for themselves included."""
    total = large_bytes.load(order=RELAXED)
    for cache in caches:
        total += cache.in_use * cache.stride
    return total
