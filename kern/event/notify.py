# SPDX-License-Identifier: GPL-2.0-or-later
"""Notifying a vcore: it wants attention, and if it allows interruption it is put into vcore context.

notif_pending is what makes it correct; the message to the core only makes it soon. It says no more than that the core is to look, and a
core that is to look already is sent no other: a process that notifies as fast as it can must not fill the memory with messages to a core
that is busy in the kernel. Where the owner has changed meanwhile nothing is lost: a vcore sees the flag when it starts again.
No locks.
"""

from lang import SEQ_CST, addr_of, fence, noinline, u32, u64
from kern.core.errand import Errand
from kern.core.percore import core
from kern.proc.proc import Proc
from kern.proc.run import interrupt_uthread


def notify(p: Proc, vcoreid: u32) -> None:
    """Tell a vcore to look at its messages. Callable with `p.lock` held or not."""
    if vcoreid >= p.max_vcores:
        return
    vcpd = p.vcpd(vcoreid)
    vcpd.notif_pending.store(1)
    # Pairs with whoever turns notifications on: parlib's enable_notifs and pop_context, sys_halt_core. They lower `disabled` and
    # then look at `pending`.
    fence(SEQ_CST)
    if vcpd.notif_disabled.load() != 0:
        return
    # Unlocked reads: a stale core gets a message that it drops.
    entry = p.info.vcoremap[vcoreid]
    if entry.valid != 0:
        looking.ask(entry.pcoreid)


@noinline
def notify_soon() -> None:
    """The vcore that this core is has something pending: it looks before the core leaves the kernel."""
    looking.ask(core.mine.core_id)


def look() -> None:
    """Errand: if whoever owns this core has something pending it is put into vcore context."""
    p = core.mine.owning_proc
    if p is not None and p.vcpd(core.mine.owning_vcoreid).notif_pending.load() != 0:
        notify_here(addr_of(p), 0, 0)


looking = Errand(fn=look)


def notify_here(address: u64, a1: u64, a2: u64) -> None:
    """Routine message: put the process that owns this core into vcore context, if it is still that one and lets us."""
    p = core.mine.owning_proc
    ctx = core.mine.cur_ctx
    # The address is only compared: the process may be gone.
    if p is None or addr_of(p) != address or ctx is None:
        return
    vcoreid = core.mine.owning_vcoreid
    vcpd = p.vcpd(vcoreid)
    if not p.is_vcore_ready() or vcpd.notif_disabled.load() != 0:
        return
    interrupt_uthread(p, vcoreid, ctx)
