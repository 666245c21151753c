# SPDX-License-Identifier: LGPL-2.1-or-later
"""PdrLock: a spinlock that detects and recovers a preempted holder.

The word says which vcore holds it; a waiter never spins blindly, but sees to it that the holder runs. Notifications are off while it
is held, so a holder is never interrupted for events, and stays on its vcore. For uthreads and vcore context alike.
A critical section is short, does not block, makes no system call that may block, and touches populated memory only.
"""

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, atomic_section, begins_atomic, ends_atomic, must_use, struct, u32
from parlib.current import my_vcore
from parlib.sched import Blocked
from parlib.uthread import Uthread, park
from parlib.vcore import Vcore, disable_notifs, enable_notifs, relax_for

FREE: u32 = 0


@struct
class PdrLock:
    holder: Atomic[u32]                     # 1 + id of the vcore that holds it, or FREE

    @begins_atomic
    def lock(self) -> None:
        disable_notifs()
        self.lock_on(my_vcore())

    @ends_atomic
    def unlock(self) -> None:
        self.holder.store(FREE, order=RELEASE)  # pairs with every cas that takes it
        enable_notifs()

    @must_use
    @begins_atomic
    def try_lock(self) -> bool:
        disable_notifs()
        if self.holder.cas(FREE, my_vcore().id + 1):
            return True
        enable_notifs()
        return False

    @begins_atomic
    def lock_on(self, vcore: Vcore) -> None:
        """For callers with notifications off already, in vcore context: `vcore` is theirs."""
        if not self.holder.cas(FREE, vcore.id + 1, order=ACQUIRE):  # pairs with unlock and unlock_on
            self.wait_and_lock(vcore.id + 1)

    @ends_atomic
    def unlock_on(self) -> None:
        """Undo `lock_on`."""
        self.holder.store(FREE, order=RELEASE)

    def lock_to_park(self, vcore: Vcore) -> None:
        """`lock_on` of a thread that has pinned itself: it goes on by `park`, or by `unlock_on` and `unpin`. The compiler cannot see where
        this section ends, so it does not begin one: nothing in it may block."""
        if not self.holder.cas(FREE, vcore.id + 1, order=ACQUIRE):
            self.wait_and_lock(vcore.id + 1)

    def park(self, vcore: Vcore, uthread: Uthread, why: Blocked = Blocked.MUTEX) -> None:
        """The calling thread, which is where who holds this lock can find it, sleeps until one of them makes it runnable. The lock is
        released when the thread is saved, so that it may be run at once, and is not held on return. Undoes `lock_to_park` and `pin`."""
        park(vcore, uthread, self, why)

    def wait_and_lock(self, mine: u32) -> None:
        while True:
            holder = self.holder.load(order=RELAXED)  # only whom to help; the cas decides
            if holder != FREE:
                relax_for(holder - 1)
            elif self.holder.cas(FREE, mine, order=ACQUIRE):
                return

    @atomic_section
    def __enter__(self) -> "PdrLock":
        self.lock()
        return self

    def __exit__(self) -> None:
        self.unlock()
