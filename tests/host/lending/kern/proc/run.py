# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: contexts are nobody's business here."""

from kern.abi.proc import ProcState
from kern.core.current import clear_owning_proc
from kern.core.percore import core
from kern.proc.proc import Proc


def take_core(p: Proc) -> None:
    assert core.mine.owning_proc is None, "two have the core"
    core.mine.owning_proc = p
    p.turns += 1


def run_s(p: Proc) -> bool:
    with p.lock:
        if not p.is_in(ProcState.RUNNABLE_S):
            return False
        p.set_state(ProcState.RUNNING_S)
        take_core(p)
    return True


def deschedule_scp(p: Proc) -> bool:
    with p.lock:
        if not p.is_in(ProcState.RUNNING_S):
            return False
        p.set_state(ProcState.RUNNABLE_S)
        clear_owning_proc()
    return True
