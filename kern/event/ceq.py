# SPDX-License-Identifier: GPL-2.0-or-later
"""Producing into a process' coalescing event queues (kern/abi/event.py, Ceq): one record an id, and a ring of ids to look at.

All of it is the process' memory: addresses are checked at each access, and every loop is bounded. Where another producer, or the process,
keeps us from the ring, the process is told to look through all ids: nothing is lost by that. Without memory a message is refused before
anybody is told of it, or not at all.
No locks.
"""

from lang import Error, Uaddr, as_bytes, offsetof, sizeof, u32, u64
from kern.abi.errno import Errno
from kern.abi.event import Ceq, CeqEvent, CeqOperation, CeqShape, EventMsg
from kern.event.finish import finishing
from kern.mm.umem import add_u32, cas_u32, load_u32, or_u32, read_bytes, store_u32, store_u64

TRIES = 10                                  # compare-and-swaps that others may spoil


def post_ceq(ceq: Uaddr, msg: EventMsg) -> None:
    """Join `msg` to what its id has. Raises EINVAL for an id that the queue has not, EFAULT. The address space is loaded. May block."""
    shape = CeqShape()
    read_bytes(as_bytes(shape), ceq)
    number = u32(msg.ev_type)
    check_shape(shape, number)
    raise_max(ceq, number, shape.nr_events)
    event = shape.events + u64(number) * sizeof(CeqEvent)
    store_u64(event + offsetof(CeqEvent, "blob"), msg.arg3)
    if shape.operation == u32(CeqOperation.OR):
        or_u32(event + offsetof(CeqEvent, "coalesce"), msg.arg2)
    else:
        add_u32(event + offsetof(CeqEvent, "coalesce"), msg.arg2)
    # Joined before we look whether it is posted: pairs with `extract` of parlib, which clears `posted` before it takes what was joined.
    posted = event + offsetof(CeqEvent, "posted")
    if load_u32(posted) == 0 and or_u32(posted, 1) == 0:
        with finishing:                     # from here on nobody else tells of this id
            push_id(ceq, shape, number)


def check_shape(shape: CeqShape, number: u32) -> None:
    if number >= shape.nr_events:
        raise Error(Errno.EINVAL, f"event id {number} is not below {shape.nr_events}")
    if shape.ring_size == 0 or shape.ring_size & (shape.ring_size - 1) != 0:
        raise Error(Errno.EINVAL, f"a ring of {shape.ring_size} slots: not a power of two")
    if shape.operation != u32(CeqOperation.OR) and shape.operation != u32(CeqOperation.ADD):
        raise Error(Errno.EINVAL, f"no operation {shape.operation} to join events with")


def raise_max(ceq: Uaddr, number: u32, nr_events: u32) -> None:
    """Before the event is posted, so that a walk over all ids finds it."""
    place = ceq + offsetof(Ceq, "max_event_ever")
    for _ in range(TRIES):
        before = load_u32(place)
        if before >= number or cas_u32(place, before, number) == before:
            return
    store_u32(place, nr_events - 1)


def push_id(ceq: Uaddr, shape: CeqShape, number: u32) -> None:
    """Have the consumer look at this id: by the ring, else by a walk over all of them."""
    prod_idx = ceq + offsetof(Ceq, "prod_idx")
    for _ in range(TRIES):
        index = load_u32(prod_idx)
        if index - load_u32(ceq + offsetof(Ceq, "cons_pub")) >= shape.ring_size:
            break
        if cas_u32(prod_idx, index, index + 1) == index:
            store_u32(shape.ring + u64(index & (shape.ring_size - 1)) * 4, number)
            return
    store_u32(ceq + offsetof(Ceq, "ring_overflowed"), 1)
