# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: contexts are nobody's business here."""

from kern.core.current import clear_owning_proc
from kern.proc.proc import RUNNABLE, RUNNING, Proc


def deschedule_scp(p: Proc) -> bool:
    if p.state.load() != RUNNING:
        return False
    p.cores.sub(1)
    p.state.store(RUNNABLE)
    clear_owning_proc()
    return True
