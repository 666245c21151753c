# SPDX-License-Identifier: GPL-2.0-or-later
"""What each core spends its time with: interrupts, the kernel, user code, nothing.

Accounting is off until somebody asks (#kprof/mpstat), since each way into the kernel and back would read the cycle counter; while it is off
the ways cost a test. A core's times are its own: only it writes them, with interrupts off; who reads them looks again if they changed
meanwhile, so that the parts and the whole are of one moment. Turning it on and off is an errand: a core that a process holds follows when
it next enters the kernel.
No locks.
"""

from enum import IntEnum

from lang import Array, Atomic, PerCore, Span, array, cold, cycle_counter, inline, noinline, struct, u32, u64
from arch import cpu
from kern.abi.seqcount import SeqCounter
from kern.core.errand import Errand
from kern.core.percore import core


class CpuState(u32, IntEnum):
    IRQ = 0
    KERNEL = 1
    USER = 2
    IDLE = 3


@struct(align=64)
class CpuTimes:
    changes: SeqCounter
    on: bool
    state: CpuState = CpuState.KERNEL
    since: u64                              # cycle counter when it came into `state`
    begun: u64                              # ... and when what it counts began: `begin`, if it has come by since that changed
    cycles: Array[u64] = array(4)           # by state, without what has passed since


times = PerCore[CpuTimes]()
begin = Atomic[u64](0)                      # cycle counter when accounting was turned on; 0: it is off
following = Errand()


@inline
def enter_state(state: CpuState) -> None:
    """This core does something else from now on. Interrupts are off, or none changes it for good."""
    if times.mine.on:
        change_state(state)


@noinline
@cold
def change_state(state: CpuState) -> None:
    mine = times.mine
    saved = cpu.irqs_save()
    mine.changes.begin_write()
    now = cycle_counter()
    mine.cycles[mine.state] += now - mine.since
    mine.since = now
    mine.state = state
    mine.changes.end_write()
    cpu.irqs_restore(saved)


def read_times(core_id: u32, into: Span[u64]) -> u64:
    """Cycles by state until now, four of them; their sum."""
    there = times[core_id]
    while True:
        start = there.changes.begin_read()
        now = cycle_counter()
        for i in range(len(into)):
            into[i] = there.cycles[i]
        # Its counter may be a little ahead of ours.
        into[there.state] += now - min(there.since, now)
        begun = there.begun
        if not there.changes.must_retry(start):
            break
    moment = begin.load()
    if begun != moment:
        # It has not come by since accounting began: a process holds it, and computes.
        for i in range(len(into)):
            into[i] = 0
        into[CpuState.USER] = now - min(moment, now)
    return sum(into)


def current_state() -> CpuState:
    return times.mine.state


def is_accounting() -> bool:
    return begin.load() != 0


def start_accounting() -> None:
    """From zero, on every core. Interrupts are on, no spinlock is held."""
    order(cycle_counter())


def stop_accounting() -> None:
    order(0)


def order(moment: u64) -> None:
    begin.store(moment)
    following.fn = follow
    following.ask_others()
    saved = cpu.irqs_save()
    follow()
    cpu.irqs_restore(saved)


def follow() -> None:
    """This core counts since `begin`, or no more. Interrupts are off, the state is KERNEL."""
    mine = times.mine
    moment = begin.load()
    if moment == mine.begun:
        return
    mine.changes.begin_write()
    now = cycle_counter()
    for i in range(4):
        mine.cycles[i] = 0
    # What it did until it came by: a core that a process holds is not interrupted for this.
    before = CpuState.USER if core.mine.owning_proc is not None else CpuState.IDLE
    mine.cycles[before] = now - min(moment, now)
    mine.since = now
    mine.state = CpuState.KERNEL
    mine.on = moment != 0
    mine.begun = moment
    mine.changes.end_write()
