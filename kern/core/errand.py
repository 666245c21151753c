# SPDX-License-Identifier: GPL-2.0-or-later
"""Errands: what cores are to do soon, however often they are asked meanwhile.

Asked for again before a core has come by, it is done there once, after the last who asked; so askers, however many and whoever they are,
take no memory. It is done as a routine message, with interrupts off.
Of all cores it is asked without disturbing those that a many-core process holds: such a core does it on its way back to the process, when
that next enters the kernel.
No locks but the message queues'.
"""

from typing import Callable

from lang import Array, Atomic, addr_of, array, at, struct, u32, u64
from arch import smp
from kern.abi.proc import MAX_CORES
from kern.core.kmsg import Kmsg, leave_routine, post_routine
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

    def ask(self, target: u32) -> None:
        """Have one core do it, this one or another, which is interrupted for it. What was stored before is seen there."""
        if self.is_first_to_ask(target):
            post_routine(target, self.stops[target].message)

    def ask_others(self) -> None:
        """Have every core that runs do it, but this one. The caller stays on its core."""
        for target in range(u32(0), smp.core_count()):
            if target != core.mine.core_id and self.is_first_to_ask(target):
                leave_routine(target, self.stops[target].message)

    def is_first_to_ask(self, target: u32) -> bool:
        """Whether no message is on its way to that core. Then there is one to be sent."""
        stop = self.stops[target]
        if stop.asked.swap(True):           # pairs with do_errand
            return False
        stop.message.routine = do_errand
        stop.message.a0 = addr_of(self)
        return True


def do_errand(address: u64, unused1: u64, unused2: u64) -> None:
    errand = at(Errand, address)
    # First: who asks from now on wants it done once more, and who found it asked is seen.
    errand.stops[core.mine.core_id].asked.store(False)
    errand.fn()
