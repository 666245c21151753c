# SPDX-License-Identifier: GPL-2.0-or-later
"""Physical pages: who has each, and the allocator that hands them out in power-of-two blocks.

`alloc_pages(order)` gives 2**order contiguous pages, aligned to their size, contents undefined, one reference each on
the first. All usable memory of the boot map is covered, except the kernel image, the boot information, modules, and
the first MiB (the trampoline of the other cores lives there).

Three layers. The arena `base` has all memory in units of JUMBO, 2 MiB: larger blocks, of any size and alignment, come from it. The buddy
allocator (kern/mm/buddy.py) cuts up what it takes from there, and gives back what has become whole again; Akaros calls that part kpages.
Single pages go through the stocks of the cores (kern/mm/page_stock.py), mostly without a lock.
Every page has a Page record, found by its number. When memory is short, what the `shrinkers` can spare goes back to it first.
Locks: `page_stock.lock` guards the buddy allocator; the arena's own. Each is taken alone, with interrupts off.
"""

from abc import ABC, abstractmethod

from lang import CHECKED, Error, Paddr, Registry, Span, cold, inline, never_blocks, noinline, sizeof, u8, u32, u64
from arch import boot, cpu, mmu
from kern.arch_api import BootInfo, TakenPage
from kern.abi.errno import Errno
from kern.mm import page_stock
from kern.mm.arena import Arena
from kern.mm.buddy import MAX_ORDER, Buddy, Page, PageUse
from kern.mm.inject import should_fail
from kern.mm.sanitize import FREED_PAGE, check_page, fill_freed
from kern.mm.segments import FIRST_BUCKETS, Bucket, Constraints, Fit, Tag

PAGE_SHIFT: u64 = 12
PAGE_SIZE: u64 = 4096
PAGE_MASK: u64 = 4095
KERNEL_RESERVE: u64 = 128                   # pages that only try_alloc_pages() gives: kernel messages never fail
USER_RESERVE: u64 = 512                     # pages that processes do not get, so that the kernel can still kill one
LOW_LIMIT: u64 = 0x10_0000                  # below: firmware and the trampoline

JUMBO: u64 = PAGE_SIZE << MAX_ORDER

DEPOT_PART: u64 = 64                        # the depot of single pages holds one in so many of the machine's

buddy = Buddy()
base = Arena()
total_pages: u64 = 0


class Shrinker(ABC):
    """Somebody who keeps memory only to be faster, and registers with `@shrinkers`."""

    @abstractmethod
    def shrink(self) -> None:
        """Give back what can be spared. In any context, with any lock held that comes before the allocators'."""


shrinkers = Registry[Shrinker]()


@shrinkers
class KeptPages(Shrinker):
    def shrink(self) -> None:
        """What cannot be had as single pages may be had as larger ones. Other cores' stocks are theirs."""
        page_stock.drain(buddy)
        give_back_largest()


@never_blocks
def alloc_pages(order: u32) -> Paddr:
    """2**order pages; raises ENOMEM. Callable with interrupts off."""
    return alloc_above(KERNEL_RESERVE, order)


@inline
def alloc_above(reserve: u64, order: u32) -> Paddr:
    """The same, if so many pages then stay free. The count is read without the lock: a reserve need not be exact."""
    if CHECKED and should_fail():
        raise Error(Errno.ENOMEM, "no page, as was ordered")
    page = alloc_once(reserve, order)
    return alloc_reclaimed(reserve, order) if page is None else page


@cold
@noinline
def alloc_reclaimed(reserve: u64, order: u32) -> Paddr:
    """The same, where others have to give back what they can spare first."""
    reclaim()
    page = alloc_once(reserve, order)
    if page is None:
        if not has_spare(reserve + (u64(1) << order)):
            raise Error(Errno.ENOMEM, "the machine is out of memory")
        raise Error(Errno.ENOMEM, f"no {PAGE_SIZE << order} bytes of contiguous memory are free")
    return page


@inline
def alloc_once(reserve: u64, order: u32) -> Paddr | None:
    if not has_spare(reserve + (u64(1) << order)):
        return None
    return try_alloc_pages(order)


def reclaim() -> None:
    """Have everybody give back what can be spared."""
    for shrinker in shrinkers:
        shrinker.shrink()


def alloc_user_page() -> Paddr:
    """A page for a process, contents undefined; raises ENOMEM while there is still some left for the kernel."""
    return alloc_above(USER_RESERVE, 0)


def alloc_zeroed_user_page() -> Paddr:
    """The same, of zeros."""
    if CHECKED and should_fail():
        raise Error(Errno.ENOMEM, "no page, as was ordered")
    if page_stock.has_cleared() and has_spare(USER_RESERVE + 1):
        pfn = page_stock.take_cleared(buddy)
        if pfn is not None:
            return Paddr(pfn << PAGE_SHIFT)
    page = alloc_user_page()
    mmu.clear_page(mmu.phys_to_virt(page))
    return page


@never_blocks
def clear_ahead() -> bool:
    """Have this core, which has nothing to do, clear a page for a fault to come; False if it has enough of them, or memory is short.
    Interrupts are off."""
    if not page_stock.wants_cleared() or not has_spare(2 * USER_RESERVE):
        return False
    page = take_pages(0)
    if page is None:
        return False
    mmu.clear_page(mmu.phys_to_virt(page))
    page_stock.keep_cleared(buddy, u64(page) >> PAGE_SHIFT)
    return True


def copy_of(page: Paddr, reserve: u64 = USER_RESERVE) -> Paddr:
    """A page for a process that holds what `page` does; raises ENOMEM if not so many then stay free."""
    own = alloc_above(reserve, 0)
    mmu.copy_page(mmu.phys_to_virt(own), mmu.phys_to_virt(page))
    return own


def try_alloc_pages(order: u32) -> Paddr | None:
    """The same for what does without, or gets over it: down to the last page, and None after that."""
    if CHECKED and should_fail():
        return None
    return take_pages(order)


def take_pages(order: u32) -> Paddr | None:
    """The same for what cannot fail: it is never made to, and None means that the machine has no page left."""
    if order > MAX_ORDER:
        return alloc_large(order)
    while True:
        pfn = take_block(order)
        if pfn is not None:
            break
        block = base.try_segment(JUMBO, Fit.BEST)
        if block is None:
            return None
        with page_stock.lock.irqs_off():
            buddy.add_range(block >> PAGE_SHIFT, (block + JUMBO) >> PAGE_SHIFT)
    if CHECKED:
        check_free_pages(pfn, order)
    return Paddr(pfn << PAGE_SHIFT)


@inline
def take_block(order: u32) -> u64 | None:
    if order == 0:
        return page_stock.take_page(buddy)
    with page_stock.lock.irqs_off():
        return buddy.alloc(order)


def alloc_large(order: u32) -> Paddr | None:
    """More than the buddy allocator has in one piece."""
    size = PAGE_SIZE << order
    start = base.try_within(size, Constraints(align=size))
    if start is None:
        return None
    page = page_at(Paddr(start))
    page.order = u8(order)
    page.refs.store(1)
    if CHECKED:
        check_free_pages(start >> PAGE_SHIFT, order)
    return Paddr(start)


def alloc_zeroed(order: u32) -> Paddr:
    """2**order pages of zeros; raises ENOMEM."""
    paddr = alloc_pages(order)
    for offset in range(u64(0), PAGE_SIZE << order, PAGE_SIZE):
        mmu.clear_page(mmu.phys_to_virt(paddr + offset))
    return paddr


@never_blocks
def free_pages(paddr: Paddr, order: u32) -> None:
    """Give back what alloc_pages(order) gave, whatever its reference count."""
    if CHECKED:
        fill_free_pages(u64(paddr) >> PAGE_SHIFT, order)
    if order > MAX_ORDER:
        page_at(paddr).refs.store(0)
        base.put_segment(u64(paddr), PAGE_SIZE << order)
        return
    if order == 0:
        page_stock.keep_page(buddy, u64(paddr) >> PAGE_SHIFT)
    else:
        with page_stock.lock.irqs_off():
            buddy.give_back(u64(paddr) >> PAGE_SHIFT, order)
    if buddy.has_spare_largest():
        give_back_largest()


def give_back_largest() -> None:
    """What the buddy allocator has joined again goes back to the arena, but for a few blocks."""
    while True:
        with page_stock.lock.irqs_off():
            whole = buddy.take_largest()
        if whole is None:
            return
        base.put_segment(whole << PAGE_SHIFT, JUMBO)


def fill_free_pages(first: u64, order: u32) -> None:
    """Checked builds: no page that is being freed keeps what it held."""
    assert buddy.covers(first), "free of a page that is no memory"
    assert PageUse.FREE not in buddy.page(first).flags and PageUse.KEPT not in buddy.page(first).flags, "block freed twice"
    for pfn in range(first, first + (u64(1) << order)):
        fill_freed(Paddr(pfn << PAGE_SHIFT), PAGE_SIZE)
        buddy.page(pfn).owner = FREED_PAGE


def check_free_pages(first: u64, order: u32) -> None:
    """Checked builds: nobody has written to a page while it was free, if it was allocated before at all."""
    for pfn in range(first, first + (u64(1) << order)):
        page = buddy.page(pfn)
        if page.owner == FREED_PAGE:
            page.owner = 0
            check_page(Paddr(pfn << PAGE_SHIFT), PAGE_SIZE)


def page_at(paddr: Paddr) -> Page:
    """The record of a page of memory."""
    return buddy.page(u64(paddr) >> PAGE_SHIFT)


def page_get(paddr: Paddr) -> None:
    """One more reference on a single page (order 0)."""
    old = page_at(paddr).refs.add(1)
    assert old > 0, "reference on a free page"


def page_put(paddr: Paddr) -> None:
    """One reference less; frees the page with the last."""
    old = page_at(paddr).refs.sub(1)
    assert old > 0, "page given back twice"
    if old == 1:
        free_pages(paddr, 0)


@never_blocks
def put_pages(pages: Span[TakenPage]) -> None:
    """One reference less on each of a few single pages; frees those that had no other."""
    saved = cpu.irqs_save()
    for taken in pages:
        old = page_at(taken.page).refs.sub(1)
        assert old > 0, "page given back twice"
        if old == 1:
            pfn = u64(taken.page) >> PAGE_SHIFT
            if CHECKED:
                fill_free_pages(pfn, 0)
            page_stock.keep_masked(buddy, pfn)
    cpu.irqs_restore(saved)
    if buddy.has_spare_largest():
        give_back_largest()


def is_only_reference(paddr: Paddr) -> bool:
    """Whether the caller's is the only reference on a single page: nobody else can see what is written there, nor get one meanwhile."""
    return page_at(paddr).refs.load() == 1


def is_ram(paddr: Paddr) -> bool:
    """Whether the address is of memory that the allocator governs."""
    return buddy.covers(u64(paddr) >> PAGE_SHIFT)


def bytes_at(paddr: Paddr, length: u64) -> Span[u8]:
    """Physical memory as the kernel sees it."""
    return Span[u8](u64(mmu.phys_to_virt(paddr)), length)


def order_for(size: u64) -> u32:
    """The smallest order whose block holds `size` bytes."""
    order: u32 = 0
    while PAGE_SIZE << order < size:
        order += 1
    return order


@inline
def has_spare(wanted: u64) -> bool:
    """Whether so many pages are free that every core can have."""
    return (
        buddy.free_count >= wanted
        or buddy.free_count + page_stock.depot.pages() + (base.segments.total - base.segments.used) // PAGE_SIZE >= wanted
    )


def free_pages_count() -> u64:
    """All free pages, those that cores keep for themselves included."""
    return buddy.free_count + page_stock.kept_pages() + (base.segments.total - base.segments.used) // PAGE_SIZE


def free_bytes() -> u64:
    return free_pages_count() * PAGE_SIZE


def total_bytes() -> u64:
    return total_pages * PAGE_SIZE


def init_pages(info: BootInfo) -> None:
    """Set the page records up and take over all usable memory. Once, on the boot core; ends `boot.early_alloc`."""
    global total_pages
    count = info.memory_top >> PAGE_SHIFT
    records = boot.early_alloc(count * sizeof(Page))
    buddy.pages = Span[Page](u64(mmu.phys_to_virt(records)), count)
    init_base(info.memory_top // JUMBO)
    for i in range(info.usable_count):
        extent = info.usable[i]
        first = (max(extent.start, LOW_LIMIT) + PAGE_MASK) >> PAGE_SHIFT
        end = min(extent.end >> PAGE_SHIFT, count)
        if first < end:
            total_pages += end - first
            buddy.make_records(first, end)
            add_range(first, end)
    page_stock.depot.most = total_pages // DEPOT_PART // page_stock.CHAIN


def init_base(most: u64) -> None:
    """The arena, with tags for so many blocks: it cannot allocate any later."""
    base.init("base", JUMBO)
    base.own_tags = True
    tags = most * 2 + 64
    room = boot.early_alloc(tags * sizeof(Tag))
    for tag in Span[Tag](u64(mmu.phys_to_virt(room)), tags):
        base.segments.give_tag(tag)
    buckets = FIRST_BUCKETS
    while buckets * 2 < most:
        buckets *= 2
    table = boot.early_alloc(buckets * sizeof(Bucket))
    base.segments.use_buckets(Span[Bucket](u64(mmu.phys_to_virt(table)), buckets))


def add_range(first: u64, end: u64) -> None:
    """Whole jumbo pages to the arena, what is before and behind them to the buddy allocator."""
    mask = (u64(1) << MAX_ORDER) - 1
    low = (first + mask) & ~mask
    high = end & ~mask
    if low >= high:
        buddy.add_range(first, end)
        return
    buddy.add_range(first, low)
    buddy.add_range(high, end)
    base.segments.add(low << PAGE_SHIFT, (high - low) << PAGE_SHIFT, False)
