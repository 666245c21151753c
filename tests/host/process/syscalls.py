# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: system calls of a process, straight to the kernel's own code behind them; they are done at once."""

from lang import Error, Uaddr, addr_of, assign, at, i32, u16, u32, u64
from kern.abi.errno import Errno
from kern.abi.event import EventMsg
from kern.abi.proc import Resource
from kern.abi.syscall import Syscall
from kern.core.kmsg import run_routines, send_routine
from kern.core.percore import core
from kern.event.notify import notify_here
from kern.event.send import post_vcore_event
from kern.proc.yield_ import give_up


def submit_vc_entry(call: Syscall) -> None:
    p = core.mine.owning_proc
    if p is not None:
        send_routine(core.mine.core_id, notify_here, addr_of(p), 0, 0)
    run_routines(core.mine.core_id)
    call.flags.store(u32(1))


def submit_proc_yield(call: Syscall, being_nice: bool) -> None:
    """If the vcore goes, this does not return: the error ends what the thread of the host does as this vcore."""
    p = core.mine.owning_proc
    call.flags.store(u32(1))
    if p is not None and give_up(p, core.mine.owning_vcoreid, being_nice):
        core.mine.owning_proc = None
        raise Error(Errno.ESRCH, "the vcore has left its core")


def submit_poke_ksched(call: Syscall, pid: i32, kind: Resource) -> None:
    call.flags.store(u32(1))


def submit_change_vcore(call: Syscall, vcoreid: u32, enable_my_notif: bool) -> None:
    """Not without a stack to leave: see the scenario that needs it."""
    call.err = u32(Errno.EINVAL)
    call.flags.store(u32(1))


def submit_self_notify(call: Syscall, vcoreid: u32, ev_type: u32, msg: Uaddr, private: bool) -> None:
    p = core.mine.owning_proc
    if p is not None:
        event = EventMsg()
        assign(event, at(EventMsg, msg))
        event.ev_type = u16(ev_type)
        try:
            post_vcore_event(p, vcoreid, event, private)
        except Error as e:
            call.err = u32(e.errno)
    call.flags.store(u32(1))


def submit_munmap(call: Syscall, address: Uaddr, length: u64) -> None:
    call.flags.store(u32(1))
