# SPDX-License-Identifier: GPL-2.0-or-later
"""TLB shootdown: no core goes on using a translation that this core has just taken out of the page tables.

`flush_space(p)` returns when every core that was in p's address space has flushed. A core that enters it later uses nothing
that it may remember from before. Page-table changes come before the call, frees of the pages after it.
A request is a count per core, served by the IPI handler and by everybody who spins, interrupts off or not; so one may
wait for it while holding a spinlock. It takes no locks, and is served in any context.
"""

from lang import Atomic, PerCore, fence, pause, struct, u32, u64, SEQ_CST
from arch import mmu, smp
from kern.core.percore import core
from kern.proc.proc import Proc


@struct(align=64)
class FlushState:
    wanted: Atomic[u64]                     # raised by who wants a flush
    served: Atomic[u64]                     # raised, to a value of `wanted` read before it flushed, by the core itself


flushes = PerCore[FlushState]()


def relax() -> None:
    """What to do in every spin: let the other hardware thread go on, and serve flushes."""
    pause()
    serve_flush()


def serve_flush() -> None:
    """Flush this core's TLB if anybody asked. Any context."""
    mine = flushes.mine
    # In a loop: an IPI in the middle serves a later request, and then our store takes `served` back.
    while (wanted := mine.wanted.load()) != mine.served.load():
        mmu.flush_local_all()
        mine.served.store(wanted)


def flush_space(p: Proc) -> None:
    """Make every core forget p's translations, and wait until they have."""
    mmu.outdate(p.space)                    # for those who were in there, and come back
    fence(SEQ_CST)                          # our page-table writes before the reads of who is in there
    me = core.mine.core_id
    for target in range(u32(0), smp.core_count()):
        if target != me and is_inside(target, p):
            flushes[target].wanted.add(1)
            smp.send_ipi(target)
    if is_inside(me, p):
        mmu.flush_local_all()
    for target in range(u32(0), smp.core_count()):
        if target != me:
            await_core(target)


def flush_kernel() -> None:
    """Make every core forget translations of the kernel map, and wait until they have. Page tables were changed before."""
    fence(SEQ_CST)                          # page tables before the request, which the other core reads before it flushes
    me = core.mine.core_id
    for target in range(u32(0), smp.core_count()):
        if target != me:
            flushes[target].wanted.add(1)
            smp.send_ipi(target)
    mmu.flush_local_all()
    for target in range(u32(0), smp.core_count()):
        if target != me:
            await_core(target)


def is_inside(target: u32, p: Proc) -> bool:
    there = core[target].cur_proc
    return there is not None and there is p


def await_core(target: u32) -> None:
    state = flushes[target]
    wanted = state.wanted.load()
    while state.served.load() < wanted:
        relax()
