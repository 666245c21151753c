# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a 2LS that notes which threads were woken, and whether the calls that they waited for were over."""

from lang import ACQUIRE, Atomic, struct, u32
from parlib.uthread import Uthread

DONE: u32 = 1

woken = Atomic[u32](0)  # a bit for each thread, by its number


@struct
class Scheduler:
    asked: u32

    def runnable(self, uthread: Uthread) -> None:
        call = uthread.sysc
        assert call is not None and call.flags.load(order=ACQUIRE) & DONE != 0, "a thread is woken before its call is over"
        bit = u32(1) << uthread.id
        assert woken.or_(bit) & bit == 0, "a thread is woken twice"

    def paused(self, uthread: Uthread) -> None:
        """It is not run."""

    def has_work(self) -> bool:
        return False


current = Scheduler()
