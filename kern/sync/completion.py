# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion: wait until so many pieces of work have been reported done.

Locks: the condition variable's.
"""

from lang import i64, interrupt_context, struct
from kern.sync.condvar import CondVar


@struct
class Completion:
    cv: CondVar
    left: i64

    def expect(self, count: i64) -> None:
        """Add `count` pieces to wait for."""
        with self.cv.lock.irqs_off():
            self.left += count

    @interrupt_context
    def done(self) -> None:
        """Report one piece. Callable from interrupt handlers."""
        with self.cv.lock.irqs_off():
            self.left -= 1
            if self.left <= 0:
                self.cv.broadcast()

    def wait(self) -> None:
        """Sleep until nothing is left. May block; may raise ENOMEM."""
        with self.cv.lock.irqs_off() as held:
            while self.left > 0:
                self.cv.wait(held)
