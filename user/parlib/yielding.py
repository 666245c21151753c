# SPDX-License-Identifier: LGPL-2.1-or-later
"""Giving a core back, and answering the kernel's warning that it will take one."""

from lang import pause, u32
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.event import handle_events
from parlib.uthread import take_current
from parlib.vcore import Vcore, is_mcp, num_vcores, request_vcores, wait_spinning, want_one_less
from syscalls import submit_proc_yield

CAN_RCV_MSG: u32 = 4                        # VcoreFlag.CAN_RCV_MSG
ALL_BUT_CAN_RCV: u32 = 0xFFFF_FFFB

never_yield: bool = False


def keep_vcores(keep: bool) -> None:
    """With True idle vcores are not given back, except when the kernel warns."""
    global never_yield
    never_yield = keep


def vcore_yield(vcore: Vcore, for_preemption: bool) -> None:
    """Give this core back, or the time until the next event if the process is an SCP. Returns if there was something to do,
    or if the kernel refused; an SCP also returns when it is woken."""
    if never_yield and not for_preemption and is_mcp():
        pause()
        return
    flags = vcore.data.flags
    # From here on senders look for another vcore; what they have sent before is handled now.
    flags.and_(ALL_BUT_CAN_RCV)
    if handle_events(vcore) > 0:
        flags.or_(CAN_RCV_MSG)
        return
    if is_mcp() and not for_preemption:
        want_one_less()
        # Who makes a thread ready looks at what we want after that; so we look for threads after changing it.
        if sched.current.has_work():
            request_vcores(num_vcores())
            flags.or_(CAN_RCV_MSG)
            return
    call = Syscall()
    submit_proc_yield(call, for_preemption)
    wait_spinning(call)
    flags.or_(CAN_RCV_MSG)


def answer_preemption(vcore: Vcore) -> None:
    """The kernel said that it will take this core: put the thread away, and go before the deadline."""
    if vcore.map.preempt_pending.load() == 0:
        return
    uthread = vcore.current
    if uthread is not None:
        take_current(vcore, uthread)
        sched.current.paused(uthread)
    while vcore.map.preempt_pending.load() != 0:
        vcore_yield(vcore, True)
        pause()
