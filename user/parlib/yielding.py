# SPDX-License-Identifier: LGPL-2.1-or-later
"""Giving a core back, and answering the kernel's warning that it will take one."""

from typing import Callable, NoReturn

from lang import addr_of, pause, u16, u32
from kern.abi.event import EventMsg, EventType
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.control import control
from parlib.entry import vcore_reentered, vcore_restarted
from parlib.event import handle_events
from parlib.machine import jump_to_stack
from parlib.request import vcore_request_total, want_one_less
from parlib.uthread import pause_current
from parlib.vcore import Vcore, is_mcp, notify_self, num_vcores, vcores, wait_spinning
from syscalls import submit_halt_core, submit_proc_yield

CAN_RCV_MSG: u32 = 4                        # VcoreFlag.CAN_RCV_MSG
ALL_BUT_CAN_RCV: u32 = 0xFFFF_FFFB


def vcore_yield(vcore: Vcore, for_preemption: bool) -> None:
    """Give this core back, or the time until the next event if the process is an SCP. Returns if there was something to do,
    or if the kernel refused; an SCP also returns when it is woken."""
    if control.never_yield and not for_preemption and is_mcp():
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
            vcore_request_total(num_vcores())
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
    sched.current.preempt_pending(vcore)
    pause_current(vcore)
    while vcore.map.preempt_pending.load() != 0:
        vcore_yield(vcore, True)
        pause()


# -- other ways to be idle, for 2LSs ----------------------------------------------------------------------------------
def vcore_yield_or_restart(vcore: Vcore) -> NoReturn:
    """Give the core back, or begin vcore context anew: for callers that have nothing to return to."""
    vcore_yield(vcore, False)
    vcore_restart(vcore)


def vcore_idle(vcore: Vcore) -> NoReturn:
    """Keep the core, halted, until a message or `vcore_wake` comes; then vcore context begins anew. In an SCP: give it up until then."""
    if handle_events(vcore) == 0:
        if is_mcp():
            call = Syscall()
            submit_halt_core(call, 0)
            wait_spinning(call)
        else:
            vcore_yield(vcore, False)
    vcore_restart(vcore)


def vcore_wake(vcoreid: u32, interrupt: bool) -> None:
    """Have a vcore go through vcore context before it runs a thread the next time; with `interrupt` at once, halted or not."""
    vcores[vcoreid].data.notif_pending.store(u32(1))
    if interrupt:
        notify_self(vcoreid, EventMsg(ev_type=u16(EventType.NONE)), True)


def vcore_restart(vcore: Vcore) -> NoReturn:
    """Begin vcore context anew, as after an entry from the kernel."""
    jump_to_stack(vcore.stack_top, addr_of(vcore_restarted), addr_of(vcore))


def vcore_reenter(vcore: Vcore, function: Callable[[Vcore], None]) -> NoReturn:
    """Call `function` at the top of the stack, then begin vcore context anew."""
    vcore.reenter = function
    jump_to_stack(vcore.stack_top, addr_of(vcore_reentered), addr_of(vcore))
