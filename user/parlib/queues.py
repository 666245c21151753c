# SPDX-License-Identifier: LGPL-2.1-or-later
"""Event queues that come and go, and threads that wait for several at once (Akaros: get_eventq and its kin, uth_blockon_evqs).

The kernel, or a vcore with an indirection, may still hold the address of a queue that the process has given back, and nobody says when that
is over. So queues and their mailboxes go back to a pool, never to the heap: what comes late finds a queue, if not the same one, and whoever
takes a queue must be ready for an alert, or a message, that was meant for the one before.
Locks: `pool.lock` and each queue's `Wakeup.lock`, PdrLocks and leaves.
"""

from lang import Array, Atomic, Errno, Error, Ref, Span, Uaddr, addr_of, array, at, container_of, memset, new, struct, u32, u64
from kern.abi.event import CeqOperation, EventFlag, EventMailbox, EventMsg, EventQueue, MailboxKind
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.blockon import deregister, register_for
from parlib.cancel import begin_listening, end_listening, test_cancel
from parlib.ceq import ceq_bytes, ceq_init
from parlib.current import my_uthread, my_vcore
from parlib.event import init_ucq_mailbox, mailbox_is_empty, set_queue_handler, take_message
from parlib.pages import PAGE_SIZE, map_pages
from parlib.pdr import PdrLock
from parlib.sched import Blocked
from parlib.uth_sync import UthSync, fifo_pop, fifo_push
from parlib.uthread import Uthread, uthread_yield
from parlib.vcore import Vcore, disable_notifs, enable_notifs, vcores
from rt.syscall import wait_for
from syscalls import submit_block, sys_abort_sysc

FOREVER: u64 = 0xFFFF_FFFF_FFFF_FFFF
MAX_QUEUES: u64 = 8                         # that one thread waits for at once
KINDS: u32 = 4                              # of mailboxes, and 0 for none
UNDEFINED: u32 = 0                          # the pool's lists go by what memory a queue has: a MailboxKind
RELIABLE = EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.IPI | EventFlag.WAKEUP  # told to some vcore, whatever happens


@struct
class Wakeup:
    """Who waits for a queue."""

    lock: PdrLock
    first: Ref["WaitLink"] | None


@struct
class PooledQueue:
    queue: EventQueue
    mailbox: EventMailbox
    wakeup: Wakeup
    kind: u32                               # whose memory it has: a MailboxKind, or 0
    memory: u64
    memory_bytes: u64
    next: Ref["PooledQueue"] | None


@struct
class Pool:
    lock: PdrLock


@struct
class FreeList:
    first: Ref[PooledQueue] | None


pool = Pool()
free_lists = array(4, FreeList)             # by kind


# -- making and freeing -------------------------------------------------------------------------------------------
def get_queue(kind: MailboxKind, flags: EventFlag, vcoreid: u32) -> EventQueue:
    """A queue with an open mailbox of its own, UCQ or BITMAP (*big*, for Akaros). Raises ENOMEM."""
    assert kind != MailboxKind.CEQ, "a coalescing queue is made by get_ceq_queue"
    pooled = take_pooled(u32(kind), 0)
    mailbox = pooled.mailbox
    if kind == MailboxKind.UCQ and pooled.memory == 0:
        pooled.memory = map_pages(2)
        init_ucq_mailbox(mailbox, pooled.memory)
    mailbox.kind = u32(kind)
    return set_up(pooled, flags, vcoreid, addr_of(mailbox))


def get_ceq_queue(nr_events: u32, ring_size: u32, operation: CeqOperation, flags: EventFlag, vcoreid: u32) -> EventQueue:
    """A queue that coalesces messages with ids below `nr_events`; `ring_size` is a power of two. Raises EINVAL, ENOMEM."""
    if ring_size == 0 or ring_size & (ring_size - 1) != 0 or ring_size > 1 << 20 or nr_events == 0 or nr_events > 1 << 16:
        raise Error(Errno.EINVAL, f"{nr_events} event ids (up to 65536) with a ring of {ring_size} slots (a power of two)")
    needed = ceq_bytes(nr_events, ring_size)
    pooled = take_pooled(u32(MailboxKind.CEQ), needed)
    if pooled.memory == 0:
        pages = (needed + PAGE_SIZE - 1) // PAGE_SIZE
        pooled.memory = map_pages(pages)
        pooled.memory_bytes = pages * PAGE_SIZE
    memset(Span[u64](pooled.memory, (needed + 7) // 8), 0)
    mailbox = pooled.mailbox
    memset(Span[u64](addr_of(mailbox.ceq), 10), 0)
    ceq_init(mailbox.ceq, pooled.memory, nr_events, ring_size, operation)
    mailbox.kind = u32(MailboxKind.CEQ)
    return set_up(pooled, flags, vcoreid, addr_of(mailbox))


def get_raw_queue(flags: EventFlag, vcoreid: u32) -> EventQueue:
    """A queue with a mailbox that is not open: the caller opens it (init_ucq_mailbox, ceq_init, `kind`). Raises ENOMEM."""
    pooled = take_pooled(UNDEFINED, 0)
    return set_up(pooled, flags, vcoreid, addr_of(pooled.mailbox))


def get_slim_queue(flags: EventFlag, vcoreid: u32) -> EventQueue:
    """A queue without a mailbox: messages go to the public (with VCORE_PRIVATE: private) one of the vcore that is told. Raises ENOMEM."""
    return set_up(take_pooled(UNDEFINED, 0), flags, vcoreid, 0)


def get_vcpd_queue(flags: EventFlag, vcoreid: u32) -> EventQueue:
    """A queue into the public (with VCORE_PRIVATE: private) mailbox of this vcore, whichever is told. Raises ENOMEM."""
    data = vcores[vcoreid].data
    mailbox = addr_of(data.private_mbox) if EventFlag.VCORE_PRIVATE in flags else addr_of(data.public_mbox)
    return set_up(take_pooled(UNDEFINED, 0), flags, vcoreid, mailbox)


def put_queue(queue: EventQueue) -> None:
    """Give back a queue that one of these functions gave. What is in its mailbox is dropped."""
    pooled = container_of(PooledQueue, "queue", queue)
    queue.flags = 0
    queue.handler = Uaddr(0)
    queue.udata = 0
    if pooled.kind != UNDEFINED:
        msg = EventMsg()
        while take_now(queue, msg):
            pass
    with pool.lock:
        pooled.next = free_lists[pooled.kind].first
        free_lists[pooled.kind].first = pooled


def take_pooled(kind: u32, needed: u64) -> PooledQueue:
    """A queue that nobody has, with memory for this kind of mailbox, or else with none yet."""
    with pool.lock:
        before: PooledQueue | None = None
        found = free_lists[kind].first
        while found is not None and found.memory_bytes < needed:
            before = found
            found = found.next
        if found is not None:
            if before is None:
                free_lists[kind].first = found.next
            else:
                before.next = found.next
    if found is None:
        found = new(PooledQueue, kind=kind)
    found.next = None
    return found


def set_up(pooled: PooledQueue, flags: EventFlag, vcoreid: u32, mailbox: u64) -> EventQueue:
    queue = pooled.queue
    queue.mbox = Uaddr(mailbox)
    queue.vcore = vcoreid
    queue.alert_pending.store(u32(0))
    queue.udata = addr_of(pooled.wakeup)
    queue.flags = u32(flags)
    return queue


# -- waiting ------------------------------------------------------------------------------------------------------
PREPARING: u32 = 0                          # the thread is not saved yet, or its callback still looks around
ASLEEP: u32 = 1                             # whoever turns this into WOKEN makes the thread runnable
WOKEN: u32 = 2


@struct
class WaitLink:
    """A thread in the list of one queue."""

    wait: Ref["QueueWait"] | None
    next: Ref["WaitLink"] | None


@struct
class QueueWait:
    """On the waiting thread's stack."""

    uthread: Ref[Uthread] | None
    state: Atomic[u32]
    count: u64
    queues: Array[u64] = array(9)           # addresses of the EventQueues: MAX_QUEUES, and one for the timeout
    links: Array[WaitLink] = array(9)


def attach_wakeup(queue: EventQueue) -> None:
    """Let threads wait for a queue that get_queue or get_ceq_queue gave: what comes in stays there until a thread takes it.

    Before anybody is told of the queue (Akaros: evq_attach_wakeup_ctlr).
    """
    set_queue_handler(queue, wake_waiters)


def check_queues(queues: Span[Ref[EventQueue]], into: EventMsg) -> EventQueue | None:
    """Take a message from the first of `queues` that has one, and say which; None if all are empty. Never blocks (uth_check_evqs)."""
    for queue in queues:
        if take_now(queue, into):
            return queue
    return None


def take_now(queue: EventQueue, into: EventMsg) -> bool:
    disable_notifs()
    found = take_message(mailbox_of(queue), into)
    enable_notifs()
    return found


def mailbox_of(queue: EventQueue) -> EventMailbox:
    return at(EventMailbox, u64(queue.mbox))


def block_on_queues(queues: Span[Ref[EventQueue]], into: EventMsg, timeout_usec: u64) -> EventQueue | None:
    """Take a message as `check_queues` does, but wait until there is one, or until the time is over: then None (uth_blockon_evqs).

    Each queue has had attach_wakeup, and flags that reach a vcore whatever happens (RELIABLE); several threads may wait for one. Only the
    calling uthread blocks. A cancellation point. Raises EINVAL for more than 8 queues, or one without attach_wakeup; ENOMEM; EINTR when the
    thread has handled a signal.
    """
    if len(queues) > MAX_QUEUES:
        raise Error(Errno.EINVAL, f"a thread can wait for {MAX_QUEUES} event queues, not for {len(queues)}")
    found = check_queues(queues, into)
    if found is not None or timeout_usec == 0:
        return found
    wait = QueueWait(count=len(queues))
    for i, queue in enumerate(queues):
        if u64(queue.handler) != addr_of(wake_waiters):
            raise Error(Errno.EINVAL, "an event queue that threads cannot wait for")
        wait.queues[i] = addr_of(queue)
    if timeout_usec == FOREVER:
        while found is None:
            sleep_on(wait)
            found = check_queues(queues, into)
        return found
    return block_with_alarm(queues, into, wait, timeout_usec)


def block_with_alarm(queues: Span[Ref[EventQueue]], into: EventMsg, wait: QueueWait, timeout_usec: u64) -> EventQueue | None:
    """One more queue, which hears of a call that sleeps so long."""
    alarm = get_queue(MailboxKind.BITMAP, RELIABLE, 0)
    attach_wakeup(alarm)
    wait.queues[wait.count] = addr_of(alarm)
    wait.count += 1
    call = Syscall()
    submit_block(call, timeout_usec)
    found: EventQueue | None = None
    try:
        rings = register_for(call, alarm)
        while rings and found is None:
            sleep_on(wait)
            found = check_queues(queues, into)
            rings = mailbox_is_empty(mailbox_of(alarm))
    finally:
        cancel(call)
        put_queue(alarm)
    return found if found is not None else check_queues(queues, into)


def cancel(call: Syscall) -> None:
    """Have a blocked call of ours give up, and wait until the kernel is through with it."""
    deregister(call)
    sys_abort_sysc(Uaddr(addr_of(call)))
    wait_for(call)


def sleep_on(wait: QueueWait) -> None:
    """Block until a message came for one of the queues since they were looked at last, or for no reason. Raises EINTR after a signal."""
    state = my_uthread().cancel
    wait.state.store(PREPARING)
    if begin_listening(state, rouse, addr_of(wait)):
        uthread_yield(queue_block, addr_of(wait))
        for i in range(wait.count):
            unlink(at(EventQueue, wait.queues[i]), wait.links[i])
    end_listening(state)
    test_cancel()
    if state.broken:
        raise Error(Errno.EINTR, "a signal came while the thread waited for events")


def rouse(address: u64) -> bool:
    """Somebody breaks a thread's wait. Whether it sleeps: else it is on its way, and will not."""
    return at(QueueWait, address).state.swap(WOKEN) == ASLEEP


def queue_block(uthread: Uthread, address: u64) -> None:
    """In vcore context: into each queue's list, then look, then sleep. Once asleep `wait` is not ours any more."""
    wait = at(QueueWait, address)
    wait.uthread = uthread
    sched.note_blocked(uthread, Blocked.EVENTQ)
    vcore = my_vcore()
    for i in range(wait.count):
        link = wait.links[i]
        link.wait = wait
        wakeup = wakeup_of(at(EventQueue, wait.queues[i]))
        wakeup.lock.lock_on(vcore)
        link.next = wakeup.first
        wakeup.first = link
        wakeup.lock.unlock_on()
    # A message that came before we were listed has been told of to nobody: see it now. One that comes later finds us.
    empty = True
    for i in range(wait.count):
        if not mailbox_is_empty(mailbox_of(at(EventQueue, wait.queues[i]))):
            empty = False
    # A signal that came before we listened is handled before it sleeps: pairs with `draw_attention`, as begin_listening does.
    if not empty or uthread.attention.load() != 0 or not wait.state.cas(PREPARING, ASLEEP):
        sched.current.runnable(uthread)


def unlink(queue: EventQueue, link: WaitLink) -> None:
    wakeup = wakeup_of(queue)
    with wakeup.lock:
        before: Ref[WaitLink] | None = None
        entry = wakeup.first
        while entry is not None and entry is not link:
            before = entry
            entry = entry.next
        if entry is not None:
            if before is None:
                wakeup.first = link.next
            else:
                before.next = link.next


def wakeup_of(queue: EventQueue) -> Wakeup:
    return at(Wakeup, queue.udata)


def wake_waiters(vcore: Vcore, queue: EventQueue) -> None:
    """The handler of queues that threads wait for: each of them shall look."""
    if queue.udata == 0:
        return                              # it was given back
    woken = UthSync()
    wakeup = wakeup_of(queue)
    # While it is held no waiter can leave the list, and with it its stack.
    wakeup.lock.lock_on(vcore)
    link = wakeup.first
    while link is not None:
        wait = link.wait
        if wait is not None and wait.state.swap(WOKEN) == ASLEEP:
            uthread = wait.uthread
            if uthread is not None:
                fifo_push(woken, uthread)
        link = link.next
    wakeup.lock.unlock_on()
    while (uthread := fifo_pop(woken)) is not None:
        sched.current.runnable(uthread)
