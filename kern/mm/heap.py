# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's heap: what `new` and `free` use. Size classes on slab caches, big blocks straight from the page allocator.

Never blocks; callable with interrupts off, and from handlers. Contents of a fresh block are undefined (`new` fills it).
Each core keeps a few free blocks of each class to itself, so that most calls take no lock.
Checked builds guard each block, and keep freed ones back for a while: kern/mm/sanitize.py.
Locks: those of the slab caches; a core's own blocks are guarded by interrupts being off.
"""

from lang import CHECKED, Array, Kaddr, PerCore, array, artificial, at, hook, never_blocks, noinline, panic, return_address, struct, u32
from lang import u64
from arch import cpu, mmu
from kern.abi.guard import GUARD_ROOM, BlockState, guard_of, prepare
from kern.mm.buddy import PageUse
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, alloc_pages, free_bytes, free_pages, is_ram, order_for, page_at
from kern.mm.sanitize import check_freed, check_given, exchange, release_one
from kern.mm.slab import SlabCache, page_of_object

CLASSES: u32 = 13
CLASS_SIZES = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048)
LARGEST_CLASS: u64 = 2048
MAGAZINE: u32 = 16                          # blocks of a class that a core may keep
BATCH: u32 = 8                              # blocks that go to or from the slab cache at once
SHORT: u64 = 8 << 20                        # checked builds: with less memory free than this, nothing is kept back


@struct
class Magazine:
    count: u32
    blocks: Array[u64] = array(MAGAZINE)


@struct(align=64)
class CoreHeap:
    magazines: Array[Magazine] = array(CLASSES)


caches = array(CLASSES, SlabCache)
class_of_size = array(129, u32)             # by (size + 15) // 16
local = PerCore[CoreHeap]()
large_bytes: u64 = 0                        # in big blocks; for statistics, so not exact


def init_heap() -> None:
    """Set up the size classes. Once, after the page allocator."""
    index: u32 = 0
    for size in CLASS_SIZES:
        caches[index].init(u64(size), 16, None)
        index += 1
    for slot in range(u64(129)):
        fit: u32 = 0
        while caches[fit].object_size < slot * 16:
            fit += 1
        class_of_size[slot] = fit


@never_blocks
@hook
@noinline
def allocate(size: u64, align: u64) -> u64:
    """A block of at least `size` bytes; raises ENOMEM."""
    if CHECKED:
        relieve_memory()
    if size > LARGEST_CLASS or align > 1024:
        return allocate_large(size, align)
    index = class_of_size[(size + 15) // 16]
    while caches[index].stride % align != 0:
        index += 1
        # Without guards 2048 is a multiple of every alignment that gets here.
        if CHECKED and index == CLASSES:
            return allocate_large(size, align)
    saved = cpu.irqs_save()
    magazine = local.mine.magazines[index]
    if magazine.count == 0:
        refill(magazine, caches[index])
    if magazine.count == 0:
        cpu.irqs_restore(saved)
        return caches[index].alloc()        # raises
    magazine.count -= 1
    block = magazine.blocks[magazine.count]
    cpu.irqs_restore(saved)
    if CHECKED:
        check_given(block, caches[index].stride, size, return_address(), False)
    return block


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
    if PageUse.LARGE in page.flags:
        assert block & PAGE_MASK == 0, "free of an address inside a block"
        release_large(block)
        return
    if PageUse.SLAB not in page.flags:
        panic(f"free of {block:#x}, which is not from the heap")
    cache = at(SlabCache, page.owner)
    saved = cpu.irqs_save()
    magazine = local.mine.magazines[class_of_size[cache.object_size // 16]]
    if magazine.count == MAGAZINE:
        drain(magazine, cache)
    magazine.blocks[magazine.count] = block
    magazine.count += 1
    cpu.irqs_restore(saved)


def refill(magazine: Magazine, cache: SlabCache) -> None:
    """Take blocks from the cache. Interrupts are off."""
    with cache.lock:
        while magazine.count < BATCH:
            block = cache.take()
            if block == 0:
                return
            magazine.blocks[magazine.count] = block
            magazine.count += 1


def drain(magazine: Magazine, cache: SlabCache) -> None:
    """Give blocks back to the cache. Interrupts are off."""
    with cache.lock:
        for _ in range(BATCH):
            magazine.count -= 1
            cache.put(magazine.blocks[magazine.count])


@artificial
def allocate_large(size: u64, align: u64) -> u64:
    global large_bytes
    room = max(size, align)
    order = order_for(room + (GUARD_ROOM if CHECKED else 0))
    paddr = alloc_pages(order)
    page = page_at(paddr)
    page.flags = page.flags | PageUse.LARGE
    large_bytes += PAGE_SIZE << order
    block = u64(mmu.phys_to_virt(paddr))
    if CHECKED:
        prepare(block, PAGE_SIZE << order, True)  # pages are filled and looked at by themselves
        check_given(block, PAGE_SIZE << order, size, return_address(), True)
    return block


def release_large(address: u64) -> None:
    global large_bytes
    page = page_of_object(address)
    order = u32(page.order)
    page.flags = page.flags & ~PageUse.LARGE
    large_bytes -= PAGE_SIZE << order
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
    total = large_bytes
    for cache in caches:
        total += cache.in_use * cache.stride
    return total
