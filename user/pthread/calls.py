# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocked system calls of a many-core process: one event queue for each vcore, each with a mailbox that keeps every message."""

from lang import Uaddr, addr_of, array, inline, u32
from kern.abi.event import EventFlag, MailboxKind
from kern.abi.syscall import Syscall
from parlib.blockon import FOR_THREAD, register_for
from parlib.current import my_vcore
from parlib.event import OwnedQueue, init_queue
from parlib.uthread import Uthread
from parlib.vcore import Vcore, max_vcores

call_queues = array(256, OwnedQueue)        # by vcore


def init_call_queues() -> None:
    """Before the first thread. Raises ENOMEM."""
    for vcoreid in range(max_vcores()):
        init_call_queue(vcoreid)


def init_call_queue(vcoreid: u32) -> None:
    """Raises ENOMEM."""
    flags = EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.IPI | EventFlag.WAKEUP
    init_queue(call_queues[vcoreid], MailboxKind.UCQ, flags, vcoreid)


@inline
def prepare_to_tell(vcore: Vcore, uthread: Uthread, call: Syscall) -> None:
    """Fill in what `tell_when_done` does, for who is to ask later."""
    call.u_data = addr_of(uthread)
    call.ev_q = Uaddr(addr_of(call_queues[vcore.id].queue))


def tell_when_done(uthread: Uthread, call: Syscall) -> bool:
    """Have `runnable` called for the thread when the call is done; it may be so already when this returns. False if it is done:
    then nobody will. In vcore context, or with
    notifications disabled."""
    call.u_data = addr_of(uthread)
    return register_for(call, call_queues[my_vcore().id].queue, FOR_THREAD)
