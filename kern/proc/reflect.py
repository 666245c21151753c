# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a user thread that cannot go on: its process' scheduler is asked, in vcore context (a reflected fault); or the process
waits as a whole, if it has one core and the thread only needs a page of a file.

The faulting context becomes the interrupted uthread, marked FAULTED, with what happened in trap_number, error_code (kern/abi/fault.py)
and fault_address. Nothing blocks a core that a many-core process has: other threads run on it while a page is read.
Locks: `p.lock`.
"""

from lang import Error, u64
from arch import cpu
from arch.abi import ContextFlag, UserContext
from kern.abi.errno import Errno
from kern.abi.fault import TrapKind, told
from kern.abi.proc import ProcState
from kern.arch_api import PageFlag
from kern.core import sched
from kern.core.current import clear_owning_proc
from kern.core.percore import core
from kern.mm.fault import bring_in
from kern.mm.pages import PAGE_MASK
from kern.proc.destroy import kill
from kern.proc.proc import Proc, proc_get, proc_put
from kern.proc.run import interrupt_uthread, save_scp, unmap_scp


def reflect(p: Proc, ctx: UserContext) -> bool:
    """Put this core's vcore into vcore context, to look at the fault. False if it is there already, or cannot be entered yet."""
    vcoreid = core.mine.owning_vcoreid
    if not p.is_vcore_ready() or p.vcpd(vcoreid).notif_disabled.load() != 0:
        return False
    saved = cpu.irqs_save()
    ctx.flags |= ContextFlag.FAULTED
    interrupt_uthread(p, vcoreid, ctx)
    cpu.irqs_restore(saved)
    return True


def wait_for_page(p: Proc, address: u64) -> None:
    """The single-core process on this core sleeps until the page is there, and then makes the same access again. Its core is free
    meanwhile. An event may wake it early: then it comes here again. May block."""
    saved = cpu.irqs_save()
    with p.lock:
        sleeps = p.is_in(ProcState.RUNNING_S)
        if sleeps:
            save_scp(p)
            p.set_state(ProcState.WAITING)
            unmap_scp(p)
    if not sleeps:
        cpu.irqs_restore(saved)             # dying: a message that settles it is queued
        return
    proc_get(p)
    clear_owning_proc()
    cpu.irqs_restore(saved)
    try:
        bring_in(p, address & ~PAGE_MASK, PageFlag.READ)
    except Error as e:
        fail(p, e.errno)
    sched.wakeup(p)
    proc_put(p)


def fail(p: Proc, problem: Errno) -> None:
    """The page cannot be read. If the process has not been woken meanwhile, its thread must hear of it, or would try for ever."""
    if problem == Errno.EFAULT or problem == Errno.EPERM or problem == Errno.ESPIPE:
        return                              # the next try fails at once, and says why
    with p.lock:
        waits = p.is_in(ProcState.WAITING)
        vcpd = p.vcpd(0)
        asked = waits and p.is_vcore_ready() and vcpd.notif_disabled.load() == 0
        if asked:
            p.scp_ctx.flags |= ContextFlag.FAULTED
            p.scp_ctx.error_code = told(p.scp_ctx.error_code, TrapKind.PAGE_FAULT, problem)
            vcpd.notif_pending.store(1)     # it is dispatched in vcore context
    if waits and not asked:
        kill(p, "a file that is mapped cannot be read")
