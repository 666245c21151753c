# SPDX-License-Identifier: GPL-2.0-or-later
"""The run queue of the single-core processes, and their turns on the cores.

They run on every core that no many-core process holds (docs/decisions/single-core-processes.md). There is one queue, first in first out; a
core that has nothing else to do takes from it. Whoever puts a process in finds it a core: this one, if it is about to be free, or one that
rests, which gets a message. When none rests a clock begins to tick: every 10 ms as many processes as wait get the cores of those that have
run for longest. It stops when nobody waits.
A core that is granted to an MCP is vacated by its first message from there (`vacate`).
What holds whenever `alloc.lock` is free: for each process in the queue a core is on its way here, or the clock ticks.
Locks: `alloc.lock` guards the lists.
"""

from typing import Literal

from lang import RELAXED, never_blocks, u64
from kern.core import alloc, lending
from kern.core.alloc import CoreSlot, slots
from kern.core.current import clear_owning_proc
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.lib.list import IntrusiveList
from kern.proc.proc import Proc, proc_get, proc_put
from kern.proc.run import deschedule_scp
from kern.sync.kthread import current_kthread
from kern.time.alarm import Alarm, set_alarm_on
from kern.time.clock import now_ns

TICK_NS: u64 = 10_000_000

queue = IntrusiveList[Proc, Literal["runnable_link"]]()
turns = IntrusiveList[CoreSlot, Literal["turn_link"]]()  # cores that run single-core processes, the longest turn first
tick = Alarm()                              # on core 0
ticking: bool = False


def enqueue(p: Proc) -> None:
    """The process, which is RUNNABLE_S, waits for a core; unless it is dead."""
    with alloc.lock:
        if not p.sched.forgotten and not p.runnable_link.linked:
            queue.push_back(p)
            find_core(p)


def dequeue(p: Proc) -> None:
    """It is dead. Caller holds: `alloc.lock`."""
    if p.runnable_link.linked:
        queue.remove(p)


def find_core_for_first() -> None:
    """A core was granted, which somebody in the queue may have counted on, or has become free. Caller holds: `alloc.lock`."""
    first = queue.first()
    if first is not None:
        find_core(first)


def find_core(p: Proc) -> None:
    """Have one core more take from the queue, as soon as can be. Caller holds: `alloc.lock`."""
    # This core takes one, and is not to be counted on for two.
    if queue.count == 1 and is_about_to_be_free():
        return
    slot = resting_core(p)
    if slot is not None:
        core[slot.id].resting.store(False, order=RELAXED)
        send_routine(slot.id, come_by, 0, 0, 0)
    else:
        start_ticking()


def is_about_to_be_free() -> bool:
    """Whether this core comes to its idle loop presently: a thread works here for a process without a core, most likely this one."""
    return core.mine.owning_proc is None and slots[core.mine.core_id].alloc is None and not current_kthread().is_ktask


def resting_core(p: Proc) -> CoreSlot | None:
    """Where `p` was last, then core 0, which is never granted, then that which is the last to be granted. Caller holds: `alloc.lock`."""
    last = slots[p.info.vcoremap[0].pcoreid]
    if rests(last):
        return last
    if rests(slots[0]):
        return slots[0]
    slot = alloc.idle.last()
    while slot is not None:
        if rests(slot):
            return slot
        slot = alloc.idle.before(slot)
    return None


def rests(slot: CoreSlot) -> bool:
    return slot.alloc is None and core[slot.id].resting.load(order=RELAXED)


def come_by(a0: u64, a1: u64, a2: u64) -> None:
    """Routine message to a core that rests: its idle loop does the rest."""


@never_blocks
def take() -> Proc | None:
    """The process whose turn it is on this core, with a reference. None if there is none, or an MCP has been granted the core: it rests.

    Interrupts are off.
    """
    # Without the lock: who has put something in since we came to rest has sent us, or another, a message.
    if core.mine.resting.load(order=RELAXED) and queue.is_empty():
        return None
    with alloc.lock:
        slot = slots[core.mine.core_id]
        end_turn(slot)
        p = queue.pop_front() if slot.alloc is None else None
        if p is None:
            core.mine.resting.store(True, order=RELAXED)
            return None
        core.mine.resting.store(False, order=RELAXED)
        slot.scp_pid = p.pid
        slot.turn_began_ns = now_ns()
        turns.push_back(slot)
        proc_get(p)
        return p


def end_turn(slot: CoreSlot) -> None:
    """The core is another's, or is to be. Caller holds: `alloc.lock`."""
    if slot.turn_link.linked:
        turns.remove(slot)


def vacate() -> None:
    """This core has been granted to an MCP: the single-core process that runs here, if any, waits for another. Interrupts are off."""
    owner = core.mine.owning_proc
    if owner is None:
        return
    assert not owner.is_mcp, "a core was granted before its last owner was sent away"
    proc_get(owner)
    if deschedule_scp(owner):
        enqueue(owner)
    else:
        clear_owning_proc()                 # it is dying: the message that says so finds nobody
    proc_put(owner)


# The clock


def start_ticking() -> None:
    """Caller holds: `alloc.lock`."""
    global ticking
    if not ticking:
        ticking = True
        tick.handler = on_tick
        set_alarm_on(0, tick, now_ns() + TICK_NS)


def on_tick(alarm: Alarm) -> None:
    """Alarm on core 0: end as many turns as processes wait, the longest first. One that has just begun goes on."""
    global ticking
    with alloc.lock:
        waiting = queue.count + lending.waiting()
        if waiting == 0:
            ticking = False
            return
        now = now_ns()
        slot = turns.first()
        for _ in range(waiting):
            if slot is None or now - slot.turn_began_ns < TICK_NS // 2:
                break
            send_routine(slot.id, give_way, slot.turn_began_ns, 0, 0)
            slot = turns.after(slot)
        set_alarm_on(0, tick, now + TICK_NS)
    lending.end_turn()


def give_way(turn: u64, a1: u64, a2: u64) -> None:
    """Routine message: the turn that began then on this core is over."""
    owner = core.mine.owning_proc
    if owner is None or owner.is_mcp or slots[core.mine.core_id].turn_began_ns != turn:
        return
    proc_get(owner)
    if deschedule_scp(owner):
        enqueue(owner)
    proc_put(owner)
