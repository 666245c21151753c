# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a 2LS that never has a thread to run."""

from lang import struct, u32
from parlib.uthread import Uthread


@struct
class Scheduler:
    asked: u32

    def runnable(self, uthread: Uthread) -> None:
        """There is no thread that could be."""

    def paused(self, uthread: Uthread) -> None:
        """Nor one that was interrupted."""

    def has_work(self) -> bool:
        return False


current = Scheduler()
