# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel messages: "run this function over there", the only way in which cores talk to each other.

An immediate message runs in the target's IPI handler with interrupts off; it returns quickly and never blocks nor
turns interrupts on. A routine message runs from the target's idle loop, with interrupts off at its start, on a stack of
its own; it may block, change who owns the core, or never return.
Per target and type strictly first in, first out; each runs exactly once; none is lost. No order between types.
Never hold a spinlock while waiting for a routine message.
Locks: a queue's lock is a leaf, taken with interrupts off. The pools have none.
"""

from typing import Callable

from lang import (
    ACQUIRE,
    RELAXED,
    RELEASE,
    SEQ_CST,
    Atomic,
    PerCore,
    Ref,
    at,
    fence,
    inline,
    interrupt_context,
    panic,
    sizeof,
    struct,
    u32,
    u64,
)
from arch import cpu, mmu, smp
from kern.core.percore import core, is_held
from kern.lib.queue import Queue
from kern.mm.pages import PAGE_SIZE, take_pages
from kern.mm.shootdown import serve_flush
from kern.mm.slab import serve_drain
from kern.sync.spinlock import SpinLock


Handler = Callable[[u64, u64, u64], None]


@struct
class Kmsg:
    """A message. Embed one in an object to send without any allocation (see `post_routine`)."""

    next: Ref["Kmsg"] | None
    # Its handler, by type. Two fields, so that the compiler knows who runs in an interrupt handler.
    routine: Handler | None
    immediate: Handler | None
    a0: u64
    a1: u64
    a2: u64
    source: u32                             # the core that sent it
    home: u32                               # 1 + the core whose pool it goes back to when it is taken; 0: its storage is the sender's


@struct
class KmsgQueue:
    lock: SpinLock
    messages: Queue[Kmsg]
    taken: u64                              # how many have run


@interrupt_context
def send_routine(target: u32, handler: Handler, a0: u64, a1: u64, a2: u64) -> None:
    """Have core `target` run `handler(a0, a1, a2)` from its idle loop. Callable from anywhere, handlers included. Never fails."""
    queue_routine(target, handler, a0, a1, a2)
    interrupt(target)


@interrupt_context
def post_routine(target: u32, message: Kmsg) -> None:
    """Send a message whose storage is the caller's; it must not be queued already. It may be reused once it runs."""
    message.home = 0
    enqueue_routine(target, message)


def leave_routine(target: u32, message: Kmsg) -> None:
    """The same, but a core that a process holds is not interrupted for it: it finds it on its way back when it next enters the kernel."""
    message.home = 0
    enqueue(core[target].routine, message)
    # Pairs with the fence before a core halts: either it sees the message, or we see that nobody holds it any more.
    fence(SEQ_CST)
    if target != core.mine.core_id and not is_held(target):
        smp.send_ipi(target)


@inline
@interrupt_context
def queue_routine(target: u32, handler: Handler, a0: u64, a1: u64, a2: u64) -> None:
    """`send_routine` for who holds a lock: a core that sleeps does so until the caller has let go of it and says `interrupt(target)`."""
    message = make_message(a0, a1, a2)
    message.routine = handler
    enqueue(core[target].routine, message)


def enqueue_routine(target: u32, message: Kmsg) -> None:
    enqueue(core[target].routine, message)
    interrupt(target)


@interrupt_context
def interrupt(target: u32) -> None:
    """Have a core look at its messages. To oneself it needs no IPI: the idle loop looks before it halts or leaves for user space."""
    if target != core.mine.core_id:
        smp.send_ipi(target)


@interrupt_context
def send_immediate(target: u32, handler: Handler, a0: u64, a1: u64, a2: u64) -> None:
    """Have core `target` (this one too) run `handler(a0, a1, a2)` in its interrupt handler. Callable from anywhere. Never fails."""
    message = make_message(a0, a1, a2)
    message.immediate = handler
    enqueue(core[target].immediate, message)
    smp.send_ipi(target)


def make_message(a0: u64, a1: u64, a2: u64) -> Kmsg:
    message = take_from_pool()
    message.routine = None
    message.immediate = None
    message.a0 = a0
    message.a1 = a1
    message.a2 = a2
    return message


def enqueue(queue: KmsgQueue, message: Kmsg) -> None:
    message.source = core.mine.core_id
    with queue.lock.irqs_off():
        queue.messages.push(message)


def handle_ipi() -> None:
    """Run this core's immediate messages. The architecture calls it from its IPI handler, with interrupts off.

    Routine messages need nothing here: on the way out the core passes its idle loop or its return to user space.
    """
    core.mine.ipis += 1
    serve_flush()
    serve_drain()
    run_immediate()


def run_immediate() -> None:
    """Run the immediate messages that are queued. Interrupts are off."""
    queue = core.mine.immediate
    while (message := pop(queue)) is not None:
        handler = message.immediate
        words = take_words(message)
        assert handler is not None, "immediate message without a handler"
        handler(words[0], words[1], words[2])


def run_one_routine() -> bool:
    """Run the oldest routine message, if any. Interrupts are off; it may not return, or return on another core."""
    message = pop(core.mine.routine)
    if message is None:
        return False
    handler = message.routine
    words = take_words(message)
    assert handler is not None, "routine message without a handler"
    handler(words[0], words[1], words[2])
    return True


def routine_pending() -> bool:
    """Whether a routine message waits on this core. Exact with interrupts off, as far as this core's own fate goes."""
    return core.mine.routine.messages.head is not None


def take_words(message: Kmsg) -> tuple[u64, u64, u64]:
    """Its arguments. The storage is given back with that, before the handler runs: that may never return."""
    words = (message.a0, message.a1, message.a2)
    if message.home != 0:
        give_back(message)
    return words


def pop(queue: KmsgQueue) -> Kmsg | None:
    with queue.lock.irqs_off():
        message = queue.messages.pop()
        if message is not None:
            queue.taken += 1
    return message


# -- pools ---------------------------------------------------------------------------------------------------------
# A core sends with messages of its own pool; who has taken one gives it back there. Only its core takes out of a pool, and it takes what
# was given back all at once, so that no ABA can happen. A page is cut up when a pool runs dry. Nothing is handed back to the allocator.


@struct(align=64)
class KmsgPool:
    free: Queue[Kmsg]                       # its core's, interrupts off
    returned: Atomic[Ref[Kmsg] | None]      # anybody's: a stack
    pages: u64                              # that were cut up for it


pools = PerCore[KmsgPool]()


def take_from_pool() -> Kmsg:
    saved = cpu.irqs_save()
    mine = pools.mine
    message = mine.free.pop()
    if message is None:
        collect_returned(mine)
        message = mine.free.pop()
    if message is None:
        refill(mine)
        message = mine.free.pop()
    cpu.irqs_restore(saved)
    if message is None:
        panic("no memory for a kernel message")
    return message


def give_back(message: Kmsg) -> None:
    returned = pools[message.home - 1].returned
    while True:
        top = returned.load(order=RELAXED)
        message.next = top
        if returned.cas(top, message, order=RELEASE):  # pairs with collect_returned: what we did with it comes before its next use
            return


def collect_returned(pool: KmsgPool) -> None:
    message = pool.returned.swap(None, order=ACQUIRE)  # pairs with give_back
    while message is not None:
        following = message.next
        pool.free.push(message)
        message = following


def refill(pool: KmsgPool) -> None:
    page = take_pages(0)
    if page is None:
        return
    pool.pages += 1
    base = u64(mmu.phys_to_virt(page))
    for offset in range(u64(0), PAGE_SIZE - sizeof(Kmsg) + 1, sizeof(Kmsg)):
        message = at(Kmsg, base + offset)
        message.home = core.mine.core_id + 1
        pool.free.push(message)
