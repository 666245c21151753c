# SPDX-License-Identifier: GPL-2.0-or-later
"""Page stocks: single pages that each core keeps, so that taking one and giving one back needs no lock.

A core has two chains of up to CHAIN pages: one that it pushes to and pops from, and one that is full or empty. Full chains go to the
depot and come from there; of so many pages in a row that a core takes or gives back, one in CHAIN touches what cores have in common
(Bonwick and Adams, Magazines and Vmem, USENIX 2001; kern/mm/magazine.py does it for other memory, which has to build on pages).
Where the depot is empty, a block of the buddy allocator is cut up; where it is full, a chain goes back there, page by page, to be joined
with its neighbours. A page in here is free: it counts as that, its record says KEPT, and has no references.
A core with nothing to do clears a few pages ahead (kern/core/idle.py), for faults to come.
Locks: a core's own stock is for that core with interrupts off; `lock`, for the depot and the buddy allocator.
"""

from typing import Literal

from lang import RELAXED, PerCore, cold, inline, never_blocks, noinline, struct, u32, u64
from arch import cpu, smp
from kern.lib.list import IntrusiveList
from kern.mm.buddy import Buddy, Page, PageUse
from kern.sync.spinlock import SpinLock

CHAIN: u64 = 16
CLEARED: u64 = CHAIN
CHAIN_ORDER: u32 = 4                        # of a block with that many pages


@struct
class Chain:
    """Pages by their records: each tells the number of the next in `free_list`."""

    first: u64                              # page frame number; 0, which is never memory to give away: none
    count: u64

    def push(self, page: Page) -> None:
        page.free_list = self.first
        self.first = u64(page.number)
        self.count += 1


@struct(align=64)
class Stock:
    loaded: Chain
    spare: Chain                            # CHAIN pages, or none
    cleared: Chain                          # pages of zeros, up to CLEARED
    taken: u64                              # ever

    @inline
    def take(self, chain: Chain, buddy: Buddy) -> Page:
        """A page from one of the chains, which has one."""
        page = buddy.page(chain.first)
        chain.first = page.free_list
        chain.count -= 1
        self.taken += 1
        page.flags = PageUse.RAM
        page.refs.store(1, order=RELAXED)   # nobody else has it
        return page

    def exchange(self) -> None:
        first, count = self.loaded.first, self.loaded.count
        self.loaded.first, self.loaded.count = self.spare.first, self.spare.count
        self.spare.first, self.spare.count = first, count


@struct
class PageDepot:
    chains: IntrusiveList[Page, Literal["link"]]  # the first pages of full chains
    most: u64                               # chains

    def pages(self) -> u64:
        return self.chains.count * CHAIN


stocks = PerCore[Stock]()
depot = PageDepot()
lock = SpinLock()


@never_blocks
def take_page(buddy: Buddy) -> u64 | None:
    """The number of a page, with one reference; None if there is none here, in the depot, or free in `buddy`."""
    saved = cpu.irqs_save()
    stock = stocks.mine
    if stock.loaded.first == 0 and not refill(stock, buddy):
        cpu.irqs_restore(saved)
        return None
    page = stock.take(stock.loaded, buddy)
    cpu.irqs_restore(saved)
    return u64(page.number)


@inline
def has_cleared() -> bool:
    """Whether this core may have pages of zeros: an interrupt can take the last one meanwhile."""
    return stocks.mine.cleared.first != 0


@never_blocks
def take_cleared(buddy: Buddy) -> u64 | None:
    """The same, of a page of zeros; None if this core has cleared none."""
    saved = cpu.irqs_save()
    stock = stocks.mine
    if stock.cleared.first == 0:
        cpu.irqs_restore(saved)
        return None
    page = stock.take(stock.cleared, buddy)
    cpu.irqs_restore(saved)
    return u64(page.number)


@never_blocks
def wants_cleared() -> bool:
    """Whether this core may have more pages of zeros. Interrupts are off."""
    return stocks.mine.cleared.count < CLEARED


@never_blocks
def keep_cleared(buddy: Buddy, pfn: u64) -> None:
    """Take a page that `take_page` gave back, full of zeros. Interrupts are off."""
    page = buddy.page(pfn)
    page.flags = PageUse.RAM | PageUse.KEPT
    page.refs.store(0, order=RELAXED)
    stock = stocks.mine
    stock.taken -= 1
    stock.cleared.push(page)


@never_blocks
def keep_page(buddy: Buddy, pfn: u64) -> None:
    """Take a page back that `take_page` gave, or the buddy allocator as a block of one."""
    saved = cpu.irqs_save()
    keep_masked(buddy, pfn)
    cpu.irqs_restore(saved)


@inline
def keep_masked(buddy: Buddy, pfn: u64) -> None:
    """The same, with interrupts off."""
    page = buddy.page(pfn)
    assert PageUse.RAM in page.flags, "free of a page that is no memory"
    assert PageUse.FREE not in page.flags and PageUse.KEPT not in page.flags, "block freed twice"
    assert page.order == 0, "block freed with another order than it was taken with"
    page.flags = PageUse.RAM | PageUse.KEPT
    page.refs.store(0, order=RELAXED)
    stock = stocks.mine
    if stock.loaded.count == CHAIN:
        make_room(stock, buddy)
    stock.loaded.push(page)


@cold
@noinline
def refill(stock: Stock, buddy: Buddy) -> bool:
    """Have pages in `loaded`, which has none. Interrupts are off."""
    if stock.spare.count > 0:
        stock.exchange()
        return True
    with lock:
        page = depot.chains.pop_front()
        if page is not None:
            stock.loaded.first = u64(page.number)
            stock.loaded.count = CHAIN
            return True
        return cut_up(stock.loaded, buddy)


def cut_up(chain: Chain, buddy: Buddy) -> bool:
    """Fill an empty chain with a block's pages, in ascending order; where no block is so large, with one page. Caller holds: `lock`."""
    order = CHAIN_ORDER
    pfn = buddy.alloc(order)
    if pfn is None:
        order = 0
        pfn = buddy.alloc(order)
        if pfn is None:
            return False
    buddy.allocs -= 1                       # each page counts when it is taken from here
    count = u64(1) << order
    for i in range(count):
        page = buddy.page(pfn + count - 1 - i)
        page.flags = PageUse.RAM | PageUse.KEPT
        page.order = 0
        page.refs.store(0)
        chain.push(page)
    return True


@cold
@noinline
def make_room(stock: Stock, buddy: Buddy) -> None:
    """Have room in `loaded`, which is full. Interrupts are off."""
    if stock.spare.count == 0:
        stock.exchange()
        return
    with lock:
        if depot.chains.count < depot.most:
            depot.chains.push_front(buddy.page(stock.loaded.first))
            stock.loaded.first = 0
            stock.loaded.count = 0
        else:
            give_back(stock.loaded, buddy)


def give_back(chain: Chain, buddy: Buddy) -> None:
    """All pages of a chain to the buddy allocator. Caller holds: `lock`."""
    pfn = chain.first
    while pfn != 0:
        page = buddy.page(pfn)
        next = page.free_list
        page.flags = PageUse.RAM
        buddy.give_back(pfn, 0)
        pfn = next
    chain.first = 0
    chain.count = 0


@never_blocks
def drain(buddy: Buddy) -> None:
    """What the depot and this core have goes back to the buddy allocator, which may make large blocks of it."""
    saved = cpu.irqs_save()
    stock = stocks.mine
    with lock:
        give_back(stock.loaded, buddy)
        give_back(stock.spare, buddy)
        give_back(stock.cleared, buddy)
        while (page := depot.chains.pop_front()) is not None:
            chain = Chain(first=u64(page.number), count=CHAIN)
            give_back(chain, buddy)
    cpu.irqs_restore(saved)


def kept_pages() -> u64:
    """Free pages that are in the depot or with a core."""
    count = depot.pages()
    for number in range(u32(0), smp.core_count()):
        stock = stocks[number]
        count += stock.loaded.count + stock.spare.count + stock.cleared.count
    return count


def taken_pages() -> u64:
    """Pages that were ever taken."""
    return sum(stocks[number].taken for number in range(u32(0), smp.core_count()))
