# SPDX-License-Identifier: LGPL-2.1-or-later
"""Condition variables as POSIX has them: those of parlib, whose waits are cancellation points, and with a clock for deadlines.

A thread that is cancelled while it waits has the mutex again when Cancelled is raised. One that was signalled before returns, whoever
cancels it on its way to the mutex: the signal is for those who wait with it, and would be lost.
"""

from lang import must_use, struct, u64
from parlib import condvar
from parlib.cancel import enter_wait, leave_wait, test_cancel
from parlib.current import my_uthread
from parlib.mutex import Mutex, RecursiveMutex
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.vcore import pin, unpin
from pthread.clock import Clock
from pthread.mutex import ErrorCheckMutex


@struct
class CondVar:
    """Waiting for a condition that a mutex protects. Wake-ups may be spurious: wait in a loop."""

    inner: condvar.CondVar
    clock: Clock = Clock.MONOTONIC

    def wait(self, mutex: Mutex) -> None:
        """Release `mutex`, sleep until woken, take it again: nothing that is signalled in between is lost. A cancellation point."""
        inner = self.inner
        uthread = my_uthread()
        cancel = uthread.cancel
        vcore = pin(uthread)
        inner.guard.lock_to_park(vcore)
        if enter_wait(cancel, inner.guard, inner.waiters):
            inner.waiters.enqueue(uthread)
            mutex.unlock()
            inner.guard.park(vcore, uthread)
            leave_wait(cancel)
            mutex.lock()
            if cancel.broken:
                test_cancel()
            return
        inner.guard.unlock_on()
        unpin(uthread, vcore)
        leave_wait(cancel)
        test_cancel()

    @must_use
    def wait_until(self, mutex: Mutex, deadline_ns: u64) -> bool:
        """The same; false if `clock` had come to the deadline before."""
        inner = self.inner
        cancel = my_uthread().cancel
        wait = TimedWait(guard=inner.guard, queue=inner.waiters, uthread=my_uthread())
        vcore = begin_wait(wait, self.clock.to_monotonic(deadline_ns))
        cancelled = not enter_wait(cancel, inner.guard, inner.waiters)
        mutex.unlock()
        wait.sleep(vcore, cancelled)
        leave_wait(cancel)
        woken = end_wait(wait)
        mutex.lock()
        if cancelled or cancel.broken:
            test_cancel()
        return woken

    def wait_checked(self, mutex: ErrorCheckMutex) -> None:
        """`wait` with one that checks errors. Raises EPERM if the caller does not have it."""
        mutex.give_up()
        try:
            self.wait(mutex.inner)
        finally:
            mutex.take()

    @must_use
    def wait_checked_until(self, mutex: ErrorCheckMutex, deadline_ns: u64) -> bool:
        mutex.give_up()
        try:
            return self.wait_until(mutex.inner, deadline_ns)
        finally:
            mutex.take()

    def wait_recursive(self, mutex: RecursiveMutex) -> None:
        """`wait` with a recursive one: however often it is locked, all of it is released, and taken again."""
        count = mutex.give_up()
        try:
            self.wait(mutex.mutex)
        finally:
            mutex.take_again(count)

    @must_use
    def wait_recursive_until(self, mutex: RecursiveMutex, deadline_ns: u64) -> bool:
        count = mutex.give_up()
        try:
            return self.wait_until(mutex.mutex, deadline_ns)
        finally:
            mutex.take_again(count)

    def signal(self) -> None:
        self.inner.signal()

    def broadcast(self) -> None:
        self.inner.broadcast()
