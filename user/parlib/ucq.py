# SPDX-License-Identifier: LGPL-2.1-or-later
"""The consumer's side of the unbounded concurrent queue: the kernel produces EventMsg into linked pages, we take them out.

Any number of consumers; each runs with notifications disabled (a preempted consumer that holds a slot would stall others).
Each message is delivered exactly once, in the order of the producers' slots.
A page that was read is the producers' to use again: as long as messages come as fast as they are read, nothing is mapped or unmapped.
What a burst has left beyond the current page and one more is unmapped while the queue is empty.
Lock: the queue's own `consumer_lock`, a PdrLock, only for changing pages.
"""

from lang import ACQUIRE, RELAXED, Uaddr, addr_of, assign, at, must_use, noinline, u32, u64, wrap
from kern.abi.event import UCQ_PAGE_SIZE, UCQ_SLOTS, EventMsg, Ucq, UcqPage
from parlib.current import my_vcore
from parlib.pdr import PdrLock
from parlib.vcore import ANY_VCORE, relax_for
from syscalls import submit_munmap
from kern.abi.syscall import Syscall

SLOT_MASK: u64 = UCQ_PAGE_SIZE - 1
PLACE: u64 = (1 << 48) - 1                  # of `cons_idx`: page and slot
TURN: u64 = 1 << 48                         # ... and how many pages were left: who is overtaken by two pages finds another value


def ucq_init(ucq: Ucq, page: u64, spare: u64) -> None:
    """Open the queue with two zeroed, present pages."""
    ucq.prod_idx.store(page)
    ucq.cons_idx.store(page)
    ucq.spare_page.store(spare)
    ucq.stock.store(0)
    ucq.extra_pages.store(0)
    ucq.prod_overflow.store(u32(0))
    ucq.ready.store(u32(1))


def ucq_is_empty(ucq: Ucq) -> bool:
    return ucq.cons_idx.load() & PLACE == ucq.prod_idx.load()


def is_good(index: u64) -> bool:
    """Whether an index names a slot, rather than the need for another page."""
    return index > SLOT_MASK and index & SLOT_MASK < UCQ_SLOTS


def is_on(page: UcqPage, index: u64) -> bool:
    return index - index % UCQ_PAGE_SIZE == addr_of(page)


@must_use
def ucq_get(ucq: Ucq, into: EventMsg) -> bool:
    """Take the next message, if there is one. Notifications are disabled."""
    index: u64 = 0
    while True:
        next = ucq.cons_idx.load()
        index = next & PLACE
        if index == ucq.prod_idx.load():
            if ucq.extra_pages.load(order=RELAXED) != 0:
                unmap_surplus(ucq)
            return False
        if not is_good(index):
            turn_page(ucq)
        elif ucq.cons_idx.cas(next, next + 1):
            break
    page = at(UcqPage, index - index % UCQ_PAGE_SIZE)
    slot = page.slots[index % UCQ_PAGE_SIZE]
    # The slot is ours, but its producer, which is the kernel on some core, may still be writing.
    while slot.ready.load(order=ACQUIRE) == 0:  # pairs with the kernel's store of `ready`: the message is whole
        relax_for(ANY_VCORE)
    assign(into, slot.msg)
    slot.ready.store(u32(0))
    page.consumed.add(1)
    return True


def turn_page(ucq: Ucq) -> None:
    """Go on to the next page, and give the old one to the producers."""
    lock = at(PdrLock, addr_of(ucq.consumer_lock))
    lock.lock_on(my_vcore())
    old = ucq.cons_idx.load()
    index = old & PLACE
    if not is_good(index) and index != ucq.prod_idx.load():
        leave_page(ucq, old)
    lock.unlock_on()


def leave_page(ucq: Ucq, old: u64) -> None:
    """`old`: cons_idx, behind the page's last slot. Caller holds: `consumer_lock`."""
    index = old & PLACE
    page = at(UcqPage, index - index % UCQ_PAGE_SIZE)
    # Not before the producers are on the next page, though `next` tells of it earlier: as long as prod_idx is still on this one, the new
    # page looks as if all of it was posted, and consumers would take slots that no producer has.
    while is_on(page, prod := ucq.prod_idx.load()):  # pairs with turn_page of kern/event/ucq.py: `next`, then prod_idx
        if prod == index:
            return                          # there was no memory for one: the kernel has taken back what it counted
        relax_for(ANY_VCORE)
    ucq.cons_idx.store(wrap(u64, (old & ~PLACE) + TURN) | page.next.load())
    # Consumers that took slots before us are still copying from it.
    while page.consumed.load(order=ACQUIRE) != UCQ_SLOTS:  # pairs with their add in ucq_get
        relax_for(ANY_VCORE)
    add_spare(ucq, page, page)


def add_spare(ucq: Ucq, first: UcqPage, last: UcqPage) -> None:
    """Give pages that are linked to the producers. Caller holds: `consumer_lock`."""
    while True:
        there = ucq.spare_page.load()       # the kernel may take what is there at any moment, but adds only to nothing
        last.next.store(there)
        if ucq.spare_page.cas(there, addr_of(first)):
            return


@noinline
def unmap_surplus(ucq: Ucq) -> None:
    """Unmap what is there beyond one page, until messages come again, whose producers need pages; who sends as fast as we read keeps them.
    Those messages are told of anew: who looks has acknowledged before."""
    while (page := take_surplus(ucq)) != 0:
        call = Syscall()
        submit_munmap(call, Uaddr(page), UCQ_PAGE_SIZE)
        while call.flags.load(order=ACQUIRE) & 9 != 1:
            relax_for(ANY_VCORE)
        ucq.extra_pages.sub(1)
        if not ucq_is_empty(ucq):
            return


def take_surplus(ucq: Ucq) -> u64:
    """A page that the producers have been given beyond one, for good; 0: there is none."""
    lock = at(PdrLock, addr_of(ucq.consumer_lock))
    lock.lock_on(my_vcore())
    spare = ucq.spare_page.swap(0)          # all of them, so that the kernel takes none of them meanwhile
    surplus: u64 = 0
    if spare != 0:
        page = at(UcqPage, spare)
        surplus = page.next.load()
        page.next.store(at(UcqPage, surplus).next.load() if surplus != 0 else 0)
        if not ucq.spare_page.cas(0, spare):
            add_spare(ucq, page, last_of(page))
    lock.unlock_on()
    return surplus


def last_of(page: UcqPage) -> UcqPage:
    while (following := page.next.load()) != 0:
        page = at(UcqPage, following)
    return page
