# SPDX-License-Identifier: LGPL-2.1-or-later
"""POSIX semaphores, unnamed: sem_init, sem_wait, sem_trywait, sem_timedwait, sem_post, sem_getvalue, as methods. Named ones there are none
(sem_open answers ENOSYS): nothing is shared between processes.
"""

from lang import Errno, Error, must_use, struct, u64
from parlib import semaphore
from parlib.cancel import enter_wait, leave_wait, test_cancel
from parlib.current import my_uthread
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.vcore import pin, unpin
from pthread.clock import Clock

MAX_VALUE: u64 = 0x7FFF_FFFF


@struct
class Sem:
    """All zero is one of value 0."""

    inner: semaphore.Semaphore

    def init(self, value: u64) -> None:
        """Before anybody uses it. Raises EINVAL."""
        if value > MAX_VALUE:
            raise Error(Errno.EINVAL, f"no semaphore has the value {value}")
        self.inner.count = value

    def wait(self) -> None:
        """Take one, or sleep until there is one. A cancellation point."""
        test_cancel()
        inner = self.inner
        uthread = my_uthread()
        cancel = uthread.cancel
        vcore = pin(uthread)
        inner.guard.lock_to_park(vcore)
        waits = not inner.take_one()
        if waits and enter_wait(cancel, inner.guard, inner.waiters):
            inner.waiters.enqueue(uthread)
            inner.guard.park(vcore, uthread)
            leave_wait(cancel)
            if cancel.broken:
                test_cancel()
            return
        inner.guard.unlock_on()
        unpin(uthread, vcore)
        if waits:
            leave_wait(cancel)
            test_cancel()

    @must_use
    def try_wait(self) -> bool:
        return self.inner.try_down()

    @must_use
    def wait_until(self, deadline_ns: u64, clock: Clock = Clock.REALTIME) -> bool:
        """False if there was none by then. A cancellation point."""
        test_cancel()
        inner = self.inner
        if inner.try_down():
            return True
        cancel = my_uthread().cancel
        wait = TimedWait(guard=inner.guard, queue=inner.waiters, uthread=my_uthread())
        vcore = begin_wait(wait, clock.to_monotonic(deadline_ns))
        taken = not wait.expired and inner.take_one()
        cancelled = not taken and not enter_wait(cancel, inner.guard, inner.waiters)
        wait.sleep(vcore, taken or cancelled)
        if not taken:
            leave_wait(cancel)
        woken = end_wait(wait)
        if not taken and (cancelled or cancel.broken):
            test_cancel()
        return woken

    def post(self) -> None:
        """Raises EOVERFLOW."""
        if self.inner.count >= MAX_VALUE:
            raise Error(Errno.EOVERFLOW, "a semaphore has its largest value")
        self.inner.up()

    @property
    def value(self) -> u64:
        return self.inner.count


def sem_open(name: str) -> None:
    """Always raises ENOSYS."""
    raise Error(Errno.ENOSYS, f"no semaphore is shared by the name {name}")
