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
"""

from lang import Ref, addr_of, at, must_use, new, struct, u64
from parlib import sched
from parlib.current import my_uthread, my_vcore
from parlib.mutex import Mutex, RecursiveMutex
from parlib.pdr import PdrLock
from parlib.sched import Blocked
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.uthread import Uthread, uthread_yield
from parlib.vcore import disable_notifs, enable_notifs


@struct
class CondVar:
    guard: PdrLock
    waiters: UthSync
    wakes: u64                              # signals and broadcasts so far; under `guard`

    # -- with a mutex ---------------------------------------------------------------------------------------------
    def wait(self, mutex: Mutex) -> None:
        """Release `mutex`, sleep until woken, take it again: nothing that is signalled in between is lost."""
        request = CondWait(condition=self, mutex=mutex)
        uthread_yield(condition_block, addr_of(request))
        mutex.lock()

    @must_use
    def wait_until(self, mutex: Mutex, deadline_ns: u64) -> bool:
        request = TimedCondWait(condition=self, mutex=mutex, wait=TimedWait(guard=self.guard, queue=self.waiters, uthread=my_uthread()))
        begin_wait(request.wait, deadline_ns)
        uthread_yield(condition_block_timed, addr_of(request))
        woken = end_wait(request.wait)
        mutex.lock()
        return woken

    def wait_recursive(self, mutex: RecursiveMutex) -> None:
        """However often it is locked: all of it is released, and taken again."""
        count = mutex.count
        mutex.count = 0
        mutex.holder.store(0)
        self.wait(mutex.mutex)
        mutex.take()
        mutex.count = count

    @must_use
    def wait_recursive_until(self, mutex: RecursiveMutex, deadline_ns: u64) -> bool:
        count = mutex.count
        mutex.count = 0
        mutex.holder.store(0)
        woken = self.wait_until(mutex.mutex, deadline_ns)
        mutex.take()
        mutex.count = count
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
        request = OwnWait(condition=self, wakes=self.wakes)
        held.unlock()
        uthread_yield(own_block, addr_of(request))
        held.lock()

    @must_use
    def wait_holding_until(self, held: PdrLock, deadline_ns: u64) -> bool:
        request = TimedOwnWait(condition=self, wakes=self.wakes, wait=TimedWait(guard=self.guard, queue=self.waiters, uthread=my_uthread()))
        held.unlock()
        begin_wait(request.wait, deadline_ns)
        uthread_yield(own_block_timed, addr_of(request))
        woken = end_wait(request.wait)
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


# Requests lie on the waiter's stack: gone as soon as it is queued and the guard released.
@struct
class CondWait:
    condition: Ref[CondVar]
    mutex: Ref[Mutex]


@struct
class TimedCondWait:
    condition: Ref[CondVar]
    mutex: Ref[Mutex]
    wait: TimedWait


@struct
class OwnWait:
    """`wakes`: as it was when the condition was looked at. If it has changed, the waiter looks again rather than sleep."""

    condition: Ref[CondVar]
    wakes: u64


@struct
class TimedOwnWait:
    condition: Ref[CondVar]
    wakes: u64
    wait: TimedWait


def condition_block(uthread: Uthread, address: u64) -> None:
    request = at(CondWait, address)
    condition = request.condition
    mutex = request.mutex
    sched.note_blocked(uthread, Blocked.MUTEX)
    condition.guard.lock_on(my_vcore())
    condition.waiters.enqueue(uthread)
    condition.guard.unlock_on()
    mutex.unlock()


def condition_block_timed(uthread: Uthread, address: u64) -> None:
    request = at(TimedCondWait, address)
    condition = request.condition
    mutex = request.mutex
    sched.note_blocked(uthread, Blocked.MUTEX)
    condition.guard.lock_on(my_vcore())
    waits = request.wait.join(uthread, False)
    condition.guard.unlock_on()
    mutex.unlock()
    if not waits:
        sched.current.runnable(uthread)


def own_block(uthread: Uthread, address: u64) -> None:
    request = at(OwnWait, address)
    condition = request.condition
    sched.note_blocked(uthread, Blocked.MUTEX)
    condition.guard.lock_on(my_vcore())
    waits = condition.wakes == request.wakes
    if waits:
        condition.waiters.enqueue(uthread)
    condition.guard.unlock_on()
    if not waits:
        sched.current.runnable(uthread)


def own_block_timed(uthread: Uthread, address: u64) -> None:
    request = at(TimedOwnWait, address)
    condition = request.condition
    sched.note_blocked(uthread, Blocked.MUTEX)
    condition.guard.lock_on(my_vcore())
    waits = request.wait.join(uthread, condition.wakes != request.wakes)
    condition.guard.unlock_on()
    if not waits:
        sched.current.runnable(uthread)


def new_condvar() -> CondVar:
    """On the heap: give it back with `free`, when nobody uses it. Raises ENOMEM."""
    return new(CondVar)
