# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a caller waits for a system call that is not done: by blocking its uthread if it can, else the process, else by spinning."""

from lang import ACQUIRE, RELAXED, SEQ_CST, Uaddr, addr_of, at, atomic, cold, fence, inline, noinline, pause, u32, u64
from kern.abi.event import EventFlag, EventQueue, MailboxKind
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.cancel import is_wanted
from parlib.current import in_vcore_context, my_uthread
from parlib.event import OwnedQueue
from parlib.uthread import Uthread, leave, switch_for_call
from parlib.vcore import is_mcp, pin, vcores, wait_spinning
from syscalls import submit_abort_sysc, submit_proc_yield

DONE_OR_PROGRESS: u32 = 3
UEVENT: u32 = 4
FOR_THREAD: u32 = 36                        # ... with SyscallFlag.UTHREAD
IN_KERNEL: u32 = 8                          # SyscallFlag.K_LOCK

parlib_ready: bool = False                  # vcore context can be entered: uthreads can block

early_queue = OwnedQueue()


def set_parlib_ready() -> None:
    global parlib_ready
    parlib_ready = True


def register_for(call: Syscall, queue: EventQueue, asking: u32 = UEVENT) -> bool:
    """Ask for an event on `queue` when the call is done. False if it is done already: then there will be none.

    After True the call, and the thread that waits for it, belong to the handler of that event; with `asking` FOR_THREAD also to who finds
    the call among the finished ones (parlib.finished).
    """
    call.ev_q = Uaddr(addr_of(queue))
    fence(SEQ_CST)                          # the queue before UEVENT: pairs with `complete` of kern/syscall/dispatch.py, flags before ev_q
    while True:
        flags = call.flags.load(order=ACQUIRE)
        if flags & IN_KERNEL != 0:
            pause()
        elif flags & DONE_OR_PROGRESS != 0:
            call.ev_q = Uaddr(0)
            return False
        elif call.flags.cas(flags, flags | asking):
            return True


def deregister(call: Syscall) -> None:
    """Afterwards the event was sent entirely, or never will be."""
    call.ev_q = Uaddr(0)
    fence(SEQ_CST)                          # pairs with `complete`, as in register_for
    while True:
        flags = call.flags.load(order=ACQUIRE)
        if flags & IN_KERNEL != 0:
            pause()
        elif flags & UEVENT == 0 or flags & DONE_OR_PROGRESS != 0 or call.flags.cas(flags, flags ^ UEVENT):
            return


@inline
def block_on(call: Syscall) -> None:
    """Wait until the call may be done; the caller looks again."""
    if parlib_ready and not in_vcore_context() and my_uthread().notif_depth == 0:
        block_uthread(call)
    else:
        block_vcore(call)


@noinline
def block_vcore(call: Syscall) -> None:
    """Where there is no uthread that could block."""
    if not parlib_ready:
        block_process(call)
        return
    if is_mcp():
        pause()
        return
    block_process(call)
    # Events that came for others stay in their mailboxes: make sure that somebody looks.
    vcores[0].data.notif_pending.store(u32(1))


@noinline
def block_uthread(call: Syscall) -> None:
    """Straight to the next ready thread, or by way of vcore context if there is none, or more to do: as `park` of parlib.uthread."""
    uthread = my_uthread()
    # A swap, so that it is seen before we look at what follows: pairs with `cancel`, and with `draw_attention` before `break_call`.
    atomic(uthread.sysc).swap(call)
    if is_wanted(uthread.cancel):           # asked for before anybody could see what we are about to wait for
        abort_call(call)
    vcore = pin(uthread)
    if vcore.data.notif_pending.load(order=RELAXED) == 0 and not sched.takes_reasons:
        follower = sched.current.next_for_call(vcore, uthread, call)
        if follower is not None:
            uthread.notif_depth = 0
            switch_for_call(vcore, uthread, follower, call)
            uthread.sysc = None
            return
    uthread.notif_depth = 0
    leave(vcore, uthread, block_callback, addr_of(call))
    uthread.sysc = None


@cold
@noinline
def abort_call(call: Syscall) -> None:
    """Have it give up with EINTR, if it sleeps."""
    abort = Syscall()
    submit_abort_sysc(abort, Uaddr(addr_of(call)))
    wait_spinning(abort)


def block_callback(uthread: Uthread, address: u64) -> None:
    if uthread.attention.load() != 0:       # a signal came before anybody could see what to break: that first, then it waits
        sched.current.runnable(uthread)
    else:
        sched.current.block_on_call(uthread, at(Syscall, address))


def block_process(call: Syscall) -> None:
    """Sleep in the kernel until the call is done. Only in an SCP, where nothing else could run anyway."""
    vcores[0].data.notif_pending.store(u32(0))
    early_queue.mailbox.kind = u32(MailboxKind.BITMAP)
    queue = early_queue.queue
    queue.mbox = Uaddr(addr_of(early_queue.mailbox))
    queue.flags = u32(EventFlag.WAKEUP | EventFlag.IPI)
    if not register_for(call, queue):
        return
    # Pending was cleared before we registered: if the call finishes now, the kernel sets it and refuses to let us sleep.
    nap = Syscall()
    submit_proc_yield(nap, False)
    wait_spinning(nap)
    deregister(call)
