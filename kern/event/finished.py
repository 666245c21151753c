# SPDX-License-Identifier: GPL-2.0-or-later
"""Finished calls that threads wait for, told on the spot: by a list of the vcore that this core is.

A call with UTHREAD that is finished on a core of its own process goes on the list of the vcore there (VcorePreemptData.finished), linked
through the call's own `ev_q`: no mailbox, no alert, no memory. Nobody else adds to the list, and nobody but the vcore takes it, as a whole;
who recovers a preempted vcore lets it run if there is something on its list. It is told in the cheapest way that there is: a core on its
way back from a system call goes to the process' `call_notified` instead, as if the call's caller had called that.
Locks: none. The list is the core's own business: the kernel is not preempted, and a fault on user memory does not block.
"""

from lang import RELAXED, RELEASE, Uaddr, inline, never_blocks, u32, u64
from arch import context
from kern.abi.proc import Pending
from kern.core.percore import core
from kern.event.notify import notify_soon
from kern.mm.umem import link_call, mark_done
from kern.proc.proc import Proc


@inline
@never_blocks
def list_finished(p: Proc, sysc: Uaddr) -> bool:
    """Put p's call at `sysc`, whose results are stored, on the list of the vcore that this core is, and say DONE. False, and nothing has
    changed, if this core is none of p's, or the call's structure has gone. The address space is loaded."""
    if not p.is_mcp or core.mine.owning_proc is not p:
        return False
    vcpd = p.vcpd(core.mine.owning_vcoreid)
    if not link_call(sysc, vcpd.finished.load(order=RELAXED)):
        return False
    # The list before DONE: who sees that may be told by nothing else. What is in it is the process' word, which the kernel only hands on.
    # A plain store: nobody takes the list but this very vcore, and this core is in the kernel.
    vcpd.finished.store(u64(sysc), order=RELEASE)
    mark_done(sysc)
    # CALLS only if nothing else is pending: who finds that need not look at the mailboxes.
    vcpd.notif_pending.cas(0, u32(Pending.CALLS))
    ctx = core.mine.cur_ctx
    if ctx is not None and vcpd.notif_disabled.load() == 0 and not context.divert_call(ctx, p.data.call_return, p.data.call_notified):
        notify_soon()
    return True
