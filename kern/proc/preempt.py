# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking cores from many-core processes: with a warning event, and at once.

The sender changes the maps under `p.lock` right away and counts `nr_preempts_sent`; the message saves the vcore's state where
others recover it, and counts `nr_preempts_done`. While they differ the vcore's fate is sealed: yield and change_vcore see it.
The core counts as free once the message is sent: a new owner's startcore queues behind it.
Locks: `p.lock`; then, after it was dropped, `alloc.lock`. The public functions are called without either.
"""

from lang import Span, addr_of, at, cycle_counter, fence, never_blocks, struct, u32, u64, SEQ_CST
from arch import context
from kern.abi.event import EventMsg, EventType
from kern.abi.proc import ProcState, VcoreFlag
from kern.core import alloc
from kern.core.current import clear_owning_proc
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.event.send import send_kernel_event
from kern.proc.proc import Proc, Vcore, begin_map_change, end_map_change, unmap_vcore
from kern.proc.run import account_offline, count_changed, save_vcore_fp


@struct
class Taken:
    vcoreid: u32
    was_last: bool                          # of those that ran


def preempt_core(p: Proc, pcoreid: u32, grace_usec: u64) -> bool:
    """Warn, and take the core at once, which is free then. False if `p` does not have it any more. May block, to tell of it."""
    taken = Taken()
    if not take_core(p, pcoreid, grace_usec, taken):
        return False
    if not taken.was_last:
        tell_preempted(p, taken.vcoreid)
    return True


@never_blocks
def take_core(p: Proc, pcoreid: u32, grace_usec: u64, taken: Taken) -> bool:
    """The part of it that others spin for until the core is free (`evict` of kern/core/alloc.py)."""
    with p.lock:
        back = p.info.pcoremap[pcoreid]
        if not p.is_in(ProcState.RUNNING_M) or back.valid == 0:
            return False
        vcoreid = back.vcoreid
        if p.info.vcoremap[vcoreid].valid == 0 or p.info.vcoremap[vcoreid].pcoreid != pcoreid:
            return False
        set_deadline(p, vcoreid, grace_usec)
        take_vcore(p, p.vcores[vcoreid], False)
        taken.vcoreid = vcoreid
        taken.was_last = p.num_vcores == 0
        if taken.was_last:
            p.set_state(ProcState.RUNNABLE_M)
    alloc.put_idle(p, pcoreid)
    return True


def preempt_all(p: Proc, pcores: Span[u32]) -> u64:
    """Take all of p's cores; writes their numbers into `pcores` and returns how many. The caller marks them free."""
    with p.lock:
        if not p.is_in(ProcState.RUNNING_M):
            return 0
        count: u64 = 0
        while (vc := p.online.first()) is not None:
            pcores[count] = p.info.vcoremap[vc.id].pcoreid
            count += 1
            take_vcore(p, vc, True)
        p.set_state(ProcState.RUNNABLE_M)
        return count


def warn(p: Proc, vcoreid: u32, grace_usec: u64) -> bool:
    """Announce that the vcore will be taken. False if it is not running."""
    with p.lock:
        if not p.is_in(ProcState.RUNNING_M) or not p.is_mapped(vcoreid):
            return False
        set_deadline(p, vcoreid, grace_usec)
    msg = EventMsg(ev_type=EventType.PREEMPT_PENDING, arg2=vcoreid)
    send_kernel_event(p, msg, vcoreid)
    return True


def set_deadline(p: Proc, vcoreid: u32, grace_usec: u64) -> None:
    deadline = cycle_counter() + grace_usec * (p.info.tsc_freq // 1_000_000)
    p.info.vcoremap[vcoreid].preempt_pending.store(deadline)


def take_vcore(p: Proc, vc: Vcore, bulk: bool) -> None:
    """Send the message and unmap. Caller holds: `p.lock`; the vcore is online."""
    entry = p.info.vcoremap[vc.id]
    entry.nr_preempts_sent.add(1)
    p.vcpd(vc.id).flags.or_(u32(VcoreFlag.K_LOCK))
    send_routine(entry.pcoreid, preempt_here, addr_of(p), u64(vc.id), 0)
    begin_map_change(p)
    unmap_vcore(p, vc.id)
    end_map_change(p)
    p.online.remove(vc)
    if bulk:
        p.bulk_preempted.push_back(vc)
    else:
        p.inactive.push_front(vc)
    p.num_vcores -= 1
    count_changed(p)


def tell_preempted(p: Proc, vcoreid: u32) -> None:
    """Ask the vcores that still run to recover the one that was taken. Not under `p.lock`: posting may fault pages in."""
    msg = EventMsg(ev_type=EventType.VCORE_PREEMPT, arg2=vcoreid)
    send_kernel_event(p, msg, vcoreid)


def preempt_here(address: u64, vcoreid: u64, unused: u64) -> None:
    """Routine message: save this vcore for others to recover, and give the core up. The core still belongs to `p`."""
    p = at(Proc, address)
    owner = core.mine.owning_proc
    assert owner is not None and owner is p, "preempt message on a core of somebody else"
    v = core.mine.owning_vcoreid
    assert v == u32(vcoreid), "preempt message for another vcore"
    vcpd = p.vcpd(v)
    ctx = core.mine.cur_ctx
    if ctx is not None:
        if vcpd.notif_disabled.load() != 0:
            context.keep(vcpd.vcore_ctx, ctx)
        else:
            context.keep(vcpd.uthread_ctx, ctx)
    # While somebody steals the thread he copies preempt_anc, which already holds this state.
    if (vcpd.flags.load() & u32(VcoreFlag.UTHREAD_STEALING)) == 0:
        save_vcore_fp(vcpd)
    vcpd.flags.or_(u32(VcoreFlag.PREEMPTED))
    entry = p.info.vcoremap[v]
    entry.preempt_pending.store(0)
    account_offline(p, v)
    with p.lock:
        # It may have been started elsewhere, and been taken there, since: then its state is not settled before that core has been here.
        if entry.nr_preempts_done.load() + 1 == entry.nr_preempts_sent.load():
            vcpd.flags.and_(u32(0xFFFF_FFFF) ^ u32(VcoreFlag.K_LOCK))
    fence(SEQ_CST)                          # all of it before this is counted: pairs with the wait in run.py's begin_vcore
    entry.nr_preempts_done.add(1)
    # The reference goes last: `p` may go with it.
    clear_owning_proc()
