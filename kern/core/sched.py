# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel scheduler: single-core processes take turns on core 0, many-core processes get cores in space.

SCPs: round robin, with a tick of 10 ms that runs only while one waits for another. MCPs: a pass over all of them gives each the
cores that it wants and does not have, first come first served. A pass is asked for by `poke`, from anywhere; one runner at a time.
With one core alone, core 0 is lent to MCPs in turn with the SCPs (docs/decisions/one-core.md).
A process known here has one reference from here, its existence; `forget` drops it.
Locks: `alloc.lock` guards the lists; never together with a process' lock.
"""

from typing import Literal

from lang import Array, Span, array, never_blocks, recursion, struct, u32, u64
from arch import cpu
from kern.abi.proc import MAX_CORES, ProcState, Resource
from kern.core import alloc
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.lib.list import IntrusiveList
from kern.proc.preempt import preempt_core
from kern.proc.proc import Proc, proc_get, proc_put
from kern.proc.run import deschedule_scp, run_s
from kern.sync.poke import PokeTracker
from kern.time.alarm import Alarm, set_alarm_on
from kern.time.clock import now_ns

TICK_NS: u64 = 10_000_000


@struct
class SchedEntry:
    seen: u64                               # number of the last pass that looked at it
    forgotten: bool                         # dead: nothing may list it any more


runnable = IntrusiveList[Proc, Literal["runnable_link"]]()  # SCPs that wait for core 0
mcps = IntrusiveList[Proc, Literal["mcp_link"]]()
passes = PokeTracker()
pass_number: u64 = 0
mcp_turn: bool = False                      # with one core: whose turn it is
tick = Alarm()


# What the process code calls


def register(p: Proc) -> None:
    """A process exists: the scheduler has a reference to it from now on."""
    proc_get(p)


def wakeup(p: Proc) -> None:
    """Make a WAITING (or CREATED) process runnable. Nothing if it is not. Callable wherever no spinlock is held."""
    with p.lock:
        if p.is_in(ProcState.WAITING):
            p.set_state(ProcState.RUNNABLE_M if p.is_mcp else ProcState.RUNNABLE_S)
        elif p.is_in(ProcState.CREATED):
            p.set_state(ProcState.RUNNABLE_S)
        else:
            return
    if p.is_mcp:
        poke()
    else:
        make_runnable(p)


def make_runnable(p: Proc) -> None:
    with alloc.lock:
        if not p.sched.forgotten and not p.runnable_link.linked:
            runnable.push_back(p)
    nudge_core_0()


def became_mcp(p: Proc) -> None:
    """The process has changed to a many-core one, and wants at least one core."""
    with alloc.lock:
        if not p.sched.forgotten:
            mcps.push_back(p)
    wanted = p.data.res_req[Resource.CORES]
    wanted.amt_wanted.cas(0, 1)
    poke()


def put_idle_core(p: Proc, pcore: u32) -> None:
    """A vcore was yielded. Somebody else may have been waiting for the core."""
    alloc.put_idle(p, pcore)
    poke()


def forget(p: Proc, pcores: Span[u32]) -> None:
    """The process is dead, and these cores were its. Drops the scheduler's reference."""
    with alloc.lock:
        p.sched.forgotten = True
        if p.runnable_link.linked:
            runnable.remove(p)
        if p.mcp_link.linked:
            mcps.remove(p)
        alloc.forget_cores(p, pcores)
    proc_put(p)
    poke()


# Many-core processes


def poke() -> None:
    """Have a pass over the MCPs made, here, or by whoever makes one now. Holds no lock."""
    if alloc.is_single_core():
        nudge_core_0()
        return
    passes.poke(run_pass, 0)


@recursion(1)                               # who pokes during a pass leaves it to whoever makes that
def run_pass(unused: u64) -> None:
    """Give every MCP what it wants, as far as there are cores."""
    global pass_number
    with alloc.lock:
        pass_number += 1
    while (p := next_unseen()) is not None:
        needed = cores_needed(p)
        if needed > 0:
            alloc.request(p, needed)
        proc_put(p)


def next_unseen() -> Proc | None:
    """An MCP that this pass has not looked at yet, with a reference."""
    with alloc.lock:
        p = mcps.first()
        while p is not None:
            if p.sched.seen != pass_number:
                p.sched.seen = pass_number
                proc_get(p)
                return p
            p = mcps.after(p)
    return None


def cores_needed(p: Proc) -> u64:
    """How many more cores the process is to get. What it wants is its own word, and not trusted."""
    if not p.is_in(ProcState.RUNNABLE_M) and not p.is_in(ProcState.RUNNING_M):
        return 0
    wanted = p.data.res_req[Resource.CORES].amt_wanted.load()
    # It did not go WAITING, so it may have a message to look at; and nonsense is worth one core.
    if wanted == 0 or wanted > u64(p.max_vcores):
        wanted = 1
    granted = u64(p.num_vcores)
    return wanted - granted if wanted > granted else 0


# Core 0


def nudge_core_0() -> None:
    """Make core 0 pass its idle loop, or, if somebody runs there, make sure of a tick."""
    send_routine(0, look_at_core_0, 0, 0, 0)


def look_at_core_0(a0: u64, a1: u64, a2: u64) -> None:
    """Routine message on core 0. The idle loop does the rest if nobody runs here."""
    if core.mine.owning_proc is not None:
        arm_tick()


def arm_tick() -> None:
    """On core 0: tick once more if there is contention."""
    if not tick.is_set and someone_waits():
        tick.handler = on_tick
        set_alarm_on(0, tick, now_ns() + TICK_NS)


def someone_waits() -> bool:
    return not runnable.is_empty() or (alloc.is_single_core() and has_needy_mcp())


def has_needy_mcp() -> bool:
    with alloc.lock:
        p = mcps.first()
        while p is not None:
            if cores_needed(p) > 0:
                return True
            p = mcps.after(p)
    return False


@never_blocks
def core_idle() -> None:
    """From the idle loop of a core that nobody owns; interrupts are off. Gives core 0 its next process.

    An MCP's turn on a machine with one core is a message, since a pass over the MCPs sends events and so may block.
    """
    global mcp_turn
    if core.mine.core_id != 0:
        return
    if mcp_turn:
        mcp_turn = False
        if lend_core_0():
            return
    while (p := next_runnable()) is not None:
        running = run_s(p)
        proc_put(p)
        if running:
            mcp_turn = True
            arm_tick()
            return
    lend_core_0()


def lend_core_0() -> bool:
    """If core 0 is alone and an MCP wants it, have a pass made by this core's next message. Whether that is so."""
    if not alloc.is_single_core() or alloc.idle_count() == 0 or not has_needy_mcp():
        return False
    send_routine(0, pass_here, 0, 0, 0)
    return True


def pass_here(a0: u64, a1: u64, a2: u64) -> None:
    """Routine message on core 0: its startcore message, if an MCP takes the core, comes next."""
    run_pass(0)
    if alloc.idle_count() == 0:
        arm_tick()


def next_runnable() -> Proc | None:
    """The SCP whose turn it is, with a reference."""
    with alloc.lock:
        p = runnable.pop_front()
        if p is not None:
            proc_get(p)
        return p


def on_tick(alarm: Alarm) -> None:
    """Alarm on core 0: the time of whoever runs here is up, if somebody waits."""
    owner = core.mine.owning_proc
    if owner is None or not someone_waits():
        return
    proc_get(owner)
    if owner.is_mcp:
        if preempt_core(owner, 0, 0):
            alloc.put_idle(owner, 0)
            move_to_tail(owner)
    else:
        saved = cpu.irqs_save()
        deschedule_scp(owner)
        cpu.irqs_restore(saved)
        if owner.is_in(ProcState.RUNNABLE_S):
            make_runnable(owner)
    proc_put(owner)


def move_to_tail(p: Proc) -> None:
    """Behind the other MCPs, whose turn it is."""
    with alloc.lock:
        if p.mcp_link.linked:
            mcps.remove(p)
            mcps.push_back(p)


# Diagnosis


@struct
class Numbers:
    """Process ids, or cores."""

    count: u64
    items: Array[u32] = array(MAX_CORES)

    def add(self, number: u32) -> None:
        if self.count < len(self.items):
            self.items[self.count] = number
            self.count += 1


@struct
class SchedView:
    """What is on the scheduler's lists; the first of each, if they are long."""

    passes: u64
    runnable: Numbers
    mcps: Numbers
    idle: Numbers


def view_lists(view: SchedView) -> None:
    with alloc.lock:
        view.passes = pass_number
        p = runnable.first()
        while p is not None:
            view.runnable.add(u32(p.pid))
            p = runnable.after(p)
        p = mcps.first()
        while p is not None:
            view.mcps.add(u32(p.pid))
            p = mcps.after(p)
        slot = alloc.idle.first()
        while slot is not None:
            view.idle.add(slot.id)
            slot = alloc.idle.after(slot)
