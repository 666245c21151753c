# SPDX-License-Identifier: LGPL-2.1-or-later
"""Condition variables for uthreads: wait, in a loop, until something has become true.

With a mutex, plain or recursive, that protects the condition:

    with mutex:
        while not ready:
            condition.wait(mutex)

or without one, under the variable's own spinlock:

    with condition.guard as held:
        while not ready:
            condition.wait_holding(held)

`signal` and `broadcast` may be called with the mutex or without; under the own lock it is `signal_holding`. A wait with a deadline
(`now_ns`) says whether it was woken before. Wake-ups may be spurious.
Lock: `guard`, before that of the mutex and of the 2LS' queue.
"""

from lang import must_use, new, struct, u64
from parlib import sched
from parlib.current import my_uthread, my_vcore
from parlib.mutex import Mutex, RecursiveMutex
from parlib.pdr import PdrLock
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.vcore import disable_notifs, enable_notifs, pin


@struct
class CondVar:
    guard: PdrLock
    waiters: UthSync
    wakes: u64                              # signals and broadcasts so far: a condition looked at before is to be looked at again

    # -- with a mutex ---------------------------------------------------------------------------------------------
    def wait(self, mutex: Mutex) -> None:
        """Release `mutex`, sleep until woken, take it again: nothing that is signalled in between is lost."""
        uthread = my_uthread()
        vcore = pin(uthread)
        self.guard.lock_to_park(vcore)
        self.waiters.enqueue(uthread)
        mutex.unlock()
        self.guard.park(vcore, uthread)
        mutex.lock()

    @must_use
    def wait_until(self, mutex: Mutex, deadline_ns: u64) -> bool:
        wait = TimedWait(guard=self.guard, queue=self.waiters, uthread=my_uthread())
        vcore = begin_wait(wait, deadline_ns)
        mutex.unlock()
        wait.sleep(vcore, False)
        woken = end_wait(wait)
        mutex.lock()
        return woken

    def wait_recursive(self, mutex: RecursiveMutex) -> None:
        """However often it is locked: all of it is released, and taken again."""
        count = mutex.give_up()
        self.wait(mutex.mutex)
        mutex.take_again(count)

    @must_use
    def wait_recursive_until(self, mutex: RecursiveMutex, deadline_ns: u64) -> bool:
        count = mutex.give_up()
        woken = self.wait_until(mutex.mutex, deadline_ns)
        mutex.take_again(count)
        return woken

    def signal(self) -> None:
        disable_notifs()                    # once for the guard and for the 2LS' lock
        self.guard.lock_on(my_vcore())
        self.wakes += 1
        uthread = self.waiters.get_next()
        self.guard.unlock_on()
        if uthread is not None:
            sched.current.runnable(uthread)
        enable_notifs()

    def broadcast(self) -> None:
        woken = UthSync()
        with self.guard:
            self.wakes += 1
            self.waiters.swap(woken)
        sched.current.bulk_runnable(woken)

    # -- under the own lock ---------------------------------------------------------------------------------------
    def wait_holding(self, held: PdrLock) -> None:
        """`held` is `guard`: released while the thread sleeps, held again on return."""
        uthread = my_uthread()
        assert uthread.notif_depth == 1, "a uthread blocks with notifications disabled"
        self.waiters.enqueue(uthread)
        held.park(my_vcore(), uthread)
        held.lock()

    @must_use
    def wait_holding_until(self, held: PdrLock, deadline_ns: u64) -> bool:
        wakes = self.wakes
        held.unlock()                       # an alarm is set without
        wait = TimedWait(guard=self.guard, queue=self.waiters, uthread=my_uthread())
        vcore = begin_wait(wait, deadline_ns)
        wait.sleep(vcore, self.wakes != wakes)
        woken = end_wait(wait)
        held.lock()
        return woken

    def signal_holding(self) -> None:
        """Caller holds: `guard`. Who is woken runs on when it is released."""
        self.wakes += 1
        uthread = self.waiters.get_next()
        if uthread is not None:
            sched.current.runnable(uthread)

    def broadcast_holding(self) -> None:
        """Caller holds: `guard`."""
        self.wakes += 1
        sched.current.bulk_runnable(self.waiters)


def new_condvar() -> CondVar:
    """On the heap: give it back with `free`, when nobody uses it. Raises ENOMEM."""
    return new(CondVar)
