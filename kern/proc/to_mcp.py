# SPDX-License-Identifier: GPL-2.0-or-later
"""From single-core to many-core process: once, one way, by the process itself.

The caller's context becomes the interrupted uthread of vcore 0; the call finishes in its kernel thread, and the calling thread
goes on when vcore 0 is granted and the 2LS finds it there. All max_vcores must have been prepared by then.
Locks: `p.lock`.
"""

from lang import Error
from arch import context, cpu
from kern.abi.errno import Errno
from kern.abi.proc import ProcState
from kern.core import sched
from kern.core.current import clear_owning_proc
from kern.core.percore import core
from kern.debug import log
from kern.proc.proc import Proc
from kern.proc.run import save_vcore_fp, unmap_scp


def change_to_m(p: Proc) -> None:
    """Raises EINVAL unless the process is a running SCP that can be entered in vcore context."""
    saved = cpu.irqs_save()
    with p.lock:
        refused = p.is_mcp or not p.is_in(ProcState.RUNNING_S) or not p.is_vcore_ready() or core.mine.cur_ctx is None
        if not refused:
            leave_single_core(p)
    if not refused:
        clear_owning_proc()
    cpu.irqs_restore(saved)
    if refused:
        raise Error(Errno.EINVAL, "change_to_m needs a running single-core process that is ready for vcore context")
    sched.became_mcp(p)


def leave_single_core(p: Proc) -> None:
    """Caller holds: `p.lock`, interrupts off, on the process' own core."""
    vcpd = p.vcpd(0)
    if vcpd.notif_disabled.load() != 0:
        log.warn(f"process {p.pid}: change_to_m in vcore context")
        vcpd.notif_disabled.store(0)
    ctx = core.mine.cur_ctx
    assert ctx is not None, "a system call without a user context"
    context.keep(vcpd.uthread_ctx, ctx)
    save_vcore_fp(vcpd)
    unmap_scp(p)
    p.set_state(ProcState.RUNNABLE_M)
    p.is_mcp = True
    p.info.is_mcp = 1
