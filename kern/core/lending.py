# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with one core: it is lent to many-core processes, in turn with the single-core ones (docs/decisions/one-core.md).

On every other machine nothing here does anything.
Locks: `alloc.lock`; never together with a process' lock.
"""

from lang import u64
from kern.core import alloc, runqueue
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.core.sched import cores_needed, mcps, move_to_tail, run_pass
from kern.proc.preempt import preempt_core
from kern.proc.proc import proc_get, proc_put

mcp_turn: bool = False                      # the next turn is an MCP's, if one wants it


def ask() -> None:
    """An MCP may want the core: have its idle loop look, or, if somebody runs there, see that his turn ends."""
    send_routine(0, look, 0, 0, 0)


def look(a0: u64, a1: u64, a2: u64) -> None:
    """Routine message. The idle loop does the rest if nobody runs here."""
    if core.mine.owning_proc is not None:
        limit_turn()


def limit_turn() -> None:
    """Have the clock tick if somebody waits for the end of the turn that runs now."""
    with alloc.lock:
        if not runqueue.queue.is_empty() or waiting() > 0:
            runqueue.start_ticking()


def waiting() -> u64:
    """1 if an MCP waits for the core to be lent, else 0. Caller holds: `alloc.lock`."""
    if not alloc.is_single_core():
        return 0
    p = mcps.first()
    while p is not None:
        if cores_needed(p) > 0:
            return 1
        p = mcps.after(p)
    return 0


def lend_in_turn() -> bool:
    """The core is free: lend it if it is an MCP's turn. Returns whether it did. From the idle loop."""
    global mcp_turn
    if not mcp_turn:
        return False
    mcp_turn = False
    return lend()


def lend() -> bool:
    """The core is free: if an MCP wants it, have a pass made by its next message, since a pass sends events and so may block.
    Returns whether it did. From the idle loop."""
    if not alloc.is_single_core() or alloc.idle_count() == 0:
        return False
    with alloc.lock:
        wanted = waiting() > 0
    if wanted:
        send_routine(0, pass_here, 0, 0, 0)
    return wanted


def pass_here(a0: u64, a1: u64, a2: u64) -> None:
    """Routine message: a startcore message, if an MCP takes the core, comes next."""
    run_pass(0)
    if alloc.idle_count() == 0:
        limit_turn()


def scp_begins() -> None:
    """A single-core process has got the core. From the idle loop."""
    global mcp_turn
    if alloc.is_single_core():
        mcp_turn = True
        limit_turn()


def end_turn() -> None:
    """Somebody has waited long enough: the MCP that has the core, if one has, gives it back. An alarm on core 0."""
    owner = core.mine.owning_proc
    if owner is None or not owner.is_mcp:
        return
    proc_get(owner)
    if preempt_core(owner, 0, 0):
        move_to_tail(owner)
    proc_put(owner)
