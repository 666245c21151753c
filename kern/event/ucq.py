# SPDX-License-Identifier: GPL-2.0-or-later
"""Producing into a process' unbounded message queues (kern/abi/event.py, Ucq).

The structure is the process' memory and may change under us: every address is checked at every step, no loop waits for the user,
and whoever gets the lock gets a slot, or an error. No loop of compare-and-swap: the process could make us fail for ever.
Without memory the message is lost, and the queue as it was: no slot is taken, and no page announced, that nobody fills. So memory is looked
for before a slot is taken; and since the process may fork in between, and share the page again, what has been begun then is ended with
memory that processes do not get (kern/event/finish.py).
Locks: the process' `ucq_lock`, a sleeping lock, only to change pages; growing takes the address space's lock inside it.
"""

from lang import Error, Uaddr, as_bytes, offsetof, sizeof, u64
from kern.abi.errno import Errno
from kern.abi.event import UCQ_PAGE_SIZE, UCQ_SLOTS, EventMsg, Ucq, UcqPage, UcqSlot
from kern.abi.mman import MapFlags, Prot
from kern.debug import log
from kern.event.finish import finishing
from kern.mm.mmap import mm_map, mm_unmap
from kern.mm.umem import add_u64, cas_u64, load_u32, load_u64, store_u32, store_u64, swap_u64, write_bytes
from kern.proc.proc import Proc

SLOT_MASK: u64 = 4095
SLOTS_AT: u64 = 16
EXTRA_PAGES_WARNING: u64 = 1000


def post_ucq(p: Proc, ucq: Uaddr, msg: EventMsg) -> None:
    """Append `msg`. Raises EFAULT if the queue's memory is bad, ENOMEM if it cannot grow. Dropped if it is not ready yet.

    p's address space is loaded. May block.
    """
    if load_u32(ucq + offsetof(Ucq, "ready")) == 0:
        return
    index: u64 = 0
    if load_u32(ucq + offsetof(Ucq, "prod_overflow")) == 0:
        try:
            index = take_slot(ucq)
        except Error as e:
            if e.errno != Errno.EFAULT:     # its page may have been filled, read and unmapped since we saw that it is this one:
                raise                       # while we have the lock the one that we see stays
    if not is_good(index):
        index = take_slot_locked(p, ucq)
    with finishing:
        fill(index, msg)


def fill(index: u64, msg: EventMsg) -> None:
    slot = Uaddr(index & ~SLOT_MASK) + SLOTS_AT + (index & SLOT_MASK) * sizeof(UcqSlot)
    write_bytes(slot, as_bytes(msg))
    store_u32(slot + offsetof(UcqSlot, "ready"), 1)  # pairs with the load in ucq_get: after the message


def take_slot(ucq: Uaddr) -> u64:
    """The next slot of the page, if there is one left: else no good index."""
    index = load_u64(ucq + offsetof(Ucq, "prod_idx"))
    if is_good(index):
        make_writable(index)
        index = add_u64(ucq + offsetof(Ucq, "prod_idx"), 1)
    return index


def make_writable(index: u64) -> None:
    """Find out while no slot is taken whether memory for its page is to be had, which a fork may share: nobody ever fills one that
    is taken in vain, and whoever reads the queue waits for it. (A page that another core has put in place meanwhile, it has written
    to.) Raises EFAULT, ENOMEM."""
    add_u64(Uaddr(index & ~SLOT_MASK) + offsetof(UcqPage, "consumed"), 0)


def is_good(index: u64) -> bool:
    return (index & ~SLOT_MASK) != 0 and (index & SLOT_MASK) < UCQ_SLOTS


def take_slot_locked(p: Proc, ucq: Uaddr) -> u64:
    """A slot for sure, on a new page if nobody has put one in place meanwhile."""
    store_u32(ucq + offsetof(Ucq, "prod_overflow"), 1)
    with p.ucq_lock:
        index = take_slot(ucq)
        if is_good(index):
            return index
        full = index & ~SLOT_MASK
        try:
            return turn_page(p, ucq, full)
        except Error:
            # Whoever found the page full has counted on: a consumer would wait for the page behind it.
            with finishing:
                store_u64(ucq + offsetof(Ucq, "prod_idx"), full + UCQ_SLOTS if full != 0 else 0)
            raise


def turn_page(p: Proc, ucq: Uaddr, full: u64) -> u64:
    """Put a blank page behind the full one; the index of its first slot, which is ours. Caller holds: `ucq_lock`."""
    if full != 0:
        make_writable(full)
    page = blank_page(p, ucq)
    with finishing:
        if full != 0:
            store_u64(Uaddr(full) + offsetof(UcqPage, "next"), page)  # pairs with the load in leave_page: after the page is blank
        store_u64(ucq + offsetof(Ucq, "prod_idx"), page | 1)
        store_u32(ucq + offsetof(Ucq, "prod_overflow"), 0)
    return page


def blank_page(p: Proc, ucq: Uaddr) -> u64:
    """A page that was read and may be used again, or a new one. Caller holds: `ucq_lock`."""
    stock = ucq + offsetof(Ucq, "stock")
    spare = ucq + offsetof(Ucq, "spare_page")
    page = load_u64(stock)
    if page == 0:
        page = swap_u64(spare, 0)           # all of them: nobody else takes one, or adds to what we have
    if page == 0:
        return grow(p, ucq)
    try:
        rest = load_u64(Uaddr(page) + offsetof(UcqPage, "next"))
        store_u64(Uaddr(page) + offsetof(UcqPage, "consumed"), 0)
        store_u64(Uaddr(page) + offsetof(UcqPage, "next"), 0)
    except Error as e:
        store_u64(stock, page if e.errno == Errno.ENOMEM else 0)  # else it is no page, and the next one asked for is a new one
        raise
    # Back to where the process can unmap them, unless it has put another there meanwhile.
    store_u64(stock, rest if rest != 0 and cas_u64(spare, 0, rest) != 0 else 0)
    return page


def grow(p: Proc, ucq: Uaddr) -> u64:
    """Another page in the process' memory, present and zeroed. Raises ENOMEM."""
    page = u64(mm_map(p, Uaddr(0), UCQ_PAGE_SIZE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, None))
    try:
        make_writable(page)                 # a slot on a page that never comes would never be filled
    except Error:
        mm_unmap(p, Uaddr(page), UCQ_PAGE_SIZE)
        raise
    if add_u64(ucq + offsetof(Ucq, "extra_pages"), 1) == EXTRA_PAGES_WARNING:
        log.warn(f"process {p.pid}: over {EXTRA_PAGES_WARNING} extra pages of unread events")
    return page
