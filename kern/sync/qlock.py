# SPDX-License-Identifier: GPL-2.0-or-later
"""QLock: a mutex that a thread may hold across a block. Waiters sleep, and get it in FIFO order.

    with qlock:
        …
Entering may raise ENOMEM, when it would have to sleep and there is no memory for a stack; it is then not held.
Locks: `lock` is a leaf. Not for interrupt handlers.
"""

from lang import must_use, sleeping_section, struct
from kern.lib.queue import Queue
from kern.sync.kthread import Kthread, park, prepare_to_block, wake
from kern.sync.spinlock import SpinLock


@struct
class QLock:
    lock: SpinLock
    held: bool
    waiters: Queue[Kthread]

    def acquire(self) -> None:
        """Take the lock; sleep until it is free. May block; may raise ENOMEM."""
        if self.try_acquire():
            return
        kthread = prepare_to_block()
        with self.lock.irqs_off() as inner:
            if not self.held:
                self.held = True
                return
            self.waiters.push(kthread)
            park(kthread, releasing=inner)  # the releaser has handed the lock over: `held` stayed True

    @must_use
    def try_acquire(self) -> bool:
        with self.lock.irqs_off():
            if self.held:
                return False
            self.held = True
            return True

    def release(self) -> None:
        """Give the lock to the longest waiter, or free it."""
        next = self.take_next()
        if next is not None:
            wake(next)

    def take_next(self) -> Kthread | None:
        with self.lock.irqs_off():
            assert self.held, "release of a QLock that is not held"
            next = self.waiters.pop()
            if next is None:
                self.held = False
            return next

    @sleeping_section
    def __enter__(self) -> "QLock":
        self.acquire()
        return self

    def __exit__(self) -> None:
        self.release()
