# SPDX-License-Identifier: GPL-2.0-or-later
"""Condition variable: wait, in a loop and under a lock, until something has become true.

    with cv.lock.irqs_off() as held:
        while not ready:
            cv.wait(held)
`cv.lock` is there for the caller to use; any other lock does as well, if it is always the same one for this variable.
It is taken with interrupts off, so that handlers may signal. Waiters leave in FIFO order; a wait may end for no reason.
Locks: the caller's, which guards `waiters` too.
"""

from lang import addr_of, struct
from kern.core.percore import core
from kern.lib.queue import Queue
from kern.sync.kthread import Kthread, current_kthread, park, prepare_to_block, wake
from kern.sync.spinlock import IrqsOffLock, SpinLock


@struct
class CondVar:
    lock: SpinLock
    waiters: Queue[Kthread]

    def wait(self, held: IrqsOffLock) -> None:
        """Sleep until signalled. `held` is dropped meanwhile, and held again on return. May raise ENOMEM, holding it."""
        if core.mine.spare is None:
            # Making a spare may take a while and fail, so not under the lock. The caller then looks at its
            # condition again, since a signal may have come by.
            held.drop()
            try:
                prepare_to_block()
            finally:
                held.retake()
            return
        kthread = current_kthread()
        kthread.sleeps_on("condition variable", addr_of(self))
        self.waiters.push(kthread)
        park(kthread, releasing=held)

    def signal(self) -> None:
        """Wake the longest waiter. Caller holds: the lock."""
        kthread = self.waiters.pop()
        if kthread is not None:
            wake(kthread)

    def broadcast(self) -> None:
        """Wake everybody. Caller holds: the lock."""
        while (kthread := self.waiters.pop()) is not None:
            wake(kthread)

    def lock_and_broadcast(self) -> None:
        """Wake everybody who waits under `cv.lock`."""
        with self.lock.irqs_off():
            self.broadcast()
