# SPDX-License-Identifier: LGPL-2.1-or-later
"""Taking the uthread of a preempted vcore, while the kernel may start that vcore again at any moment.

UTHREAD_STEALING, in the vcore's flags, keeps the two apart: who steals sets it and then looks once more whether the vcore is preempted
still; a vcore that starts, which is no longer marked as preempted, waits until it is clear. So either the thief sees that the vcore runs
again, or the vcore waits for the thief. Nobody changes the flags while the kernel does (K_LOCK).
"""

from enum import Enum, auto

from lang import SEQ_CST, Ref, assign, fence, must_use, pause, struct, u32
from kern.abi.proc import VcorePreemptData
from parlib.uthread import BY_KERNEL, Uthread
from parlib.vcore import Vcore

K_LOCK: u32 = 1                             # VcoreFlag.K_LOCK, ...
PREEMPTED: u32 = 2
STEALING: u32 = 8
NOT_STEALING: u32 = 0xFFFF_FFF7


class Recovery(u32, Enum):
    BUSY = auto()                           # somebody else is at it
    MUST_RUN = auto()                       # the thread must not migrate: the vcore has to run
    DONE = auto()                           # the thread is the caller's, or there was none, or the vcore runs again


@struct
class Stolen:
    uthread: Ref[Uthread] | None


def settled_flags(data: VcorePreemptData) -> u32:
    """The vcore's flags, at a moment when the kernel is not changing its state."""
    while True:
        flags = data.flags.load()
        if flags & K_LOCK == 0:
            return flags
        pause()


def is_being_stolen_from(data: VcorePreemptData) -> bool:
    """For a vcore that has just started: whether it has to wait."""
    return data.flags.load() & STEALING != 0


def recover_uthread(theirs: Vcore, data: VcorePreemptData, stolen: Stolen) -> Recovery:
    """Take the thread that a preempted vcore was running, saved, into `stolen`."""
    if not start_stealing(data):
        return Recovery.BUSY
    result = Recovery.DONE
    if settled_flags(data) & PREEMPTED != 0 and data.notif_disabled.load() == 0:
        uthread = theirs.current
        if uthread is not None and uthread.dont_migrate.load() != 0:
            result = Recovery.MUST_RUN
        elif uthread is not None:
            theirs.current = None
            assign(uthread.ctx, data.uthread_ctx)
            assign(uthread.fp, data.preempt_anc)
            uthread.saved = BY_KERNEL
            stolen.uthread = uthread
    fence(SEQ_CST)                          # all copies before STEALING is lowered: pairs with is_being_stolen_from
    data.flags.and_(NOT_STEALING)
    return result


@must_use
def start_stealing(data: VcorePreemptData) -> bool:
    while True:
        flags = settled_flags(data)
        if flags & STEALING != 0:
            return False
        if data.flags.cas(flags, flags | STEALING):
            return True
