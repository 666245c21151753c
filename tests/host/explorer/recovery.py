# SPDX-License-Identifier: GPL-2.0-or-later
"""Recovering the uthread of a preempted vcore while the kernel takes that vcore, and starts it again: exactly one runs it, with its state.

user/parlib/stealing.py is the real one; the kernel's two steps are as kern/proc/preempt.py and kern/proc/run.py make them.
"""

from lang import Atomic, pause, struct, u32, u64
from kern.abi.proc import VcorePreemptData
from parlib.stealing import Recovery, Stolen, is_being_stolen_from, recover_uthread
from parlib.uthread import Uthread
from parlib.vcore import Vcore

K_LOCK: u32 = 1
PREEMPTED: u32 = 2
CAN_RCV_MSG: u32 = 4
SAVED_ID: u64 = 77


@struct
class Recovering:
    """One vcore is taken and given back; two others hear that it was taken."""

    data: VcorePreemptData
    theirs: Vcore
    uthread: Uthread
    runs: Atomic[u32]
    PREEMPTIONS = 3
    STALE_READS = 1

    def setup(self) -> None:
        self.theirs.current = self.uthread
        self.data.flags.store(K_LOCK)

    def run(self, id: u64) -> None:
        assert id == SAVED_ID, "a thread runs without its state"
        assert self.runs.add(1) == 0, "a thread runs twice"

    def thread_kernel(self) -> None:
        """The end of a preemption, and the start of the same vcore on another core, where it enters vcore context."""
        self.data.uthread_ctx.fault_address = SAVED_ID
        self.data.flags.or_(PREEMPTED)
        self.data.flags.and_(~K_LOCK)
        self.data.flags.and_(~PREEMPTED)
        self.data.flags.or_(CAN_RCV_MSG)
        self.data.notif_disabled.store(1)
        while is_being_stolen_from(self.data):
            pause()
        if self.theirs.current is not None:
            self.run(self.data.uthread_ctx.fault_address)
            self.data.notif_disabled.store(0)  # it has left vcore context, and looks as it did when it was preempted

    def hear(self) -> None:
        stolen = Stolen()
        if recover_uthread(self.theirs, self.data, stolen) == Recovery.DONE:
            uthread = stolen.uthread
            if uthread is not None:
                self.run(uthread.ctx.fault_address)

    def thread_one(self) -> None:
        self.hear()

    def thread_two(self) -> None:
        self.hear()

    def check(self) -> None:
        assert self.runs.load() == 1, "a thread is lost"
