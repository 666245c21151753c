# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a process that is woken is runnable, and no core comes of it."""

from lang import Atomic, struct, u32, u64
from kern.abi.proc import ProcState
from kern.proc.proc import Proc


@struct
class SchedEntry:
    seen: u64


woken = Atomic[u64](0)


def wakeup(p: Proc) -> None:
    with p.lock:
        if p.is_in(ProcState.WAITING):
            p.set_state(ProcState.RUNNABLE_M if p.is_mcp else ProcState.RUNNABLE_S)
            woken.add(1)


def put_idle_core(p: Proc, pcoreid: u32) -> None:
    pass
