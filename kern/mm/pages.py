# SPDX-License-Identifier: GPL-2.0-or-later
"""Physical pages: who has each, and the allocator that hands them out in power-of-two blocks.

`alloc_pages(order)` gives 2**order contiguous pages, aligned to their size, contents undefined, one reference each on
the first. All usable memory of the boot map is covered, except the kernel image, the boot information, modules, and
the first MiB (the trampoline of the other cores lives there).
Every page has a Page record, found by its number. Locks: `lock` is a leaf, taken with interrupts off.
"""

from lang import CHECKED, Error, Paddr, Span, memset, never_blocks, sizeof, u8, u32, u64
from arch import boot, mmu
from kern.arch_api import BootInfo
from kern.abi.errno import Errno
from kern.mm.buddy import Buddy, Page, PageUse
from kern.mm.sanitize import FREED_PAGE, check_page, fill_freed
from kern.sync.spinlock import SpinLock

PAGE_SHIFT: u64 = 12
PAGE_SIZE: u64 = 4096
PAGE_MASK: u64 = 4095
KERNEL_RESERVE: u64 = 128                   # pages that only try_alloc_pages() gives: kernel messages never fail
USER_RESERVE: u64 = 512                     # pages that processes do not get, so that the kernel can still kill one
LOW_LIMIT: u64 = 0x10_0000                  # below: firmware and the trampoline

lock = SpinLock()
buddy = Buddy()


@never_blocks
def alloc_pages(order: u32) -> Paddr:
    """2**order pages; raises ENOMEM. Callable with interrupts off."""
    return alloc_above(KERNEL_RESERVE, order)


def alloc_above(reserve: u64, order: u32) -> Paddr:
    """The same, if so many pages then stay free. The count is read without the lock: a reserve need not be exact."""
    if buddy.free_count < reserve + (u64(1) << order):
        raise Error(Errno.ENOMEM, "the machine is out of memory")
    page = try_alloc_pages(order)
    if page is None:
        raise Error(Errno.ENOMEM, f"no {PAGE_SIZE << order} bytes of contiguous memory are free")
    return page


def alloc_user_page() -> Paddr:
    """A page for a process, contents undefined; raises ENOMEM while there is still some left for the kernel."""
    return alloc_above(USER_RESERVE, 0)


def try_alloc_pages(order: u32) -> Paddr | None:
    """The same for what cannot fail lightly: down to the last page, and None after that."""
    with lock.irqs_off():
        pfn = buddy.alloc(order)
    if pfn is None:
        return None
    if CHECKED:
        check_free_pages(pfn, order)
    return Paddr(pfn << PAGE_SHIFT)


def alloc_zeroed(order: u32) -> Paddr:
    """2**order pages of zeros; raises ENOMEM."""
    paddr = alloc_pages(order)
    memset(bytes_at(paddr, PAGE_SIZE << order), 0)
    return paddr


@never_blocks
def free_pages(paddr: Paddr, order: u32) -> None:
    """Give back what alloc_pages(order) gave, whatever its reference count."""
    if CHECKED:
        fill_free_pages(u64(paddr) >> PAGE_SHIFT, order)
    with lock.irqs_off():
        buddy.give_back(u64(paddr) >> PAGE_SHIFT, order)


def fill_free_pages(first: u64, order: u32) -> None:
    """Checked builds: no page that is being freed keeps what it held."""
    assert buddy.covers(first), "free of a page that is no memory"
    assert PageUse.FREE not in buddy.page(first).flags, "block freed twice"
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


def free_bytes() -> u64:
    return buddy.free_count * PAGE_SIZE


def total_bytes() -> u64:
    return buddy.total_count * PAGE_SIZE


def init_pages(info: BootInfo) -> None:
    """Set the page records up and take over all usable memory. Once, on the boot core; ends `boot.early_alloc`."""
    count = info.memory_top >> PAGE_SHIFT
    records = boot.early_alloc(count * sizeof(Page))
    buddy.pages = Span[Page](u64(mmu.phys_to_virt(records)), count)
    for i in range(info.usable_count):
        extent = info.usable[i]
        first = (max(extent.start, LOW_LIMIT) + PAGE_MASK) >> PAGE_SHIFT
        end = min(extent.end >> PAGE_SHIFT, count)
        if first < end:
            buddy.add_range(first, end)
