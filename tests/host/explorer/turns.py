# SPDX-License-Identifier: GPL-2.0-or-later
"""The run queue of the single-core processes (kern/core/runqueue.py): whoever waits gets a core, and nobody two.

Each thread is a core in its idle loop, with what the real one does in that order: messages, the process that owns it, the queue; then it
halts, until a message comes or something else changes.
"""

from lang import RELAXED, Array, Atomic, array, i32, pause, struct, u32, u64
from kern.core import alloc, runqueue
from kern.core.kmsg import mail, run_routines, send_routine
from kern.core.percore import core
from kern.proc.proc import ENDED, RUNNABLE, RUNNING, Proc
from kern.time import alarm

STAND_INS = ("tests/host/turns", "tests/host/process", "tests/host/machine")


@struct
class Machine:
    procs: Array[Proc] = array(3)
    long: u64  # so many of them, the first, run until all others have ended
    left: Atomic[u64]  # how many have not ended

    def begin(self, cores: u32, procs: u64, long: u64) -> None:
        self.long = long
        self.left.store(procs)
        for i in range(u64(3)):
            self.procs[i].pid = i32(i) + 1
        for id in range(cores):
            alloc.slots[id].id = id
            if id > 0:
                alloc.idle.push_back(alloc.slots[id])

    def start(self, pid: u64) -> None:
        """A process is woken, by kernel code on this core."""
        runqueue.enqueue(self.procs[pid - 1])

    def work(self) -> None:
        """The idle loop, until all have ended."""
        while self.left.load() > 0:
            if has_mail():
                core.mine.resting.store(False, order=RELAXED)
                run_routines(core.mine.core_id)
            elif core.mine.owning_proc is None:
                if not self.dispatch():
                    self.halt()
            elif not self.ends():
                look_at_clock()
                if not has_mail() and self.left.load() > 0:
                    pause()

    def halt(self) -> None:
        """Until an interrupt comes."""
        while not has_mail() and not look_at_clock() and self.left.load() > 0:
            pause()

    def dispatch(self) -> bool:
        p = runqueue.take()
        if p is None:
            return False
        assert p.state.load() == RUNNABLE and p.cores.add(1) == 0, "a process runs twice"
        p.state.store(RUNNING)
        core.mine.owning_proc = p
        return True

    def ends(self) -> bool:
        """Whether this core's process has come to its end."""
        p = core.mine.owning_proc
        assert p is not None
        if u64(p.pid) <= self.long and self.left.load() > self.long:
            return False
        p.cores.sub(1)
        p.state.store(ENDED)
        core.mine.owning_proc = None
        self.left.sub(1)
        return True


def look_at_clock() -> bool:
    """Whether the alarm of core 0, which this may be, has run."""
    if core.mine.core_id != 0 or not alarm.due.swap(False):
        return False
    runqueue.on_tick(runqueue.tick)
    return True


def has_mail() -> bool:
    box = mail[core.mine.core_id]
    with box.lock:
        return box.sent != box.taken


@struct
class TwoArrive:
    """Two are woken by a core that is about to be free, and takes the first for good, while another comes to rest."""

    machine: Machine
    ALLOWS_RACES = True  # the queue is looked at without the lock
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.machine.begin(2, 2, 1)

    def thread_zero(self) -> None:
        self.machine.work()

    def thread_one(self) -> None:
        self.machine.start(1)
        self.machine.start(2)
        self.machine.work()

    def check(self) -> None:
        assert runqueue.queue.is_empty()


@struct
class WokenByBoth:
    """Each core wakes one, of which the first would run for ever, and then looks for work."""

    machine: Machine
    ALLOWS_RACES = True
    PREEMPTIONS = 2
    STALE_READS = 0

    def setup(self) -> None:
        self.machine.begin(2, 2, 1)

    def thread_zero(self) -> None:
        self.machine.start(1)
        self.machine.work()

    def thread_one(self) -> None:
        self.machine.start(2)
        self.machine.work()

    def check(self) -> None:
        assert runqueue.queue.is_empty()


@struct
class LongTurn:
    """One that would run for ever has the only core when another is woken, from a core that is an MCP's: the clock ends its turn."""

    machine: Machine
    mcp: Proc
    ALLOWS_RACES = True
    PREEMPTIONS = 2
    STALE_READS = 0

    def setup(self) -> None:
        self.machine.begin(2, 2, 1)
        alloc.idle.remove(alloc.slots[1])
        alloc.slots[1].alloc = self.mcp

    def thread_zero(self) -> None:
        self.machine.start(1)
        self.machine.work()

    def thread_one(self) -> None:
        self.machine.start(2)

    def check(self) -> None:
        assert runqueue.queue.is_empty()


@struct
class Granted:
    """A core that somebody has counted on is granted to a many-core process: another one takes what waits."""

    machine: Machine
    mcp: Proc
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.machine.begin(2, 1, 0)

    def thread_zero(self) -> None:
        with alloc.lock:
            slot = alloc.slots[1]
            slot.alloc = self.mcp
            alloc.idle.remove(slot)
            runqueue.end_turn(slot)
            runqueue.find_core_for_first()
        send_routine(1, vacate_here, 0, 0, 0)
        self.machine.work()

    def thread_one(self) -> None:
        self.machine.start(1)
        self.machine.work()

    def check(self) -> None:
        assert runqueue.queue.is_empty()


def vacate_here(a0: u64, a1: u64, a2: u64) -> None:
    runqueue.vacate()
