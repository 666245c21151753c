# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls: from the user's structure to the function that declared the number, and back.

The structure is copied in once. The call may block: the thread parks, and the core goes on with the process; whoever is the
process' current thread when it is done, on whatever core, finishes it: results first, then DONE and K_LOCK in one atomic operation,
the event if one was asked for, then K_LOCK off. Calls that do not return to their caller finish early.
Locks: none.
"""

from lang import SEQ_CST, Error, Uaddr, array, copy_bytes, fence, i64, offsetof, text, u8, u32, u64, wrap
from arch.abi import UserContext
from kern.abi.errno import Errno
from kern.abi.event import EventMsg, EventType
from kern.abi.syscall import ERRSTR_LEN, Syscall, SyscallFlag, SyscallWords
from kern.core.percore import core
from kern.debug import log
from kern.event.send import send_event
from kern.mm.umem import and_u32, load_u32, load_u64, or_u32, publish, read_call, store_u32, store_u64, write_bytes
from kern.proc.destroy import kill
from kern.proc.proc import Proc
from kern.sync.kthread import current_kthread
from syscalls import print_call, syscall_dispatch


def handle_syscall(ctx: UserContext, calls: u64, count: u64) -> None:
    """Run the call that the current process submits. Interrupts are on. May not return."""
    p = core.mine.cur_proc
    if p is None or count == 0:
        return
    if count > 1:
        log.warn(f"process {p.pid} submits {count} calls at once; only the first is run")
    kthread = current_kthread()
    call = kthread.call
    try:
        read_call(call, Uaddr(calls))
    except Error:
        # There is nowhere to put an answer.
        kill(p, "system call with a bad structure")
        return
    call.retval = 0
    kthread.sysc = Uaddr(calls)
    kthread.fd = -1
    if p.traced:
        trace_call(p, call)
    try:
        syscall_dispatch(p, call)
    except Error as e:
        if e.errno == Errno.ENOSYS:
            log.info(f"process {p.pid}: {e.message}")
        finish_failed(p, e.errno, e.message)
        return
    finish_current_call(call.retval)


def trace_call(p: Proc, call: SyscallWords) -> None:
    """Log what a traced process asks for; `trace_end` says what it got."""
    line = text(400)
    print_call(line, call)
    log.info(f"trace {p.pid}: {line}")


def trace_end(p: Proc, value: i64, errno: Errno, message: str) -> None:
    if errno == Errno.OK:
        log.info(f"trace {p.pid}: = {value}" if value in range(-4096, 1 << 20) else f"trace {p.pid}: = {wrap(u64, value):#x}")
    else:
        log.info(f"trace {p.pid}: = {errno}: {message}")


def finish_current_call(value: i64) -> None:
    """The calling thread's system call is done, with this result. Nothing if it was finished already."""
    sysc = current_kthread().sysc
    p = core.mine.cur_proc
    if u64(sysc) == 0 or p is None:
        return
    current_kthread().sysc = Uaddr(0)
    if p.traced:
        trace_end(p, value, Errno.OK, "")
    if p.is_dying():
        return
    try:
        # Whether somebody asked to be told and DONE are one atomic step: with no event to send nobody has to wait for K_LOCK.
        # `err` is 0 already: the user zeroes the structure.
        old = publish(sysc + offsetof(Syscall, "retval"), wrap(u64, value), SyscallFlag.UEVENT, SyscallFlag.DONE)
        if old & SyscallFlag.UEVENT:
            complete(p, sysc)
    except Error as e:
        log.debug(f"process {p.pid}: its system call's structure has gone: {e.message}")


def finish_failed(p: Proc, errno: Errno, message: str) -> None:
    """The same, with an error. Its sentence goes into the structure too."""
    sysc = current_kthread().sysc
    if u64(sysc) == 0:
        return
    sentence = array(ERRSTR_LEN, u8)
    length = min(len(message), ERRSTR_LEN - 1)
    copy_bytes(sentence[:length], message[:length])
    number = Errno.EUNSPECIFIED if errno == Errno.OK else errno
    current_kthread().sysc = Uaddr(0)
    if p.traced:
        trace_end(p, -1, number, message)
    if p.is_dying():
        return
    try:
        write_bytes(sysc + offsetof(Syscall, "errstr"), sentence[: length + 1])
        store_u32(sysc + offsetof(Syscall, "err"), u32(number))
        store_u64(sysc + offsetof(Syscall, "retval"), wrap(u64, i64(-1)))
        complete(p, sysc)
    except Error as e:
        log.debug(f"process {p.pid}: its system call's structure has gone: {e.message}")


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


def is_abort_requested(sysc: Uaddr) -> bool:
    """Whether the call with this structure was told to give up; also if the structure is unreadable."""
    if u64(sysc) == 0:
        return False
    try:
        return (load_u32(sysc + offsetof(Syscall, "flags")) & SyscallFlag.ABORT) != 0
    except Error:
        return True
