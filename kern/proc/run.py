# SPDX-License-Identifier: GPL-2.0-or-later
"""Putting processes on cores: single-core processes on those that nobody else uses, vcores of many-core processes on what they are granted.

A grant is told by the routine message `startcore`, with a snapshot of how many preemptions of that vcore had been sent: the
handler waits until that many are done, which were all queued before it, so a vcore never runs twice at once.
Nothing here jumps to user space: the idle loop resumes whoever owns the core.
Locks: `p.lock`; the scheduler's is never held here.
"""

from lang import Span, addr_of, array, assign, at, cycle_counter, panic, u32, u64
from arch import context
from arch.abi import UserContext
from kern.abi.event import EventMsg, EventType
from kern.abi.proc import MAX_VCORES, ProcState, VcoreFlag, VcorePreemptData, VcoreRflag
from kern.core import runqueue
from kern.core.current import clear_owning_proc, set_owning_proc
from kern.core.kmsg import interrupt, queue_routine
from kern.core.percore import core
from kern.event.send import send_kernel_event
from kern.mm.shootdown import relax
from kern.proc.proc import Proc, begin_map_change, end_map_change, map_vcore, proc_get, unmap_vcore
from kern.time.alarm import move_alarms_away


def run_s(p: Proc) -> bool:
    """Make a RUNNABLE_S process the owner of this core, from the idle loop. False if it is not runnable any more.

    Interrupts are off.
    """
    with p.lock:
        if not p.is_in(ProcState.RUNNABLE_S):
            return False
        p.set_state(ProcState.RUNNING_S)
        begin_map_change(p)
        map_vcore(p, 0, core.mine.core_id)
        end_map_change(p)
        p.info.vcoremap[0].resume_ticks = cycle_counter()
        proc_get(p)
        set_owning_proc(p, 0)
    if p.has_fp:
        context.restore_fp(p.scp_fp)
    else:
        context.init_fp()
    core.mine.cur_ctx = choose_scp_context(p)
    return True


def choose_scp_context(p: Proc) -> UserContext:
    """Where a dispatched SCP goes on: in vcore context if it has news and wants them, else where it was."""
    vcpd = p.vcpd(0)
    if not p.is_vcore_ready():
        # It can be woken, but it cannot acknowledge.
        vcpd.notif_pending.store(0)
        return p.scp_ctx
    if vcpd.notif_disabled.load() != 0 or vcpd.notif_pending.load() == 0:
        return p.scp_ctx
    assign(vcpd.uthread_ctx, p.scp_ctx)
    vcpd.notif_disabled.store(1)
    fresh = core.mine.actual_ctx
    fill_vcore_context(p, 0, fresh)
    return fresh


def save_scp(p: Proc) -> None:
    """Keep what an SCP needs to go on elsewhere. It owns this core; interrupts are off."""
    ctx = core.mine.cur_ctx
    assert ctx is not None, "SCP without a context"
    if addr_of(ctx) != addr_of(p.scp_ctx):
        context.keep(p.scp_ctx, ctx)
    context.save_fp(p.scp_fp)
    p.has_fp = True


def unmap_scp(p: Proc) -> None:
    """The SCP leaves its core: maps and accounts. Caller holds: `p.lock`."""
    begin_map_change(p)
    account_offline(p, 0)
    unmap_vcore(p, 0)
    end_map_change(p)


def deschedule_scp(p: Proc) -> bool:
    """Take this core from the SCP that owns it, for somebody else. From the idle loop; interrupts are off.

    False if it is dying: then nothing has changed, and a message that settles it is queued.
    """
    with p.lock:
        if not p.is_in(ProcState.RUNNING_S):
            return False
        save_scp(p)
        p.set_state(ProcState.RUNNABLE_S)
        unmap_scp(p)
    clear_owning_proc()
    return True


def fill_vcore_context(p: Proc, vcoreid: u32, ctx: UserContext) -> None:
    """Make `ctx` the beginning of vcore context on that vcore."""
    vcpd = p.vcpd(vcoreid)
    context.init_vcore_context(ctx, vcpd.vcore_entry, vcpd.vcore_stack, vcpd.vcore_tls, vcoreid)


def interrupt_uthread(p: Proc, vcoreid: u32, ctx: UserContext) -> None:
    """The vcore, which this core is, leaves the uthread at `ctx` for vcore context. It allows that; interrupts are off."""
    vcpd = p.vcpd(vcoreid)
    vcpd.notif_disabled.store(1)
    context.keep(vcpd.uthread_ctx, ctx)
    fresh = core.mine.actual_ctx
    fill_vcore_context(p, vcoreid, fresh)
    core.mine.cur_ctx = fresh


def still_on(p: Proc, vcoreid: u32, pcoreid: u32) -> bool:
    """Whether this code still stands where p's vcore runs: a call that had to sleep may have come back elsewhere.

    Interrupts are off.
    """
    owner = core.mine.owning_proc
    if owner is None or owner is not p or core.mine.cur_ctx is None:
        return False
    return core.mine.core_id == pcoreid and core.mine.owning_vcoreid == vcoreid


def account_offline(p: Proc, vcoreid: u32) -> None:
    """Add its time since it was last started. Before it is unmapped, or who finds it gone may find its last time missing; a vcore that is
    taken by force runs on for a moment, and has it added when it stops."""
    entry = p.info.vcoremap[vcoreid]
    entry.total_ticks += cycle_counter() - entry.resume_ticks


# Many-core processes


def give_and_run(p: Proc, pcores: Span[u32]) -> bool:
    """Give `p` these cores and start it on them. False if it cannot take them, and then nothing has changed.

    Caller has marked the cores allocated to `p`, and holds no lock.
    """
    left = array(MAX_VCORES, u32)
    with p.lock:
        if not give_cores(p, pcores):
            return False
        count = run_m(p, left)
    for pcore in pcores:                    # not under the lock: sixty-three interrupts take their time
        interrupt(pcore)
    for i in range(count):
        msg = EventMsg(ev_type=EventType.VCORE_PREEMPT, arg2=left[i])
        send_kernel_event(p, msg, left[i])
    return True


def give_cores(p: Proc, pcores: Span[u32]) -> bool:
    """Caller holds: `p.lock`, and interrupts the cores when it holds it no more."""
    runs = p.is_in(ProcState.RUNNING_M)
    if not runs and not p.is_in(ProcState.RUNNABLE_M):
        return False
    assert not runs or p.bulk_preempted.is_empty(), "a process runs, and has vcores that wait for all others"
    begin_map_change(p)
    for pcore in pcores:
        vc = p.bulk_preempted.pop_front()
        if vc is None:
            vc = p.inactive.pop_front()
        if vc is None:
            panic(f"process {p.pid} was given more cores than it has vcores")
        p.online.push_back(vc)
        map_vcore(p, vc.id, pcore)
        if runs:
            queue_startcore(p, vc.id)
    end_map_change(p)
    p.num_vcores += u32(len(pcores))
    count_changed(p)
    return True


def count_changed(p: Proc) -> None:
    p.info.num_vcores = p.num_vcores
    p.info.res_grant[0] = p.num_vcores


def run_m(p: Proc, left: Span[u32]) -> u64:
    """Start a RUNNABLE_M process on the cores that it was given. Caller holds: `p.lock`, and interrupts them afterwards.

    Writes into `left` which bulk-preempted vcores did not get a core, and returns how many: the others must recover them.
    """
    count: u64 = 0
    if not p.is_in(ProcState.RUNNABLE_M) or p.num_vcores == 0:
        return count
    p.set_state(ProcState.RUNNING_M)
    vc = p.online.first()
    while vc is not None:
        queue_startcore(p, vc.id)
        vc = p.online.after(vc)
    while (stranded := p.bulk_preempted.pop_front()) is not None:
        left[count] = stranded.id
        count += 1
        p.inactive.push_front(stranded)
    return count


def queue_startcore(p: Proc, vcoreid: u32) -> None:
    """One reference travels with the message: it becomes the target's owning_proc."""
    proc_get(p)
    entry = p.info.vcoremap[vcoreid]
    queue_routine(entry.pcoreid, startcore, addr_of(p), u64(vcoreid), entry.nr_preempts_sent.load())


def startcore(address: u64, vcoreid: u64, preempts_sent: u64) -> None:
    """Routine message: this core is `p`'s vcore from now on."""
    p = at(Proc, address)
    runqueue.vacate()
    move_alarms_away()
    set_owning_proc(p, u32(vcoreid))
    begin_vcore(p, u32(vcoreid), preempts_sent)


def set_curctx(address: u64, vcoreid: u64, preempts_sent: u64) -> None:
    """Routine message to oneself, after change_vcore: the core has become another vcore of the same process."""
    p = at(Proc, address)
    owner = core.mine.owning_proc
    # Death may have come in between, and has taken the core.
    if owner is None or owner is not p or core.mine.owning_vcoreid != u32(vcoreid):
        return
    begin_vcore(p, u32(vcoreid), preempts_sent)


def begin_vcore(p: Proc, vcoreid: u32, preempts_sent: u64) -> None:
    """Choose what the vcore on this core does first: always vcore context, fresh or where it was preempted."""
    entry = p.info.vcoremap[vcoreid]
    # The only wait for an older preemption of the same vcore on another core: it was queued there before this.
    while entry.nr_preempts_done.load() != preempts_sent:
        relax()
    vcpd = p.vcpd(vcoreid)
    vcpd.flags.and_(u32(0xFFFF_FFFF) ^ u32(VcoreFlag.PREEMPTED))
    vcpd.flags.or_(u32(VcoreFlag.CAN_RCV_MSG))
    ctx = core.mine.actual_ctx
    if vcpd.notif_disabled.load() != 0:
        assign(ctx, vcpd.vcore_ctx)
        context.sanitise(ctx)               # the process could have edited it
    else:
        fill_vcore_context(p, vcoreid, ctx)
        vcpd.notif_disabled.store(1)
    restore_vcore_fp(vcpd)
    core.mine.cur_ctx = ctx
    entry.resume_ticks = cycle_counter()


def restore_vcore_fp(vcpd: VcorePreemptData) -> None:
    if vcpd.rflags.and_(u32(0xFFFF_FFFF) ^ u32(VcoreRflag.FPU_SAVED)) & u32(VcoreRflag.FPU_SAVED):
        context.restore_fp(vcpd.preempt_anc)
    else:
        context.init_fp()


def save_vcore_fp(vcpd: VcorePreemptData) -> None:
    context.save_fp(vcpd.preempt_anc)
    vcpd.rflags.or_(u32(VcoreRflag.FPU_SAVED))
