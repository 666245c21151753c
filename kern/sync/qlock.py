# SPDX-License-Identifier: GPL-2.0-or-later
"""QLock: a mutex that a thread may hold across a block. Waiters sleep, and get it in FIFO order.

    with qlock:
        …
Entering may raise ENOMEM, when it would have to sleep and there is no memory for a stack; it is then not held.
Locks: `lock` is a leaf. Not for interrupt handlers.
"""

from lang import CHECKED, addr_of, artificial, must_use, sleeping_section, struct
from kern.lib.queue import Queue
from kern.sync.kthread import Kthread, current_kthread, park, prepare_to_block, wake
from kern.sync.lockcheck import before_qlock, got_qlock, lost_qlock
from kern.sync.spinlock import SpinLock


@struct
class QLock:
    lock: SpinLock
    held: bool
    waiters: Queue[Kthread]

    @artificial
    def acquire(self) -> None:
        """Take the lock; sleep until it is free. May block; may raise ENOMEM."""
        if CHECKED:
            before_qlock(current_kthread().qlocks, addr_of(self))
        if self.try_acquire():
            return
        kthread = prepare_to_block()
        with self.lock.irqs_off() as inner:
            if self.held:
                kthread.sleeps_on("sleeping lock", addr_of(self))
                self.waiters.push(kthread)
                park(kthread, releasing=inner)  # the releaser has handed the lock over: `held` stayed True
            self.held = True
        if CHECKED:
            got_qlock(kthread.qlocks, addr_of(self))

    @artificial
    @must_use
    def try_acquire(self) -> bool:
        with self.lock.irqs_off():
            if self.held:
                return False
            self.held = True
        if CHECKED:
            got_qlock(current_kthread().qlocks, addr_of(self))
        return True

    @artificial
    def release(self) -> None:
        """Give the lock to the longest waiter, or free it."""
        if CHECKED:
            lost_qlock(current_kthread().qlocks, addr_of(self))
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
    @artificial
    def __enter__(self) -> "QLock":
        self.acquire()
        return self

    @artificial
    def __exit__(self) -> None:
        self.release()
