# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel scheduler: many-core processes get cores in space, single-core processes take turns on those that nobody holds.

SCPs: runqueue.py. MCPs: a pass over all of them gives each the cores that it wants and does not have, first come first served. A pass
is asked for by `poke`, from anywhere; one runner at a time. A machine with one core: lending.py.
A process known here has one reference from here, its existence; `forget` drops it.
Locks: `alloc.lock` guards the lists; never together with a process' lock.
"""

from typing import Literal

from lang import Array, Span, array, never_blocks, recursion, struct, u32, u64
from kern.abi.proc import MAX_CORES, ProcState, Resource
from kern.core import alloc, lending, runqueue
from kern.lib.list import IntrusiveList
from kern.proc.proc import Proc, proc_get, proc_put
from kern.proc.run import run_s
from kern.sync.poke import PokeTracker


@struct
class SchedEntry:
    seen: u64                               # number of the last pass that looked at it
    forgotten: bool                         # dead: nothing may list it any more


mcps = IntrusiveList[Proc, Literal["mcp_link"]]()
passes = PokeTracker()
pass_number: u64 = 0


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
        runqueue.enqueue(p)


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
        runqueue.dequeue(p)
        if p.mcp_link.linked:
            mcps.remove(p)
        alloc.forget_cores(p, pcores)
    proc_put(p)
    poke()


@never_blocks
def core_idle() -> None:
    """From the idle loop of a core that nobody owns; interrupts are off. Gives the core its next process, if one waits for it."""
    if lending.lend_in_turn():
        return
    while (p := runqueue.take()) is not None:
        running = run_s(p)
        proc_put(p)
        if running:
            lending.scp_begins()
            return
    lending.lend()


# Many-core processes


def poke() -> None:
    """Have a pass over the MCPs made, here, or by whoever makes one now. Holds no lock."""
    if alloc.is_single_core():
        lending.ask()
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
    running: Numbers                        # single-core processes that have a core, the longest turn first,
    running_on: Numbers                     # ... and which one
    runnable: Numbers
    mcps: Numbers
    idle: Numbers


def view_lists(view: SchedView) -> None:
    with alloc.lock:
        view.passes = pass_number
        slot = runqueue.turns.first()
        while slot is not None:
            view.running.add(u32(slot.scp_pid))
            view.running_on.add(slot.id)
            slot = runqueue.turns.after(slot)
        p = runqueue.queue.first()
        while p is not None:
            view.runnable.add(u32(p.pid))
            p = runqueue.queue.after(p)
        p = mcps.first()
        while p is not None:
            view.mcps.add(u32(p.pid))
            p = mcps.after(p)
        slot = alloc.idle.first()
        while slot is not None:
            view.idle.add(slot.id)
            slot = alloc.idle.after(slot)
