# SPDX-License-Identifier: LGPL-2.1-or-later
"""The consumer's side of the unbounded concurrent queue: the kernel produces EventMsg into linked pages, we take them out.

Any number of consumers; each runs with notifications disabled (a preempted consumer that holds a slot would stall others).
Each message is delivered exactly once, in the order of the producers' slots.
Lock: the queue's own `consumer_lock`, a PdrLock, only for changing pages.
"""

from lang import ACQUIRE, Uaddr, addr_of, assign, at, must_use, u32, u64
from kern.abi.event import UCQ_PAGE_SIZE, UCQ_SLOTS, EventMsg, Ucq, UcqPage
from parlib.current import my_vcore
from parlib.pdr import PdrLock
from parlib.vcore import ANY_VCORE, relax_for
from syscalls import submit_munmap
from kern.abi.syscall import Syscall

SLOT_MASK: u64 = UCQ_PAGE_SIZE - 1


def ucq_init(ucq: Ucq, page: u64, spare: u64) -> None:
    """Open the queue with two zeroed, present pages."""
    ucq.prod_idx.store(page)
    ucq.cons_idx.store(page)
    ucq.spare_page.store(spare)
    ucq.prod_overflow.store(u32(0))
    ucq.ready.store(u32(1))


def ucq_is_empty(ucq: Ucq) -> bool:
    return ucq.cons_idx.load() == ucq.prod_idx.load()


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
        index = ucq.cons_idx.load()
        if index == ucq.prod_idx.load():
            return False
        if not is_good(index):
            turn_page(ucq)
        elif ucq.cons_idx.cas(index, index + 1):
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
    """Go on to the next page, and keep the old one as the producers' spare."""
    lock = at(PdrLock, addr_of(ucq.consumer_lock))
    vcore = my_vcore()
    surplus: u64 = 0
    lock.lock_on(vcore)
    index = ucq.cons_idx.load()
    if not is_good(index) and index != ucq.prod_idx.load():
        surplus = leave_page(ucq, at(UcqPage, index - index % UCQ_PAGE_SIZE))
    lock.unlock_on()
    if surplus != 0:
        call = Syscall()
        submit_munmap(call, Uaddr(surplus), UCQ_PAGE_SIZE)
        while call.flags.load(order=ACQUIRE) & 9 != 1:
            relax_for(ANY_VCORE)
        ucq.extra_pages.sub(1)


def leave_page(ucq: Ucq, page: UcqPage) -> u64:
    """The old spare page, to be unmapped, or 0. Caller holds: `consumer_lock`."""
    # Not before the producers are on the next page, though `next` tells of it earlier: as long as prod_idx is still on this one, the new
    # page looks as if all of it was posted, and consumers would take slots that no producer has.
    while is_on(page, prod := ucq.prod_idx.load()):  # pairs with turn_page of kern/event/ucq.py: `next`, then prod_idx
        if prod == ucq.cons_idx.load():
            return 0                        # there was no memory for one: the kernel has taken back what it counted
        relax_for(ANY_VCORE)
    ucq.cons_idx.store(page.next.load())
    # Consumers that took slots before us are still copying from it.
    while page.consumed.load(order=ACQUIRE) != UCQ_SLOTS:  # pairs with their add in ucq_get
        relax_for(ANY_VCORE)
    page.next.store(0)
    page.consumed.store(0)
    return ucq.spare_page.swap(addr_of(page))
