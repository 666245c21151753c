# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: which address space is loaded is noted; there is one. The core has a reference, as the real one."""

from kern.core.percore import core
from kern.proc.proc import Proc, proc_get, proc_put


def current_proc() -> Proc | None:
    return core.mine.cur_proc


def enter_address_space(p: Proc) -> None:
    old = core.mine.cur_proc
    if old is not None and old is p:
        return
    proc_get(p)
    core.mine.cur_proc = p
    if old is not None:
        proc_put(old)


def leave_address_space() -> None:
    old = core.mine.cur_proc
    core.mine.cur_proc = None
    if old is not None:
        proc_put(old)


def switch_to(p: Proc) -> Proc | None:
    old = core.mine.cur_proc
    if old is not None:
        proc_get(old)
    enter_address_space(p)
    return old


def switch_back(old: Proc | None) -> None:
    if old is None:
        leave_address_space()
        return
    enter_address_space(old)
    proc_put(old)
