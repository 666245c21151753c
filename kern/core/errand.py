# SPDX-License-Identifier: GPL-2.0-or-later
"""Errands: what every core is to do soon, but not so soon that those would be disturbed which a process holds.

A core that a many-core process holds does it on its way back to the process, when that next enters the kernel; the others are interrupted
for it. Asked for again before a core has come by, it is done there once. It is done as a routine message, with interrupts off.
No locks but the message queues'.
"""

from typing import Callable

from lang import Array, Atomic, addr_of, array, at, struct, u32, u64
from arch import smp
from kern.abi.proc import MAX_CORES
from kern.core.kmsg import Kmsg, leave_routine
from kern.core.percore import core


@struct
class Stop:
    """An errand on one core."""

    asked: Atomic[bool]                     # ... and not done yet
    message: Kmsg


@struct
class Errand:
    """`fn` must stand before anybody asks."""

    fn: Callable[[], None]
    stops: Array[Stop] = array(MAX_CORES)

    def ask_others(self) -> None:
        """Have every core that runs do it, but this one. The caller stays on its core."""
        for target in range(u32(0), smp.core_count()):
            stop = self.stops[target]
            if target != core.mine.core_id and not stop.asked.swap(True):
                stop.message.routine = do_errand
                stop.message.a0 = addr_of(self)
                leave_routine(target, stop.message)


def do_errand(address: u64, unused1: u64, unused2: u64) -> None:
    errand = at(Errand, address)
    # First: who asks from now on wants it done once more.
    errand.stops[core.mine.core_id].asked.store(False)
    errand.fn()
