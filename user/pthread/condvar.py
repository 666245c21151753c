# SPDX-License-Identifier: LGPL-2.1-or-later
"""Condition variables as POSIX has them: those of parlib, whose waits are cancellation points, and with a clock for deadlines.

A thread that is cancelled while it waits has the mutex again when Cancelled is raised.
"""

from lang import Ref, addr_of, at, must_use, struct, u64
from parlib import condvar, sched
from parlib.cancel import enter_wait, is_cancelled, leave_wait, test_cancel
from parlib.current import my_uthread, my_vcore
from parlib.mutex import Mutex
from parlib.sched import Blocked
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uthread import Uthread, uthread_yield
from pthread.clock import Clock


@struct
class CondVar:
    """Waiting for a condition that a mutex protects. Wake-ups may be spurious: wait in a loop."""

    inner: condvar.CondVar
    clock: Clock = Clock.MONOTONIC

    def wait(self, mutex: Mutex) -> None:
        """Release `mutex`, sleep until woken, take it again: nothing that is signalled in between is lost. A cancellation point."""
        request = Waiting(condition=self.inner, mutex=mutex)
        enter_wait(self.inner.guard, self.inner.waiters)
        uthread_yield(wait_block, addr_of(request))
        leave_wait()
        mutex.lock()
        test_cancel()

    @must_use
    def wait_until(self, mutex: Mutex, deadline_ns: u64) -> bool:
        """The same; false if `clock` had come to the deadline before."""
        request = TimedWaiting(
            condition=self.inner,
            mutex=mutex,
            wait=TimedWait(guard=self.inner.guard, queue=self.inner.waiters, uthread=my_uthread()),
        )
        begin_wait(request.wait, self.clock.to_monotonic(deadline_ns))
        enter_wait(self.inner.guard, self.inner.waiters)
        uthread_yield(timed_wait_block, addr_of(request))
        leave_wait()
        woken = end_wait(request.wait)
        mutex.lock()
        test_cancel()
        return woken

    def signal(self) -> None:
        self.inner.signal()

    def broadcast(self) -> None:
        self.inner.broadcast()


@struct
class Waiting:
    condition: Ref[condvar.CondVar]
    mutex: Ref[Mutex]


@struct
class TimedWaiting:
    condition: Ref[condvar.CondVar]
    mutex: Ref[Mutex]
    wait: TimedWait


def wait_block(uthread: Uthread, address: u64) -> None:
    request = at(Waiting, address)
    condition = request.condition
    mutex = request.mutex
    sched.current.has_blocked(uthread, Blocked.MUTEX)
    condition.guard.lock_on(my_vcore())
    waits = not is_cancelled(uthread)
    if waits:
        condition.waiters.enqueue(uthread)
    condition.guard.unlock_on()
    mutex.unlock()
    if not waits:
        sched.current.runnable(uthread)


def timed_wait_block(uthread: Uthread, address: u64) -> None:
    request = at(TimedWaiting, address)
    condition = request.condition
    mutex = request.mutex
    sched.current.has_blocked(uthread, Blocked.MUTEX)
    condition.guard.lock_on(my_vcore())
    waits = request.wait.join(uthread, is_cancelled(uthread))
    condition.guard.unlock_on()
    mutex.unlock()
    if not waits:
        sched.current.runnable(uthread)
