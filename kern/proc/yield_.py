# SPDX-License-Identifier: GPL-2.0-or-later
"""Giving up a core: the caller's system call is finished first, since a successful yield does not return to it.

Every test is made again after the signal that others look at: an event posts its message, sets notif_pending and then
looks who runs; a yielder stops being among those and then looks at notif_pending. One of them sees the other.
A refused yield returns to the caller as if nothing had been asked.
Locks: `p.lock`; the scheduler's after it was dropped.
"""

from lang import SEQ_CST, fence, u32, u64
from arch import cpu
from kern.abi.proc import ProcState, Resource
from kern.core import sched
from kern.core.current import abandon_core, clear_owning_proc
from kern.core.idle import smp_idle
from kern.core.percore import core
from kern.proc.proc import Proc, begin_map_change, end_map_change, proc_get, proc_put, unmap_vcore
from kern.proc.run import account_offline, count_changed, save_scp, still_on, unmap_scp
from kern.syscall.dispatch import finish_current_call


def proc_yield(p: Proc, being_nice: bool) -> None:
    """Give up the core that runs this call. Returns only if the yield is refused.

    `being_nice`: answer to a preemption, or a turn for the next SCP; otherwise: nothing to do until an event comes.
    """
    vcoreid = core.mine.owning_vcoreid
    pcoreid = core.mine.core_id
    finish_current_call(0)
    saved = cpu.irqs_save()
    if not still_on(p, vcoreid, pcoreid) or not give_up(p, vcoreid, being_nice):
        cpu.irqs_restore(saved)
        return
    # The core leaves its owner before anybody is told: telling may block, and this core would go back to where it came from.
    was_mcp = p.is_mcp
    proc_get(p)
    clear_owning_proc()
    cpu.irqs_restore(saved)
    if was_mcp:
        sched.put_idle_core(p, pcoreid)
    elif being_nice:
        sched.wakeup(p)
    abandon_core()
    proc_put(p)
    smp_idle()


def give_up(p: Proc, vcoreid: u32, being_nice: bool) -> bool:
    """Take the vcore off this core, if it may go. Interrupts are off."""
    with p.lock:
        if p.is_in(ProcState.RUNNING_S):
            return yield_scp(p, being_nice)
        if p.is_in(ProcState.RUNNING_M):
            return yield_mcp(p, vcoreid, being_nice)
        return False                        # dying or fully preempted: a message that settles it is queued


def yield_scp(p: Proc, being_nice: bool) -> bool:
    """Caller holds: `p.lock`, interrupts are off."""
    p.set_state(ProcState.WAITING)
    fence(SEQ_CST)                          # pairs with kern/event/send.py: pending, then the state; who posts sees us wait, or we see it
    vcpd = p.vcpd(0)
    if not being_nice and vcpd.notif_pending.load() != 0:
        p.set_state(ProcState.RUNNING_S)
        if not p.is_vcore_ready():
            vcpd.notif_pending.store(0)
        return False
    save_scp(p)
    unmap_scp(p)
    return True


def yield_mcp(p: Proc, vcoreid: u32, being_nice: bool) -> bool:
    """Caller holds: `p.lock`, interrupts are off."""
    entry = p.info.vcoremap[vcoreid]
    vcpd = p.vcpd(vcoreid)
    if p.has_preempt_in_flight(vcoreid):
        return False
    warned = entry.preempt_pending.load() != 0
    if being_nice and not warned:
        return False
    wanted = p.data.res_req[Resource.CORES].amt_wanted.load()
    if not being_nice and not warned and wanted >= u64(p.num_vcores):
        return False                        # it changed its mind
    if vcpd.notif_pending.load() != 0:
        return False
    vc = p.vcores[vcoreid]
    p.online.remove(vc)
    fence(SEQ_CST)                          # pairs with spam_head: pending, then who is online
    if vcpd.notif_pending.load() != 0:
        p.online.push_back(vc)
        return False
    entry.preempt_pending.store(0)          # not before: a warning holds until it is answered
    p.inactive.push_front(vc)
    vcpd.notif_disabled.store(0)            # the next start is a fresh one
    begin_map_change(p)
    account_offline(p, vcoreid)
    unmap_vcore(p, vcoreid)
    end_map_change(p)
    p.num_vcores -= 1
    count_changed(p)
    if p.num_vcores == 0:
        p.set_state(ProcState.WAITING)
    return True
