# SPDX-License-Identifier: LGPL-2.1-or-later
"""The consumer's side of the coalescing event queue: the kernel joins messages of one id, we take them out, one message an id.

Any number of consumers, each with notifications disabled. A message says in `arg2` what was joined since the last one of that id,
in `arg3` the last blob and in `arg4` the id's own `user_data`. What was joined to 0 is no message: who posts 0 says nothing.
Lock: the queue's own `consumer_lock`, a PdrLock, for walking over all ids after the ring was full.
"""

from lang import ACQUIRE, Uaddr, addr_of, at, atomic, must_use, sizeof, struct, u16, u32, u64
from kern.abi.event import CEQ_NO_ID, Ceq, CeqEvent, CeqOperation, EventMsg
from parlib.current import my_vcore
from parlib.pdr import PdrLock
from parlib.vcore import ANY_VCORE, relax_for


@struct
class RingSlot:
    id: u32


def ceq_bytes(nr_events: u32, ring_size: u32) -> u64:
    """Memory that `ceq_init` needs."""
    return u64(nr_events) * sizeof(CeqEvent) + u64(ring_size) * sizeof(RingSlot)


def ceq_init(ceq: Ceq, memory: u64, nr_events: u32, ring_size: u32, operation: CeqOperation) -> None:
    """Open the queue for ids below `nr_events` in zeroed, present memory of `ceq_bytes`. `ring_size` is a power of two."""
    assert ring_size > 0 and ring_size & (ring_size - 1) == 0, "the size of a ring is a power of two"
    ceq.events = Uaddr(memory)
    ceq.ring = Uaddr(memory + u64(nr_events) * sizeof(CeqEvent))
    ceq.nr_events = nr_events
    ceq.ring_size = ring_size
    ceq.operation = u32(operation)
    for index in range(ring_size):
        slot_of(ceq, index).id = CEQ_NO_ID


def event_of(ceq: Ceq, number: u32) -> CeqEvent:
    assert number < ceq.nr_events, "the queue has no such id"
    return at(CeqEvent, u64(ceq.events) + u64(number) * sizeof(CeqEvent))


def slot_of(ceq: Ceq, index: u32) -> RingSlot:
    return at(RingSlot, u64(ceq.ring) + u64(index & (ceq.ring_size - 1)) * sizeof(RingSlot))


def ceq_is_empty(ceq: Ceq) -> bool:
    return ceq.cons_pvt.load() == ceq.prod_idx.load() and ceq.ring_overflowed.load() == 0 and ceq.recovering.load() == 0


@must_use
def ceq_get(ceq: Ceq, into: EventMsg) -> bool:
    """Take the next message, if there is one. Notifications are disabled."""
    while True:
        number = take_id(ceq)
        if number != CEQ_NO_ID:
            if extract(ceq, number, into):
                return True
        elif ceq.ring_overflowed.load() == 0 and ceq.recovering.load() == 0:
            return False
        elif recover(ceq, into):
            return True


def take_id(ceq: Ceq) -> u32:
    """The next id of the ring, or CEQ_NO_ID."""
    while True:
        index = ceq.cons_pvt.load()
        if index == ceq.prod_idx.load():
            return CEQ_NO_ID
        if ceq.cons_pvt.cas(index, index + 1):
            break
    slot = atomic(slot_of(ceq, index).id)
    number = slot.load(order=ACQUIRE)
    while number == CEQ_NO_ID:              # reserved by a producer, which is the kernel on some core, and not written yet
        relax_for(ANY_VCORE)
        number = slot.load(order=ACQUIRE)
    slot.store(CEQ_NO_ID)
    # In the order of the slots: a producer that sees cons_pub takes all slots before it to be empty.
    while ceq.cons_pub.load() != index:
        relax_for(ANY_VCORE)
    ceq.cons_pub.store(index + 1)
    return number


def extract(ceq: Ceq, number: u32, into: EventMsg) -> bool:
    """What was joined under that id, if anything was."""
    if number >= ceq.nr_events:
        return False
    event = event_of(ceq, number)
    if event.posted.load() == 0:
        return False
    # First the flag, then what was joined: a producer that finds it set has joined before, and we see that. Pairs with kern/event/ceq.py.
    event.posted.store(u32(0))
    joined = event.coalesce.swap(u32(0))
    if joined == 0:
        return False                        # two producers, or two consumers, met at it: the other message has it all
    into.ev_type = u16(number)
    into.arg1 = 0
    into.arg2 = joined
    into.arg3 = event.blob.load()
    into.arg4 = event.user_data
    return True


def recover(ceq: Ceq, into: EventMsg) -> bool:
    """After an overflow: the next message of a walk over all ids, which goes on from call to call. False at its end."""
    lock = at(PdrLock, addr_of(ceq.consumer_lock))
    lock.lock_on(my_vcore())
    if ceq.recovering.load() == 0 and ceq.ring_overflowed.load() != 0:
        ceq.recovering.store(u32(1))
        ceq.next_id = 0
        # Before the walk: an overflow during it makes another one.
        ceq.ring_overflowed.store(u32(0))
    found = False
    while ceq.recovering.load() != 0 and not found:
        if ceq.next_id > ceq.max_event_ever.load():
            ceq.recovering.store(u32(0))
        else:
            found = extract(ceq, ceq.next_id, into)
            ceq.next_id += 1
    lock.unlock_on()
    return found
