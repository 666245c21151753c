# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: there is one address space. Who owns a core is kept."""

from lang import u32
from kern.core.percore import NO_VCORE, core
from kern.proc.proc import Proc


def switch_to(p: Proc) -> Proc | None:
    return None


def switch_back(old: Proc | None) -> None:
    pass


def set_owning_proc(p: Proc, vcoreid: u32) -> None:
    core.mine.owning_proc = p
    core.mine.owning_vcoreid = vcoreid


def clear_owning_proc() -> None:
    core.mine.owning_proc = None
    core.mine.owning_vcoreid = NO_VCORE
    core.mine.cur_ctx = None
