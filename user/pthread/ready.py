# SPDX-License-Identifier: LGPL-2.1-or-later
"""The threads' 2LS: one FIFO of ready threads, run by however many vcores the kernel grants.

More vcores are asked for when threads become ready, one for each that waits; a vcore that finds nothing for a while is given back.
Lock: `lock`, a PdrLock and a leaf, for the queue.
"""

from typing import Callable

from lang import ACQUIRE, RELAXED, SEQ_CST, Atomic, Raises, Ref, compiler_fence, fence, inline, pause, struct, u32, u64
from kern.abi.syscall import Syscall
from parlib import sched, threads
from parlib.current import is_pinned, my_uthread, my_vcore
from parlib.dtls import destroy_values
from parlib.pdr import FREE, PdrLock
from parlib.request import vcore_request_more
from parlib.sched import Scheduler
from parlib.threads import uthread_mcp_init, use_library, yield_callback
from parlib.uth_sync import UthSync
from parlib.uthread import Uthread, run_uthread, switch_to, uthread_yield
from parlib.vcore import Vcore, disable_notifs, enable_notifs
from parlib.yielding import vcore_yield
from pthread.calls import init_call_queue, init_call_queues, prepare_to_tell, tell_when_done
from pthread.pool import describe_threads, find_willing, forget_all, give_thread, take_thread_pinned
from rt.io import STDERR, print_to

IDLE_SPINS = 200                            # looks at the queue before a vcore is given back


@struct(align=64)
class ReadyQueue:
    lock: PdrLock
    count: Atomic[u32]                      # changed under the lock, read by idle vcores without
    head: Ref[Uthread] | None
    tail: Ref[Uthread] | None


ready = ReadyQueue()


def push_on(vcore: Vcore, uthread: Uthread) -> None:
    """Append to the queue. Notifications are disabled."""
    ready.lock.lock_on(vcore)
    push_locked(uthread)
    ready.lock.unlock_on()


def pop_on(vcore: Vcore) -> Uthread | None:
    """Take the longest waiting thread. Notifications are disabled."""
    ready.lock.lock_on(vcore)
    uthread = ready.head
    if uthread is not None:
        uthread = take_head(uthread)
    ready.lock.unlock_on()
    return uthread


@inline
def take_head(uthread: Uthread) -> Uthread:
    """Take out the queue's first thread, which is this one. Caller holds: `lock`."""
    follower = uthread.next
    ready.head = follower
    if follower is None:
        ready.tail = None
    ready.count.store(ready.count.load(order=RELAXED) - 1, order=RELAXED)
    return uthread


@inline
def take_ready(vcore: Vcore) -> Uthread | None:
    """The same, if it may be switched to."""
    ready.lock.lock_on(vcore)
    uthread = ready.head
    if uthread is not None:
        uthread = take_head(uthread) if uthread.may_switch else None
    ready.lock.unlock_on()
    return uthread


def yield_now() -> None:
    """Let the other ready threads run first."""
    uthread = my_uthread()
    uthread.dont_migrate.store(u32(1), order=RELAXED)
    compiler_fence()
    vcore = my_vcore()
    data = vcore.data
    data.notif_disabled.store(u32(1), order=RELAXED)
    compiler_fence()
    # Straight to the next thread if nothing else is to be done: the queue's lock is released once this one is saved.
    if ready.lock.holder.cas(FREE, vcore.id + 1, order=ACQUIRE):  # pairs with unlock_on, and with switch_direct's releasing store
        follower = ready.head
        if follower is not None and follower.may_switch and data.notif_pending.load(order=RELAXED) == 0:
            rotate(uthread, follower)
            switch_to(vcore, uthread, follower, ready.lock)
            return
        ready.lock.unlock_on()
    uthread_yield(yield_callback, 0)


@inline
def rotate(uthread: Uthread, follower: Uthread) -> None:
    """Put a thread at the queue's end in exchange for its first one. Caller holds: `lock`."""
    uthread.next = None
    tail = ready.tail
    if tail is not None:
        tail.next = uthread                 # there is at least `follower`, which this may be
    ready.tail = uthread
    ready.head = follower.next


class ThreadScheduler(Scheduler):
    def init(self) -> None:
        init_call_queues()

    def entry(self, vcore: Vcore) -> None:
        uthread = pop_on(vcore)
        if uthread is not None:
            run_uthread(vcore, uthread)

    def next_ready(self, vcore: Vcore) -> Uthread | None:
        return take_ready(vcore)

    def runnable(self, uthread: Uthread) -> None:
        if is_pinned():
            push_on(my_vcore(), uthread)
        else:
            with ready.lock:
                push_locked(uthread)
        ask_for_vcores()

    def bulk_runnable(self, woken: UthSync) -> None:
        """The lock is taken once for all."""
        if is_pinned():
            vcore = my_vcore()
            ready.lock.lock_on(vcore)
            push_all_locked(woken)
            ready.lock.unlock_on()
        else:
            with ready.lock:
                push_all_locked(woken)
        ask_for_vcores()

    def paused(self, uthread: Uthread) -> None:
        push_on(my_vcore(), uthread)

    def block_on_call(self, uthread: Uthread, call: Syscall) -> None:
        if not tell_when_done(uthread, call):
            push_on(my_vcore(), uthread)

    def next_for_call(self, vcore: Vcore, uthread: Uthread, call: Syscall) -> Uthread | None:
        follower = take_ready(vcore)
        if follower is not None:
            prepare_to_tell(vcore, uthread, call)
        return follower

    def create(self, fn: Callable[[u64], Raises[None]], arg: u64) -> Uthread:
        disable_notifs()                    # once for the pool's lock and the queue's
        uthread = take_thread_pinned(fn, arg)
        self.runnable(uthread)
        enable_notifs()
        return uthread

    def ending(self) -> None:
        destroy_values()

    def find_willing(self, signals: u64) -> Uthread | None:
        return find_willing(signals)

    def exited(self, uthread: Uthread) -> None:
        if uthread.memory != 0:
            give_thread(uthread)

    def has_work(self) -> bool:
        return ready.count.load() != 0

    def idle(self, vcore: Vcore) -> None:
        data = vcore.data
        for _ in range(IDLE_SPINS):
            # Relaxed: who finds something takes it under the lock, and looks at `pending` again in handle_events.
            if ready.count.load(order=RELAXED) != 0 or data.notif_pending.load(order=RELAXED) != 0:
                return
            pause()
        vcore_yield(vcore, False)

    def forget_others(self) -> None:
        forget_all()
        ready.head = None
        ready.tail = None
        ready.count.store(u32(0))
        init_call_queue(0)                  # of the only vcore

    def describe(self) -> None:
        print_to(STDERR, f"  {ready.count.load()} threads are ready\n")
        describe_threads()


scheduler = ThreadScheduler()


def push_locked(uthread: Uthread) -> None:
    """Caller holds: `lock`."""
    uthread.next = None
    tail = ready.tail
    if tail is None:
        ready.head = uthread
    else:
        tail.next = uthread
    ready.tail = uthread
    ready.count.store(ready.count.load(order=RELAXED) + 1, order=RELAXED)


def push_all_locked(woken: UthSync) -> None:
    """Caller holds: `lock`."""
    first = woken.head
    last = woken.tail
    if sched.keeps_waiters or first is None or last is None:
        while (uthread := woken.get_next()) is not None:
            push_locked(uthread)
    else:
        append_locked(woken, first, last)


def append_locked(woken: UthSync, first: Uthread, last: Uthread) -> None:
    """All at once: they hang together as the queue does. Caller holds: `lock`."""
    count: u32 = 0
    uthread: Uthread | None = first
    while uthread is not None:
        uthread.waits_in = None
        uthread = uthread.next
        count += 1
    tail = ready.tail
    if tail is None:
        ready.head = first
    else:
        tail.next = first
    ready.tail = last
    ready.count.store(ready.count.load(order=RELAXED) + count, order=RELAXED)
    woken.head = None
    woken.tail = None


def ask_for_vcores() -> None:
    """One vcore more than we have for each thread that waits, as far as there are any.

    Also when we have all of them: one may just be about to leave, and has lowered what we want.
    """
    fence(SEQ_CST)                          # the thread is in the queue before we look
    vcore_request_more(ready.count.load(order=RELAXED))


@inline
def start_threads() -> None:
    """Become an MCP, once, under this 2LS if the program did not choose another. Raises ENOMEM."""
    if threads.started.load() != 0:
        return
    if threads.library is None:
        use_library(scheduler)
    uthread_mcp_init()
