# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counting semaphore for uthreads: each `up` lets exactly one `down` through. All zero is an empty one."""

from lang import RELAXED, Ref, addr_of, at, atomic, must_use, struct, u64
from parlib import sched
from parlib.current import my_uthread, my_vcore
from parlib.pdr import PdrLock
from parlib.sched import Blocked
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.vcore import disable_notifs, enable_notifs
from parlib.uthread import Uthread, uthread_yield


@struct
class Semaphore:
    """`Semaphore(count=n)` begins with n."""

    count: u64
    guard: PdrLock
    waiters: UthSync

    def down(self) -> None:
        # A look without the lock: if there seems to be none, the thread is on its way to sleep when it looks again.
        if atomic(self.count).load(order=RELAXED) == 0 or not self.try_down():
            uthread_yield(semaphore_block, addr_of(self))

    @must_use
    def try_down(self) -> bool:
        with self.guard:
            taken = self.count > 0
            if taken:
                self.count -= 1
        return taken

    @must_use
    def down_until(self, deadline_ns: u64) -> bool:
        """False if there was none by then (`now_ns`)."""
        if self.try_down():
            return True
        request = SemaphoreWait(semaphore=self, wait=TimedWait(guard=self.guard, queue=self.waiters, uthread=my_uthread()))
        begin_wait(request.wait, deadline_ns)
        uthread_yield(semaphore_block_timed, addr_of(request))
        return end_wait(request.wait)

    def up(self) -> None:
        disable_notifs()                    # once for the guard and for the 2LS' lock
        self.guard.lock_on(my_vcore())
        uthread = self.waiters.get_next()
        if uthread is None:
            self.count += 1
        self.guard.unlock_on()
        if uthread is not None:
            sched.current.runnable(uthread)
        enable_notifs()


@struct
class SemaphoreWait:
    semaphore: Ref[Semaphore]
    wait: TimedWait


def take_one(semaphore: Semaphore) -> bool:
    """Caller holds: `guard`."""
    if semaphore.count == 0:
        return False
    semaphore.count -= 1
    return True


def semaphore_block(uthread: Uthread, address: u64) -> None:
    semaphore = at(Semaphore, address)
    sched.note_blocked(uthread, Blocked.MUTEX)
    semaphore.guard.lock_on(my_vcore())
    taken = take_one(semaphore)
    if not taken:
        semaphore.waiters.enqueue(uthread)
    semaphore.guard.unlock_on()
    if taken:
        sched.current.runnable(uthread)


def semaphore_block_timed(uthread: Uthread, address: u64) -> None:
    request = at(SemaphoreWait, address)
    semaphore = request.semaphore
    sched.note_blocked(uthread, Blocked.MUTEX)
    semaphore.guard.lock_on(my_vcore())
    waits = request.wait.join(uthread, not request.wait.expired and take_one(semaphore))
    semaphore.guard.unlock_on()
    if not waits:
        sched.current.runnable(uthread)
