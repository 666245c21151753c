# SPDX-License-Identifier: LGPL-2.1-or-later
"""System calls beyond "submit and wait": told of on an event queue, given up after a time, given up by descriptor.

    tell(call, queue)                       # before it is submitted: EV_SYSCALL with its address comes to the queue, exactly once
    submit_read(call, fd, buffer)
    …
    submit_read(call, fd, buffer)
    if not wait_at_most(call, 1_000_000):   # gave up after a second; the call is over, mostly with EINTR
        …
Akaros: syscall_async, syscall_async_evq, and the alarms of its asynchronous calls.
"""

from lang import Error, Ref, Uaddr, addr_of, array, u32, u64
from kern.abi.event import EventMsg, EventQueue, MailboxKind
from kern.abi.syscall import Syscall, SyscallFlag
from parlib.blockon import register_for
from parlib.queues import RELIABLE, attach_wakeup, block_on_queues, cancel, get_queue, put_queue
from rt.syscall import is_done, wait_for


def tell(call: Syscall, queue: EventQueue) -> None:
    """Have EV_SYSCALL (arg3 = address of `call`) sent to `queue` when the call, which is not submitted yet, is over.

    The queue's mailbox is an UCQ, which keeps each message. Nobody may wait for the call otherwise.
    """
    call.ev_q = Uaddr(addr_of(queue))
    call.flags.store(u32(SyscallFlag.UEVENT))


def wait_at_most(call: Syscall, usec: u64) -> bool:
    """Wait for a submitted call, and abort it if it is not over after so long. True if it was over by itself.

    It is over in any case afterwards; an aborted one may have succeeded all the same. Blocks the calling uthread. Raises ENOMEM; EINTR
    when the thread has handled a signal.
    """
    if is_done(call):
        return True
    queue = get_queue(MailboxKind.BITMAP, RELIABLE, 0)
    attach_wakeup(queue)
    try:
        in_time = True
        if register_for(call, queue):
            waited_for = array(1, Ref[EventQueue])
            waited_for[0] = queue
            try:
                in_time = block_on_queues(waited_for[:], EventMsg(), usec) is not None
            except Error:
                cancel(call)
                raise
        if in_time:
            wait_for(call)
        else:
            cancel(call)
        return in_time
    finally:
        put_queue(queue)
