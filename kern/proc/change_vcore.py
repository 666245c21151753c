# SPDX-License-Identifier: GPL-2.0-or-later
"""change_vcore: the calling vcore's core becomes another vcore of the process, so that a preempted one can be recovered.

Locks: `p.lock`. The context of the new vcore is chosen by a routine message to this core, after the call has left.
"""

from lang import Error, addr_of, cycle_counter, fence, u32, u64, SEQ_CST
from arch import context, cpu
from kern.abi.errno import Errno
from kern.abi.event import EventMsg, EventType
from kern.abi.proc import ProcState, VcoreFlag
from kern.core.idle import smp_idle
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.event.send import send_kernel_event
from kern.proc.proc import Proc, begin_map_change, end_map_change, map_vcore, unmap_vcore
from kern.proc.run import account_offline, fill_vcore_context, save_vcore_fp, set_curctx, still_on
from kern.syscall.dispatch import finish_current_call


def change_vcore(p: Proc, target: u32, enable_my_notif: bool) -> None:
    """Become vcore `target`. Does not return on success: the call is finished with 0 for whoever resumes this vcore.

    `enable_my_notif`: the caller restarts fresh some day; otherwise it resumes after the call, as if it was preempted.
    Raises EINVAL outside vcore context or for a wrong target, EBUSY if the target runs, EAGAIN if our fate is sealed.
    """
    me = core.mine.owning_vcoreid
    pcoreid = core.mine.core_id
    check_arguments(p, me, target)
    with p.lock:
        refusal = find_refusal(p, me, target)
    if refusal != Errno.OK:
        raise Error(refusal, f"cannot change to vcore {target} now")
    # Finishing writes to user memory and may block, so not under the lock; whatever came in between is found by looking again.
    finish_current_call(0)
    saved = cpu.irqs_save()
    is_here = still_on(p, me, pcoreid)
    if is_here and try_change(p, me, target, pcoreid, enable_my_notif):
        cpu.irqs_restore(saved)
        tell_change(p, me, target, enable_my_notif)
        smp_idle()
    if is_here:
        restart_if(p, me, enable_my_notif)
    cpu.irqs_restore(saved)
    tell_lost(p, me, target)


def try_change(p: Proc, me: u32, target: u32, pcoreid: u32, enable_my_notif: bool) -> bool:
    """Make this core vcore `target`. Interrupts are off. False if our fate is sealed, or the target runs."""
    with p.lock:
        if find_refusal(p, me, target) != Errno.OK:
            return False
        save_me(p, me, enable_my_notif)
        swap_vcores(p, me, target, pcoreid)
        core.mine.owning_vcoreid = target
        core.mine.cur_ctx = None            # a notification in between has nothing to act upon
        # Under the lock: a preemption of the target that comes later must queue behind this.
        sent = p.info.vcoremap[target].nr_preempts_sent.load()
        send_routine(pcoreid, set_curctx, addr_of(p), u64(target), sent)
    return True


def tell_change(p: Proc, me: u32, target: u32, enable_my_notif: bool) -> None:
    """Tell the new vcore about the old one. May block: the core is then the new vcore's meanwhile."""
    kind = EventType.CHECK_MSGS if enable_my_notif else EventType.VCORE_PREEMPT
    msg = EventMsg(ev_type=kind, arg2=me)
    send_kernel_event(p, msg, target)


def tell_lost(p: Proc, me: u32, target: u32) -> None:
    """Nothing came of a change that the caller believes in: who runs, or will, is told of the target as when it was taken. It may have been
    told of to the caller alone, who has forgotten it by now."""
    msg = EventMsg(ev_type=EventType.VCORE_PREEMPT, arg2=target)
    send_kernel_event(p, msg, me)


def restart_if(p: Proc, me: u32, enable_my_notif: bool) -> None:
    """The change was lost after the call was finished: to the caller it looks as if it had been changed back at once."""
    ctx = core.mine.cur_ctx
    if enable_my_notif and ctx is not None:
        fill_vcore_context(p, me, ctx)


def check_arguments(p: Proc, me: u32, target: u32) -> None:
    if not p.is_mcp:
        raise Error(Errno.EINVAL, "only a many-core process can change vcores")
    if target >= p.max_vcores or target == me:
        raise Error(Errno.EINVAL, f"no vcore {target} to change to from vcore {me}")
    if p.vcpd(me).notif_disabled.load() == 0:
        raise Error(Errno.EINVAL, "change_vcore outside vcore context")


def find_refusal(p: Proc, me: u32, target: u32) -> Errno:
    """Caller holds: `p.lock`."""
    if not p.is_in(ProcState.RUNNING_M) or p.has_preempt_in_flight(me):
        return Errno.EAGAIN
    if p.is_mapped(target):
        return Errno.EBUSY
    return Errno.OK


def save_me(p: Proc, me: u32, enable_my_notif: bool) -> None:
    vcpd = p.vcpd(me)
    if enable_my_notif:
        vcpd.notif_disabled.store(0)
    else:
        ctx = core.mine.cur_ctx
        assert ctx is not None, "a system call without a user context"
        context.keep(vcpd.vcore_ctx, ctx)
        save_vcore_fp(vcpd)
    vcpd.flags.or_(u32(VcoreFlag.PREEMPTED))
    fence(SEQ_CST)                          # saved before anybody is told: pairs with settled_flags of user/parlib/preempt.py


def swap_vcores(p: Proc, me: u32, target: u32, pcoreid: u32) -> None:
    """Caller holds: `p.lock`; `me` is online and `target` inactive."""
    mine = p.vcores[me]
    theirs = p.vcores[target]
    p.online.remove(mine)
    p.inactive.push_front(mine)
    p.inactive.remove(theirs)
    p.online.push_back(theirs)
    begin_map_change(p)
    account_offline(p, me)
    unmap_vcore(p, me)
    map_vcore(p, target, pcoreid)
    end_map_change(p)
    p.info.vcoremap[target].resume_ticks = cycle_counter()
