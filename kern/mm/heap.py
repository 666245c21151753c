# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's heap: what `new` and `free` use. Size classes on slab caches, big blocks straight from the page allocator.

Never blocks; callable with interrupts off, and from handlers. Contents of a fresh block are undefined (`new` fills it).
Each core keeps a few free blocks of each class to itself, so that most calls take no lock.
Locks: those of the slab caches; a core's own blocks are guarded by interrupts being off.
"""

from lang import Array, Kaddr, PerCore, array, at, hook, never_blocks, panic, struct, u32, u64
from arch import cpu, mmu
from kern.mm.buddy import PageUse
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, alloc_pages, free_pages, order_for, page_at
from kern.mm.slab import SlabCache, page_of_object

CLASSES: u32 = 13
CLASS_SIZES = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048)
LARGEST_CLASS: u64 = 2048
MAGAZINE: u32 = 16                          # blocks of a class that a core may keep
BATCH: u32 = 8                              # blocks that go to or from the slab cache at once


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
def allocate(size: u64, align: u64) -> u64:
    """A block of at least `size` bytes; raises ENOMEM."""
    if size > LARGEST_CLASS or align > 1024:
        return allocate_large(max(size, align))
    index = class_of_size[(size + 15) // 16]
    while caches[index].stride % align != 0:
        index += 1                          # 2048 is a multiple of every alignment that gets here
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
    return block


@never_blocks
@hook
def release(address: u64) -> None:
    """Give a block back."""
    page = page_of_object(address)
    if PageUse.LARGE in page.flags:
        assert address & PAGE_MASK == 0, "free of an address inside a block"
        release_large(address)
        return
    if PageUse.SLAB not in page.flags:
        panic(f"free of {address:#x}, which is not from the heap")
    cache = at(SlabCache, page.owner)
    saved = cpu.irqs_save()
    magazine = local.mine.magazines[class_of_size[cache.object_size // 16]]
    if magazine.count == MAGAZINE:
        drain(magazine, cache)
    magazine.blocks[magazine.count] = address
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


def allocate_large(size: u64) -> u64:
    global large_bytes
    order = order_for(size)
    paddr = alloc_pages(order)
    page = page_at(paddr)
    page.flags = page.flags | PageUse.LARGE
    large_bytes += PAGE_SIZE << order
    return u64(mmu.phys_to_virt(paddr))


def release_large(address: u64) -> None:
    global large_bytes
    page = page_of_object(address)
    order = u32(page.order)
    page.flags = page.flags & ~PageUse.LARGE
    large_bytes -= PAGE_SIZE << order
    free_pages(mmu.virt_to_phys(Kaddr(address)), order)


def used_bytes() -> u64:
    """Bytes in blocks that were handed out, those that cores keep for themselves included."""
    total = large_bytes
    for cache in caches:
        total += cache.in_use * cache.stride
    return total
