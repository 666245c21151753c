# SPDX-License-Identifier: LGPL-2.1-or-later
"""The work-stealing 2LS: each vcore has queues of its own, and one that runs out of threads takes them from others.

A vcore runs what it made runnable itself first, the newest first, whose data its caches hold; what yielded or was interrupted comes
after that, the oldest first, and now and then before it, so that nobody waits for ever; nor does who is queued where nobody comes to
choose: now and then others are robbed without need. A thief takes the oldest. Nothing is locked, but
for threads that have no room in a deque. A preempted vcore's queues are stolen from like any other's.
Lock: `spilled.lock`, a PdrLock and a leaf.
"""

from typing import Callable

from lang import SEQ_CST, Atomic, Raises, addr_of, array, at, fence, pause, struct, u32, u64
from kern.abi.syscall import Syscall
from parlib.current import is_pinned, my_vcore
from parlib.deque import LOST, NOTHING, Deque
from parlib.pdr import PdrLock
from parlib.request import vcore_request_more
from parlib.sched import Scheduler
from parlib.uth_sync import UthSync, fifo_pop, fifo_push
from parlib.uthread import Uthread, run_uthread
from parlib.vcore import Vcore, disable_notifs, enable_notifs, max_vcores, vcores
from parlib.yielding import vcore_yield
from pthread.calls import init_call_queue, init_call_queues, tell_when_done
from parlib.dtls import destroy_values
from pthread.pool import find_willing, forget_all, give_thread, take_thread_pinned

IDLE_SPINS = 50                             # looks at all queues before a vcore is given back
FAIRNESS: u64 = 61                          # each so manieth choice begins with those who wait longest; as in Go's scheduler


@struct(align=64)
class RunQueue:
    """One vcore's."""

    fresh: Deque                            # woken or made here; its vcore takes the newest
    again: Deque                            # could run on, and let others go first; its vcore takes the oldest
    choices: u64
    stolen: u64                             # threads that this vcore took from others


@struct(align=64)
class Spilled:
    """Threads that had no room, in the order in which they came."""

    lock: PdrLock
    count: Atomic[u32]                      # changed under the lock, read without
    threads: UthSync


queues = array(256, RunQueue)               # by vcore
spilled = Spilled()


class StealScheduler(Scheduler):
    def init(self) -> None:
        init_call_queues()

    def entry(self, vcore: Vcore) -> None:
        uthread = choose(vcore)
        if uthread is not None:
            run_uthread(vcore, uthread)

    def runnable(self, uthread: Uthread) -> None:
        if is_pinned():
            push(my_vcore(), queues[my_vcore().id].fresh, uthread)
        else:
            disable_notifs()                # only a vcore itself adds to its deques
            push(my_vcore(), queues[my_vcore().id].fresh, uthread)
            enable_notifs()
        ask_for_vcore()

    def paused(self, uthread: Uthread) -> None:
        push(my_vcore(), queues[my_vcore().id].again, uthread)

    def block_on_call(self, uthread: Uthread, call: Syscall) -> None:
        if not tell_when_done(uthread, call):
            self.paused(uthread)

    def create(self, fn: Callable[[u64], Raises[None]], arg: u64) -> Uthread:
        disable_notifs()                    # once for the pool's lock and the queue
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

    def forget_others(self) -> None:
        forget_all()
        while choose(vcores[0]) is not None:
            pass                            # forgotten
        init_call_queue(0)                  # of the only vcore

    def has_work(self) -> bool:
        if spilled.count.load() != 0:
            return True
        for i in range(max_vcores()):
            if not queues[i].fresh.is_empty() or not queues[i].again.is_empty():
                return True
        return False

    def idle(self, vcore: Vcore) -> None:
        for _ in range(IDLE_SPINS):
            if vcore.data.notif_pending.load() != 0 or self.has_work():
                return
            pause()
        vcore_yield(vcore, False)


steal_scheduler = StealScheduler()


def ask_for_vcore() -> None:
    """A thread has just been queued. One vcore more is enough to begin with: who makes the next one asks again."""
    fence(SEQ_CST)                          # the thread is in the queue before we look: a vcore that leaves looks after saying so
    vcore_request_more(1)


def push(vcore: Vcore, deque: Deque, uthread: Uthread) -> None:
    """Notifications are disabled; `deque` is the vcore's own."""
    if deque.push(addr_of(uthread)):
        return
    spilled.lock.lock_on(vcore)
    fifo_push(spilled.threads, uthread)
    spilled.count.add(1)
    spilled.lock.unlock_on()


# -- choosing -----------------------------------------------------------------------------------------------------
def choose(vcore: Vcore) -> Uthread | None:
    """The thread that the vcore runs next."""
    queue = queues[vcore.id]
    queue.choices += 1
    if queue.choices % FAIRNESS == 0:
        uthread = unspill(vcore)
        if uthread is None and queue.choices % (2 * FAIRNESS) == 0:
            uthread = rob_others(vcore, queue)  # whose vcore may be busy for ever, or away, while ours always has one that yields
        if uthread is not None:
            return uthread
        found = steal_from(queue.again)
        if found != NOTHING:
            return at(Uthread, found)
    found = queue.fresh.take()
    if found == NOTHING:
        found = steal_from(queue.again)
    if found != NOTHING:
        return at(Uthread, found)
    uthread = unspill(vcore)
    return uthread if uthread is not None else rob_others(vcore, queue)


def steal_from(deque: Deque) -> u64:
    """The oldest thread's address, or NOTHING."""
    while True:
        found = deque.steal()
        if found != LOST:
            return found
        pause()


def unspill(vcore: Vcore) -> Uthread | None:
    if spilled.count.load() == 0:
        return None
    spilled.lock.lock_on(vcore)
    uthread = fifo_pop(spilled.threads)
    if uthread is not None:
        spilled.count.sub(1)
    spilled.lock.unlock_on()
    return uthread


def rob_others(vcore: Vcore, queue: RunQueue) -> Uthread | None:
    """All others once, beginning with another one each time so that thieves do not meet."""
    others = u64(max_vcores()) - 1
    start = queue.choices + queue.stolen    # the second, since not all numbers are among the choices that come here
    for i in range(others):
        victim = queues[(u64(vcore.id) + 1 + (start + i) % others) % (others + 1)]
        found = steal_from(victim.again)
        if found == NOTHING:
            found = steal_from(victim.fresh)
        if found != NOTHING:
            queue.stolen += 1
            return at(Uthread, found)
    return None
