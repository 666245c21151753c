# SPDX-License-Identifier: GPL-2.0-or-later
"""Counting semaphore: blocks the calling kernel thread, never the core.

Guarantees: each `up` lets exactly one `down` through; sleepers leave in FIFO order.
Locks: `lock` is a leaf and is taken with interrupts off, since `up` may run in a handler.
"""

from lang import i32, interrupt_context, must_use, struct
from kern.lib.queue import Queue
from kern.sync.kthread import Kthread, park, prepare_to_block, wake
from kern.sync.spinlock import SpinLock


@struct
class Semaphore:
    signals: i32                            # < 0: that many threads sleep in `waiters`
    lock: SpinLock
    waiters: Queue[Kthread]

    def down(self) -> None:
        """Take one signal; sleep until there is one. May block; may raise ENOMEM, and then took nothing."""
        kthread = prepare_to_block()
        with self.lock.irqs_off() as held:
            self.signals -= 1
            if self.signals < 0:
                self.waiters.push(kthread)
                park(kthread, releasing=held)

    @must_use
    def try_down(self) -> bool:
        """Take one signal if there is one. Never blocks."""
        with self.lock.irqs_off():
            if self.signals <= 0:
                return False
            self.signals -= 1
            return True

    @interrupt_context
    def up(self) -> None:
        """Give one signal, and wake the longest sleeper. Callable from interrupt handlers."""
        sleeper = self.take_one()
        # From here on the semaphore may be gone: it may stand on the sleeper's stack.
        if sleeper is not None:
            wake(sleeper)

    def take_one(self) -> Kthread | None:
        with self.lock.irqs_off():
            self.signals += 1
            return self.waiters.pop() if self.signals <= 0 else None
