# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who runs here: the thread-local pointers to the calling uthread and its vcore.

Each uthread and each vcore has a thread-local block of its own. A vcore's says "no uthread": code that runs with it is in
vcore context. A uthread's `vcore` is written at each launch, so it is right only as long as the thread cannot migrate: in vcore
context, with notifications disabled, or with DONT_MIGRATE set before it was read.
"""

from lang import ThreadLocal, at, struct, tells_context, u32, u64
from parlib.uthread import Uthread
from parlib.vcore import Vcore


@struct
class Current:
    uthread: u64                            # address of the Uthread; 0 in a vcore's block
    vcore: u64                              # address of the Vcore
    error: u64                              # address of the ErrorSlot: the uthread's, or the vcore's


me = ThreadLocal[Current]()


@tells_context("vcore_context")
def in_vcore_context() -> bool:
    return me.mine.uthread == 0


def is_pinned() -> bool:
    """In vcore context, or a thread with notifications disabled: `my_vcore` is right, and locks need not disable them again."""
    return me.mine.uthread == 0 or at(Uthread, me.mine.uthread).notif_depth != 0


def my_uthread() -> Uthread:
    """The calling uthread. Not in vcore context."""
    return at(Uthread, me.mine.uthread)


def my_vcore() -> Vcore:
    """The vcore that runs the caller, which cannot migrate (see above)."""
    return at(Vcore, me.mine.vcore)


def current_vcoreid() -> u32:
    """For messages: the thread may be elsewhere by the time this is read."""
    return my_vcore().id
