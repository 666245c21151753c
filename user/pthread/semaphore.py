# SPDX-License-Identifier: LGPL-2.1-or-later
"""POSIX semaphores, unnamed: sem_init, sem_wait, sem_trywait, sem_timedwait, sem_post, sem_getvalue, as methods. Named ones there are none
(sem_open answers ENOSYS): nothing is shared between processes.
"""

from lang import Errno, Error, addr_of, at, must_use, struct, u64
from parlib import sched, semaphore
from parlib.cancel import enter_wait, is_cancelled, leave_wait, test_cancel
from parlib.current import my_vcore
from parlib.sched import Blocked
from parlib.semaphore import take_one
from parlib.uthread import Uthread, uthread_yield
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
        if self.inner.try_down():
            return
        enter_wait(self.inner.guard, self.inner.waiters)
        uthread_yield(wait_block, addr_of(self))
        if leave_wait():
            test_cancel()

    @must_use
    def try_wait(self) -> bool:
        return self.inner.try_down()

    @must_use
    def wait_until(self, deadline_ns: u64, clock: Clock = Clock.REALTIME) -> bool:
        """False if there was none by then."""
        test_cancel()
        return self.inner.down_until(clock.to_monotonic(deadline_ns))

    def post(self) -> None:
        """Raises EOVERFLOW."""
        if self.inner.count >= MAX_VALUE:
            raise Error(Errno.EOVERFLOW, "a semaphore has its largest value")
        self.inner.up()

    @property
    def value(self) -> u64:
        return self.inner.count


def wait_block(uthread: Uthread, address: u64) -> None:
    inner = at(Sem, address).inner
    sched.current.has_blocked(uthread, Blocked.MUTEX)
    inner.guard.lock_on(my_vcore())
    waits = not is_cancelled(uthread) and not take_one(inner)
    if waits:
        inner.waiters.enqueue(uthread)
    inner.guard.unlock_on()
    if not waits:
        sched.current.runnable(uthread)


def sem_open(name: str) -> None:
    """Always raises ENOSYS."""
    raise Error(Errno.ENOSYS, f"no semaphore is shared by the name {name}")
