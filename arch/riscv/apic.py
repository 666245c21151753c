# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts between cores, by the firmware, and what stands in for non-maskable ones, which this architecture does not have.

A request to stop, or to tell what a core does, is a flag of that core and an ordinary interrupt: a core that keeps interrupts off for good
does not answer it. No locks.
"""

from lang import Atomic, PerCore, struct, u64
from arch import cpu
from kern.debug.panic import handle_nmi


@struct(align=64)
class Requests:
    tell: Atomic[bool]                      # run handle_nmi


requests = PerCore[Requests]()
stopping = Atomic[bool](False)              # the next interrupt is for good


def send_vector(hart: u64) -> None:
    """Raise the software interrupt of a hart, this one too."""
    cpu.sbi_call(1, hart, 0, 0, cpu.SBI_IPI)


def stop_if_asked() -> None:
    """Does not return on a core that shall stop."""
    if stopping.load():
        cpu.halt_forever()


def serve_requests(pc: u64, frame: u64) -> None:
    """In the interrupt handler. `pc` and `frame`: what was interrupted."""
    stop_if_asked()
    if requests.mine.tell.swap(False):
        handle_nmi(pc, frame)
