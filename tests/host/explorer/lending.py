# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with one core (kern/core/lending.py, with the real scheduler and run queue): many-core and single-core processes have it in
turn, so that nobody waits for ever for one that would never end.

One thread is the core in its idle loop, the other what wakes processes: an interrupt handler, at any moment.
"""

from lang import RELAXED, Array, Atomic, array, i32, pause, struct, u32, u64
from kern.abi.proc import ProcState, Resource
from kern.core import alloc, runqueue, sched
from kern.core.current import clear_owning_proc
from kern.core.kmsg import mail, run_routines
from kern.core.percore import core
from kern.proc.proc import Proc
from kern.time import alarm

STAND_INS = ("tests/host/lending", "tests/host/turns", "tests/host/process", "tests/host/machine")
REAL = ("kern.core.lending", "kern.core.sched")


@struct
class Machine:
    scps: Array[Proc] = array(2)
    mcps: Array[Proc] = array(2)
    left: Atomic[u64]  # how many that come to an end have not
    to_wake: Atomic[u64]
    pcores: Array[u32] = array(1)

    def begin(self, left: u64, to_wake: u64) -> None:
        self.left.store(left)
        self.to_wake.store(to_wake)
        alloc.idle.push_back(alloc.slots[0])
        for i in range(u64(2)):
            self.scps[i].pid = i32(i) + 1
            self.scps[i].set_state(ProcState.WAITING)
            self.mcps[i].pid = i32(i) + 11
            self.mcps[i].is_mcp = True
            self.mcps[i].set_state(ProcState.WAITING)
            self.mcps[i].data.res_req[Resource.CORES].amt_wanted.store(1)
            sched.mcps.push_back(self.mcps[i])

    def wake(self, p: Proc) -> None:
        """By an interrupt handler: not by a thread that is about to leave the core free."""
        core.mine.own.is_ktask = True
        sched.wakeup(p)
        self.to_wake.sub(1)

    def work(self, endless: Proc | None, other: Proc | None) -> None:
        """The idle loop, until all have ended but those that never do, which have the core as long as it is left to them."""
        while self.left.load() > 0:
            if has_mail():
                core.mine.resting.store(False, order=RELAXED)
                run_routines(0)
                continue
            owner = core.mine.owning_proc
            if owner is None:
                sched.core_idle()
                if core.mine.owning_proc is None and not has_mail() and not look_at_clock():
                    self.wait()
            elif owner is endless or owner is other:
                if not look_at_clock():
                    self.wait()
                elif self.to_wake.load() > 0:
                    pause()  # an interrupt comes in some turn
            else:
                self.end(owner)

    def wait(self) -> None:
        """Until an interrupt comes."""
        while self.left.load() > 0 and not has_mail() and not look_at_clock():
            pause()

    def end(self, p: Proc) -> None:
        clear_owning_proc()
        with p.lock:
            p.num_vcores = 0
            p.set_state(ProcState.DYING)
        sched.forget(p, self.pcores[: 1 if p.is_mcp else 0])
        self.left.sub(1)


def look_at_clock() -> bool:
    """Whether the alarm has rung."""
    if not alarm.due.swap(False):
        return False
    runqueue.on_tick(runqueue.tick)
    return True


def has_mail() -> bool:
    box = mail[0]
    with box.lock:
        return box.sent != box.taken


@struct
class McpBehindScp:
    """A single-core process would have the core for ever: a many-core one that is woken gets it all the same."""

    machine: Machine
    ALLOWS_RACES = True  # the queue is looked at without the lock
    STALE_READS = 0

    def setup(self) -> None:
        self.machine.begin(1, 2)

    def thread_core(self) -> None:
        self.machine.work(self.machine.scps[0], None)

    def thread_interrupts(self) -> None:
        self.machine.wake(self.machine.scps[0])
        self.machine.wake(self.machine.mcps[0])

    def check(self) -> None:
        assert self.machine.mcps[0].turns > 0


@struct
class ScpBehindMcp:
    """The other way round."""

    machine: Machine
    ALLOWS_RACES = True
    STALE_READS = 0

    def setup(self) -> None:
        self.machine.begin(1, 2)

    def thread_core(self) -> None:
        self.machine.work(self.machine.mcps[0], None)

    def thread_interrupts(self) -> None:
        self.machine.wake(self.machine.mcps[0])
        self.machine.wake(self.machine.scps[0])

    def check(self) -> None:
        assert self.machine.scps[0].turns > 0


@struct
class OneOfEachForEver:
    """Two would have the core for ever, one of each kind; two more, one of each kind, come to their ends."""

    machine: Machine
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 0
    STEPS = 6000

    def setup(self) -> None:
        self.machine.begin(2, 4)

    def thread_core(self) -> None:
        self.machine.work(self.machine.mcps[0], self.machine.scps[0])

    def thread_interrupts(self) -> None:
        self.machine.wake(self.machine.mcps[0])
        self.machine.wake(self.machine.scps[0])
        self.machine.wake(self.machine.mcps[1])
        self.machine.wake(self.machine.scps[1])

    def check(self) -> None:
        assert self.machine.mcps[1].turns > 0 and self.machine.scps[1].turns > 0


@struct
class TwoMcps:
    """No single-core process at all; of two many-core ones the first would have the core for ever."""

    machine: Machine
    ALLOWS_RACES = True
    STALE_READS = 0

    def setup(self) -> None:
        self.machine.begin(1, 2)

    def thread_core(self) -> None:
        self.machine.work(self.machine.mcps[0], None)

    def thread_interrupts(self) -> None:
        self.machine.wake(self.machine.mcps[0])
        self.machine.wake(self.machine.mcps[1])

    def check(self) -> None:
        assert self.machine.mcps[1].turns > 0
