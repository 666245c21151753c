# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel messages: "run this function over there", the only way in which cores talk to each other.

An immediate message runs in the target's IPI handler with interrupts off; it returns quickly and never blocks nor
turns interrupts on. A routine message runs from the target's idle loop, with interrupts off at its start, on a stack of
its own; it may block, change who owns the core, or never return.
Per target and type strictly first in, first out; each runs exactly once; none is lost. No order between types.
Never hold a spinlock while waiting for a routine message.
Locks: a queue's lock and the pool's are leaves, taken with interrupts off; the pool's may take the page allocator's.
"""

from enum import Enum, auto
from typing import Callable

from lang import Ref, struct, u8, u32, u64, at, sizeof, panic
from arch import mmu, smp
from kern.core.percore import core
from kern.lib.queue import Queue
from kern.mm.pages import PAGE_SIZE, try_alloc_pages
from kern.mm.shootdown import serve_flush
from kern.sync.spinlock import SpinLock


class Kind(u8, Enum):
    IMMEDIATE = auto()
    ROUTINE = auto()


@struct
class Kmsg:
    """A message. Embed one in an object to send without any allocation (see `post_kmsg`)."""
    next: Ref["Kmsg"] | None
    handler: Callable[[u64, u64, u64], None] | None
    a0: u64
    a1: u64
    a2: u64
    source: u32                             # the core that sent it
    pooled: bool                            # goes back to the pool when it is taken


@struct
class KmsgQueue:
    lock: SpinLock
    messages: Queue[Kmsg]
    taken: u64                              # how many have run


def send_kmsg(target: u32, handler: Callable[[u64, u64, u64], None], a0: u64, a1: u64, a2: u64, kind: Kind) -> None:
    """Have core `target` run `handler(a0, a1, a2)`. Callable from anywhere, interrupt handlers included. Never fails."""
    message = take_from_pool()
    message.handler = handler
    message.a0 = a0
    message.a1 = a1
    message.a2 = a2
    message.pooled = True
    enqueue(target, message, kind)


def post_kmsg(target: u32, message: Kmsg, kind: Kind) -> None:
    """Send a message whose storage is the caller's; it must not be queued already. It may be reused once it runs."""
    message.pooled = False
    enqueue(target, message, kind)


def enqueue(target: u32, message: Kmsg, kind: Kind) -> None:
    info = core[target]
    message.source = core.mine.core_id
    queue = info.immediate if kind == Kind.IMMEDIATE else info.routine
    with queue.lock.irqs_off():
        queue.messages.push(message)
    # A routine message to oneself needs no IPI: the idle loop looks before it halts or leaves for user space.
    if kind == Kind.IMMEDIATE or target != core.mine.core_id:
        smp.send_ipi(target)


def handle_ipi() -> None:
    """Run this core's immediate messages. The architecture calls it from its IPI handler, with interrupts off.

    Routine messages need nothing here: on the way out the core passes its idle loop or its return to user space.
    """
    core.mine.ipis += 1
    serve_flush()
    run_immediate()


def run_immediate() -> None:
    """Run the immediate messages that are queued. Interrupts are off."""
    queue = core.mine.immediate
    while (message := pop(queue)) is not None:
        run(message)


def run_one_routine() -> bool:
    """Run the oldest routine message, if any. Interrupts are off; it may not return, or return on another core."""
    message = pop(core.mine.routine)
    if message is None:
        return False
    run(message)
    return True


def routine_pending() -> bool:
    """Whether a routine message waits on this core. Exact with interrupts off, as far as this core's own fate goes."""
    return not core.mine.routine.messages.is_empty()


def run(message: Kmsg) -> None:
    # The storage is given back first: a handler may never return.
    handler = message.handler
    a0 = message.a0
    a1 = message.a1
    a2 = message.a2
    if message.pooled:
        give_to_pool(message)
    assert handler is not None, "kernel message without a handler"
    handler(a0, a1, a2)


def pop(queue: KmsgQueue) -> Kmsg | None:
    with queue.lock.irqs_off():
        message = queue.messages.pop()
        if message is not None:
            queue.taken += 1
    return message


# The pool: messages that were used go round; a page is cut up when it runs dry. Nothing is ever handed back.

pool = Queue[Kmsg]()
pool_lock = SpinLock()


def take_from_pool() -> Kmsg:
    with pool_lock.irqs_off():
        message = pool.pop()
        if message is None:
            refill_pool()
            message = pool.pop()
    if message is None:
        panic("no memory for a kernel message")
    return message


def give_to_pool(message: Kmsg) -> None:
    with pool_lock.irqs_off():
        pool.push(message)


def refill_pool() -> None:
    page = try_alloc_pages(0)
    if page is None:
        return
    base = u64(mmu.phys_to_virt(page))
    for offset in range(u64(0), PAGE_SIZE - sizeof(Kmsg) + 1, sizeof(Kmsg)):
        message = at(Kmsg, base + offset)
        message.next = None
        pool.push(message)
