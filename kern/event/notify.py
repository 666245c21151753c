# SPDX-License-Identifier: GPL-2.0-or-later
"""Notifying a vcore: it wants attention, and if it allows interruption it is put into vcore context.

notif_pending is what makes it correct; the message to the core only makes it soon. A message that reaches a core whose owner
has changed is dropped: the vcore sees the flag when it starts again.
No locks.
"""

from lang import SEQ_CST, addr_of, fence, u32, u64
from kern.core.kmsg import send_routine
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
        send_routine(entry.pcoreid, notify_here, addr_of(p), 0, 0)


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
