# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls: from the user's structure to the function that declared the number, and back.

The structure is copied in once. The call may block: the thread parks, and the core goes on with the process; whoever is the
process' current thread when it is done, on whatever core, finishes it: results first, then DONE and K_LOCK in one atomic operation,
the event if one was asked for, then K_LOCK off. Calls that do not return to their caller finish early.
Of several calls that are submitted at once so many are run as go without a wait; the caller is told how many, and submits the rest.
Locks: none.
"""

from typing import NoReturn

from lang import (
    CHECKED,
    SEQ_CST,
    Error,
    Uaddr,
    array,
    artificial,
    at,
    cold,
    copy_bytes,
    entry,
    export,
    fence,
    i64,
    inline,
    noinline,
    offsetof,
    sizeof,
    text,
    u8,
    u32,
    u64,
    wrap,
)
from arch import cpu
from arch.abi import UserContext
from kern.abi.errno import Errno
from kern.abi.event import EventMsg, EventType
from kern.abi.syscall import ERRSTR_LEN, Syscall, SyscallFlag
from kern.core.cpu_state import CpuState, enter_state
from kern.core.idle import leave_kernel
from kern.core.kmsg import routine_pending
from kern.core.percore import core
from kern.debug import log
from kern.event.finish import finishing
from kern.event.finished import list_finished
from kern.event.send import send_event
from kern.mm.kmap import STACK_SIZE
from kern.mm.umem import and_u32, has_flag, load_u32, load_u64, note_taken, or_u32, publish, read_call, store_u32, store_u64, write_bytes
from kern.proc.destroy import kill
from kern.proc.proc import Proc
from kern.sync.kthread import KthreadFlag, current_kthread
from kern.sync.lockcheck import check_none_held
from syscalls import print_call, syscall_dispatch


MOST_AT_ONCE: u64 = 64                      # calls of one trap, in which a core goes through no quiescent state
FOR_THREAD: u32 = 36                        # SyscallFlag.UEVENT | SyscallFlag.UTHREAD


@entry(stack=STACK_SIZE)
@export("handle_syscall")
def handle_syscall(calls: u64, count: u64, ctx_address: u64) -> None:
    """Run the call that the current process submits. Interrupts are on, the kernel stack is empty.

    Returns, with interrupts off, when its caller goes on at once; else the core goes to `leave_kernel`.
    What is needed again after a step is taken anew from the core: that is cheaper than to save registers for it.
    """
    core.mine.cur_ctx = at(UserContext, ctx_address)
    core.mine.system_calls += 1
    kthread = current_kthread()
    kthread.sysc = Uaddr(calls)
    kthread.fd = -1
    if count != 1:
        run_several(count)
    if not read_call(kthread.call, Uaddr(calls)):
        leave_unread()
    enter_state(CpuState.KERNEL)
    if caller().traced:
        run_traced()
    try:
        syscall_dispatch(caller(), current_kthread().call)
    except Error:
        fail_current_call()
        leave_for_another()
    if u64(current_kthread().sysc) != 0:
        finish_call()
    elif current_kthread().was_parked:
        current_kthread().was_parked = False
    else:
        leave_for_another()                 # finished early: where its caller goes on may have changed
    if current_kthread().flags != KthreadFlag(0):
        leave_for_another()
    cpu.irqs_off()
    # Nor may the core have been given up, nor a message wait.
    if core.mine.cur_ctx is None or routine_pending():
        leave_kernel()
    if CHECKED:
        check_none_held("return to user space")
    enter_state(CpuState.USER)


@noinline
def leave_for_another() -> NoReturn:
    """This thread has left its stack since it was plain: the core does something else meanwhile, of which it knows nothing."""
    current_kthread().flags = KthreadFlag(0)
    current_kthread().was_parked = False
    leave_kernel()


@artificial
def caller() -> Proc:
    """The process that makes the system call."""
    p = core.mine.cur_proc
    assert p is not None, "a system call of no process"
    return p


@noinline
@cold
def fail_current_call() -> None:
    """What the call raised is in the thread's error slot."""
    raised = current_kthread().errors
    errno = Errno(raised.errno)
    if errno == Errno.ENOSYS:
        log.info(f"process {caller().pid}: {raised.message}")
    sysc = current_kthread().sysc
    current_kthread().sysc = Uaddr(0)
    if u64(sysc) != 0:
        finish_failed(caller(), sysc, errno, raised.message)


@noinline
@cold
def leave_unread() -> NoReturn:
    """There is nowhere to put an answer."""
    kill(caller(), "system call with a bad structure")
    leave_kernel()


@noinline
@cold
def run_several(count: u64) -> NoReturn:
    """Run calls that stand one after the other, from the current thread's on, for as long as their caller would go on at once."""
    enter_state(CpuState.KERNEL)
    first = current_kthread().sysc
    taken: u64 = 0
    while taken < min(count, MOST_AT_ONCE):
        kthread = current_kthread()
        kthread.sysc = first + taken * sizeof(Syscall)
        kthread.fd = -1
        core.mine.system_calls += u64(taken > 0)  # the first is counted
        taken += 1
        # Noted before it is run: the caller may go on while it waits.
        if not read_call(kthread.call, kthread.sysc) or not note_taken(first, taken):
            leave_unread()
        if not run_at_leisure():
            break
    leave_for_another()


def run_at_leisure() -> bool:
    """The call that was read, without the short way back. Whether its caller and this thread go on as if nothing had been."""
    if caller().traced:
        trace_begin(caller())
    try:
        syscall_dispatch(caller(), current_kthread().call)
    except Error:
        goes_on = u64(current_kthread().sysc) != 0
        fail_current_call()
    else:
        goes_on = u64(current_kthread().sysc) != 0 or current_kthread().was_parked
        finish_current_call(current_kthread().call.retval)
    current_kthread().was_parked = False
    return goes_on and current_kthread().flags == KthreadFlag(0) and core.mine.cur_ctx is not None and not routine_pending()


@noinline
@cold
def run_traced() -> NoReturn:
    """Log what a traced process asks for; `trace_end` says what it got."""
    run_at_leisure()
    leave_for_another()


@noinline
def trace_begin(p: Proc) -> None:
    """A function of its own, so that the text is off the stack when the call is run."""
    line = text(400)
    print_call(line, current_kthread().call)
    log.info(f"trace {p.pid}: {line}")


@noinline
@cold
def trace_end(p: Proc, value: i64, errno: Errno, message: str) -> None:
    if errno == Errno.OK:
        log.info(f"trace {p.pid}: = {value}" if value in range(-4096, 1 << 20) else f"trace {p.pid}: = {wrap(u64, value):#x}")
    else:
        log.info(f"trace {p.pid}: = {errno}: {message}")


def finish_current_call(value: i64) -> None:
    """The calling thread's system call is done, with this result. Nothing if it was finished already."""
    if u64(current_kthread().sysc) == 0:
        return
    if caller().traced:
        trace_end(caller(), value, Errno.OK, "")
    current_kthread().call.retval = value
    finish_call()


@inline
def finish_call() -> None:
    """The result stands in the thread's copy of the call: store it into the process'."""
    # The call ends here: what is allocated to tell of it is not its own any more, which nobody could be told had failed.
    kthread = current_kthread()
    sysc = kthread.sysc
    kthread.sysc = Uaddr(0)
    kthread.finished = sysc                 # a store here, instead of a register saved in every call
    # Whether somebody asked to be told and DONE are one atomic step: with no event to send nobody has to wait for K_LOCK.
    # `err` is 0 already: the user zeroes it.
    old = publish(sysc, wrap(u64, kthread.call.retval))
    if old != 0:
        look_at_flags(current_kthread().finished, old, wrap(u64, current_kthread().call.retval))


def finish_at(sysc: Uaddr, value: u64) -> None:
    """A call of the process whose address space is loaded is done, with this result."""
    old = publish(sysc, value)
    if old != 0:
        look_at_flags(sysc, old, value)


@noinline
def look_at_flags(sysc: Uaddr, old: i64, value: u64) -> None:
    """The flags were not plain when a call was done: somebody may have asked to be told; or it was shared by a fork, and memory short."""
    if old < 0:
        with finishing:
            old = publish(sysc, value)
    if old < 0 or wrap(u32, old) & FOR_THREAD != FOR_THREAD or not list_finished(caller(), sysc):
        tell(sysc, old)


@noinline
def tell(sysc: Uaddr, old: i64) -> None:
    """Not by the list of finished calls: by an event, if one was asked for."""
    if old < 0:
        note_vanished("bad address")
    elif wrap(u32, old) & SyscallFlag.UEVENT:
        try:
            with finishing:
                complete(caller(), sysc)
        except Error as e:
            note_vanished(e.message)


@noinline
@cold
def note_vanished(message: str) -> None:
    log.debug(f"process {caller().pid}: its system call's structure has gone: {message}")


def finish_failed(p: Proc, sysc: Uaddr, errno: Errno, message: str) -> None:
    """p's call at `sysc` is done, with an error. Its sentence goes into the structure too. The address space is loaded."""
    sentence = array(ERRSTR_LEN, u8)
    length = min(len(message), ERRSTR_LEN - 1)
    copy_bytes(sentence[:length], message[:length])
    number = Errno.EUNSPECIFIED if errno == Errno.OK else errno
    if p.traced:
        trace_end(p, -1, number, message)
    if p.is_dying():
        return
    try:
        with finishing:
            write_bytes(sysc + offsetof(Syscall, "errstr"), sentence[: length + 1])
            store_u32(sysc + offsetof(Syscall, "err"), u32(number))
            store_u64(sysc + offsetof(Syscall, "retval"), wrap(u64, i64(-1)))
            # Results before DONE, as in `complete`: the `or` of list_finished is a release.
            if load_u32(sysc + offsetof(Syscall, "flags")) & SyscallFlag.UTHREAD == 0 or not list_finished(p, sysc):
                complete(p, sysc)
    except Error as e:
        note_vanished(e.message)


def complete(p: Proc, sysc: Uaddr) -> None:
    """Results are stored: tell the process. Raises EFAULT if the structure went away."""
    flags = sysc + offsetof(Syscall, "flags")
    # Results before DONE: pairs with the acquiring loads of flags in user/rt/syscall.py. The `or` is acquire and release, and so
    # is the `and` below, after which the structure is the process' own again.
    fence(SEQ_CST)
    old = or_u32(flags, SyscallFlag.DONE | SyscallFlag.K_LOCK)
    # The user sets UEVENT only while DONE is clear: one of us sees the other.
    if old & SyscallFlag.UEVENT:
        queue = load_u64(sysc + offsetof(Syscall, "ev_q"))
        if queue != 0:
            msg = EventMsg(ev_type=EventType.SYSCALL, arg3=u64(sysc))
            send_event(p, Uaddr(queue), msg, 0)
    and_u32(flags, u32(0xFFFF_FFFF) ^ SyscallFlag.K_LOCK)


@inline
def is_abort_requested(sysc: Uaddr) -> bool:
    """Whether the call with this structure, which `read_call` has accepted, was told to give up; also if that has become unreadable."""
    return u64(sysc) != 0 and has_flag(sysc, SyscallFlag.ABORT)
