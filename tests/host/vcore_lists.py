# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel does under a process' lock to its vcores, as test_vcore_lists.py calls it: the very functions, one core at a time."""

from lang import array, new, u32, u64
from kern.abi.errno import Errno
from kern.abi.proc import ProcData, ProcInfo, ProcState, Resource
from kern.core import kmsg
from kern.proc.change_vcore import find_refusal, swap_vcores
from kern.proc.preempt import take_vcore
from kern.proc.proc import Proc, Vcore
from kern.proc.run import give_cores, run_m
from kern.proc.yield_ import yield_mcp

VCORES = 6


def new_mcp() -> Proc:
    """A RUNNABLE_M process whose vcores are all inactive."""
    p = new(Proc, info=new(ProcInfo), data=new(ProcData), max_vcores=VCORES, is_mcp=True)
    p.refs.init(1)
    p.state_bits.store(u32(ProcState.RUNNABLE_M))
    p.vcores = new(array(VCORES, Vcore))
    for id in range(u32(VCORES)):
        p.vcores[id].id = id
        p.inactive.push_back(p.vcores[id])
    return p


def grant(p: Proc, cores: u64) -> u64:
    """The cores whose bits are set; returns how many messages went out, 99 if they are refused."""
    list = array(VCORES, u32)
    left = array(VCORES, u32)
    count: u64 = 0
    for core in range(u32(1), VCORES + 1):
        if cores >> u64(core) & 1:
            list[count] = core
            count += 1
    before = kmsg.sent
    if not give_cores(p, list[:count]):
        return 99
    run_m(p, left[0:VCORES])
    return kmsg.sent - before


def preempt(p: Proc, vcoreid: u32, bulk: bool) -> None:
    take_vcore(p, p.vcores[vcoreid], bulk)
    if p.num_vcores == 0:
        p.set_state(ProcState.RUNNABLE_M)


def preempted(p: Proc, vcoreid: u32) -> None:
    """The message of one preemption was acted upon."""
    p.info.vcoremap[vcoreid].nr_preempts_done.add(1)


def give_up(p: Proc, vcoreid: u32, nice: bool, warned: bool, news: bool, wanted: u64) -> bool:
    p.info.vcoremap[vcoreid].preempt_pending.store(5 if warned else 0)
    p.data.vcores[vcoreid].notif_pending.store(1 if news else 0)
    p.data.res_req[Resource.CORES].amt_wanted.store(wanted)
    return yield_mcp(p, vcoreid, nice)


def change(p: Proc, me: u32, target: u32) -> Errno:
    refusal = find_refusal(p, me, target)
    if refusal == Errno.OK:
        swap_vcores(p, me, target, p.info.vcoremap[me].pcoreid)
    return refusal


def wake(p: Proc) -> None:
    p.set_state(ProcState.RUNNABLE_M)


def move(p: Proc, old: u32, new_state: ProcState) -> None:
    """Any transition: a panic if there is no such."""
    p.state_bits.store(old)
    p.set_state(new_state)
