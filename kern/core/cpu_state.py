# SPDX-License-Identifier: GPL-2.0-or-later
"""What each core spends its time with: interrupts, the kernel, user code, nothing.

Accounting is off until somebody asks (#kprof/mpstat), since each way into the kernel and back would read the cycle counter; while it is off
the ways cost a test. A core's times are its own: only it writes them, with interrupts off; who reads them looks again if they changed
meanwhile, so that the parts and the whole are of one moment.
No locks.
"""

from enum import IntEnum

from lang import Array, PerCore, Span, array, cycle_counter, inline, struct, u32, u64
from arch import cpu
from kern.abi.seqcount import SeqCounter
from kern.core.smp import call_on_all


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
    cycles: Array[u64] = array(4)           # by state, without what has passed since


times = PerCore[CpuTimes]()


@inline
def enter_state(state: CpuState) -> None:
    """This core does something else from now on. Interrupts are off, or none changes it for good."""
    mine = times.mine
    if mine.on:
        change_state(mine, state)


def change_state(mine: CpuTimes, state: CpuState) -> None:
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
        if not there.changes.must_retry(start):
            return sum(into)


def current_state() -> CpuState:
    return times.mine.state


def start_accounting() -> None:
    """From zero, on every core. Interrupts are on, no spinlock is held."""
    call_on_all(start_here, 0)


def stop_accounting() -> None:
    call_on_all(stop_here, 0)


def start_here(unused: u64) -> None:
    mine = times.mine
    mine.changes.begin_write()
    for i in range(4):
        mine.cycles[i] = 0
    mine.since = cycle_counter()
    mine.state = CpuState.IRQ               # this is an immediate message, whose interrupt ends as any does
    mine.on = True
    mine.changes.end_write()


def stop_here(unused: u64) -> None:
    # What an interrupt finds when accounting begins: if it came from user code or a halt, the way back says so.
    times.mine.state = CpuState.KERNEL
    times.mine.on = False
