# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the kernel enters a process on a core: vcore context, the ground floor of every 2LS.

Runs on the vcore's own stack and thread-local block, with notifications disabled, and never returns. Nothing survives on the stack
from one entry to the next. Nothing here may block or allocate: a thread that holds the allocator's lock may be the one that
was interrupted to get us here.
"""

from typing import NoReturn

from lang import RELAXED, addr_of, assign, at, entry, export, frame_address, u64, vcore_context
from parlib import sched
from parlib.current import in_vcore_context
from parlib.event import handle_events, handle_one
from parlib.machine import save_fp
from parlib.preempt import continue_draining
from parlib.stealing import is_being_stolen_from
from parlib.uthread import run_current_raw
from parlib.vcore import ANY_VCORE, STACK_SIZE, Vcore, relax_for, vcores
from parlib.yielding import answer_preemption

ENTRY_DEPTH: u64 = 512                      # no frame of ours is deeper in its stack than this when a vcore starts


@entry(stack=STACK_SIZE)
@vcore_context
@export("vcore_entry")
def vcore_entry(vcoreid: u64) -> None:
    """Fresh vcore context. The interrupted uthread's extended registers are still in the core."""
    vcore = vcores[vcoreid]
    assert in_vcore_context() and vcore.data.notif_disabled.load(order=RELAXED) != 0, "a fresh vcore that can be interrupted"
    assert vcore.stack_top - ENTRY_DEPTH <= frame_address() <= vcore.stack_top, "a fresh vcore that is not at the top of its stack"
    if not is_being_stolen_from(vcore.data):
        uthread = vcore.current
        if uthread is not None:
            save_fp(addr_of(uthread.fp))
    else:
        wait_for_stealer(vcore)
    vcore.entries += 1
    begin_vcore(vcore)


def wait_for_stealer(vcore: Vcore) -> None:
    """Another vcore is taking our current uthread, or finding that it cannot. Until it is through we may only help it on:
    one message at a time, since one of them may tell that it, in turn, was preempted."""
    data = vcore.data
    while is_being_stolen_from(data):
        handle_one(vcore, data.public_mbox)
        relax_for(ANY_VCORE)
    uthread = vcore.current
    if uthread is not None:
        # Only a preempted vcore is stolen from, so the kernel has saved its registers; ours may be spoilt by now.
        assign(uthread.fp, data.preempt_anc)


def begin_vcore(vcore: Vcore) -> NoReturn:
    """After every entry from the kernel, and after the stack was reset; the current uthread is saved entirely."""
    uthread = vcore.current
    if uthread is not None and uthread.dont_migrate.load(order=RELAXED) != 0:
        run_current_raw(vcore, uthread)
    continue_draining(vcore)
    # Events first: the thread interrupted here may be the one that an event makes runnable elsewhere.
    handle_events(vcore)
    run_vcore(vcore)


@entry(stack=STACK_SIZE)
@vcore_context
@export("vcore_restarted")
def vcore_restarted(address: u64) -> None:
    """The top of the stack again, for work that may not return to where it began."""
    vcore = at(Vcore, address)
    if is_being_stolen_from(vcore.data):
        wait_for_stealer(vcore)
    begin_vcore(vcore)


@entry(stack=STACK_SIZE)
@vcore_context
@export("vcore_reentered")
def vcore_reentered(address: u64) -> None:
    """The same, with something to be called first."""
    vcore = at(Vcore, address)
    function = vcore.reenter
    vcore.reenter = None
    if function is not None:
        function(vcore)
    vcore_restarted(address)


def run_vcore(vcore: Vcore) -> NoReturn:
    """Run threads for as long as the core is ours: the current one, or whichever the 2LS picks."""
    while True:
        if vcore.data.notif_pending.load(order=RELAXED) != 0:
            handle_events(vcore)
        if vcore.map.preempt_pending.load(order=RELAXED) != 0:
            answer_preemption(vcore)
        uthread = vcore.current
        if uthread is not None:
            sched.current.resume(vcore, uthread)
            continue
        sched.current.entry(vcore)
        if handle_events(vcore) == 0:
            sched.current.idle(vcore)
