# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: the only vcore of a process is taken, by a message to the core."""

from lang import addr_of, at, u32, u64
from kern.abi.proc import ProcState
from kern.core import alloc
from kern.core.current import clear_owning_proc
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.proc.proc import Proc


def preempt_core(p: Proc, pcoreid: u32, grace_usec: u64) -> bool:
    with p.lock:
        if not p.is_in(ProcState.RUNNING_M):
            return False
        send_routine(pcoreid, preempt_here, addr_of(p), 0, 0)
        p.num_vcores = 0
        p.set_state(ProcState.RUNNABLE_M)
    alloc.put_idle(p, pcoreid)
    return True


def preempt_here(address: u64, a1: u64, a2: u64) -> None:
    owner = core.mine.owning_proc
    assert owner is not None and owner is at(Proc, address), "preempt message on a core of somebody else"
    clear_owning_proc()
