# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counting semaphore for uthreads: each `up` lets exactly one `down` through. All zero is an empty one."""

from lang import must_use, struct, u64
from parlib import sched
from parlib.current import my_uthread, my_vcore
from parlib.pdr import PdrLock
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.vcore import disable_notifs, enable_notifs, pin, unpin


@struct
class Semaphore:
    """`Semaphore(count=n)` begins with n."""

    count: u64
    guard: PdrLock
    waiters: UthSync

    def down(self) -> None:
        uthread = my_uthread()
        vcore = pin(uthread)
        self.guard.lock_to_park(vcore)
        if self.take_one():
            self.guard.unlock_on()
            unpin(uthread, vcore)
            return
        self.waiters.enqueue(uthread)
        self.guard.park(vcore, uthread)

    def take_one(self) -> bool:
        """Caller holds: `guard`."""
        if self.count == 0:
            return False
        self.count -= 1
        return True

    @must_use
    def try_down(self) -> bool:
        with self.guard:
            return self.take_one()

    @must_use
    def down_until(self, deadline_ns: u64) -> bool:
        """False if there was none by then (`now_ns`)."""
        if self.try_down():
            return True
        wait = TimedWait(guard=self.guard, queue=self.waiters, uthread=my_uthread())
        vcore = begin_wait(wait, deadline_ns)
        wait.sleep(vcore, not wait.expired and self.take_one())
        return end_wait(wait)

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
