# SPDX-License-Identifier: LGPL-2.1-or-later
"""POSIX signals, in user land: actions, masks, sending, waiting. How a handler comes to run: parlib.signal_delivery.

    handle(Signal.USR1, on_usr1)            # on_usr1(signal, info) runs in the thread that the signal interrupts
    sigprocmask(MaskChange.BLOCK, bit(Signal.USR2))
    kill_thread(uthread, Signal.USR1)

The kernel knows SIGKILL; anything else that a process is sent is an event, and what becomes of it is decided here. A signal sent to a
process goes to a thread that waits for it, else to one that does not block it (the one that the event interrupted, the main one, any), else
it stays pending until one unblocks it. A set of
signals is a word: `bit(signal)`, `|`, `&`, `~`. A new thread has the mask of the one that started it.

What differs from POSIX: actions and masks are not inherited by other programs; nothing stops a process, so the stop signals do nothing by
default; a signal that is pending already is not queued again, whatever its number, and the last one's value counts; a thread that waits
for a sync object runs its handlers when it has got that. If a thread is blocked in a system call when it shall run a handler, the call
gives up with EINTR, unless the action says RESTART; a wait for event queues (epoll, poll, select) always does.
Lock: that of signal_state, a leaf. From uthreads, but `kill_from_vcore`."""

from enum import IntEnum
from typing import Callable

from lang import Errno, Error, Raises, Uaddr, addr_of, assign, i32, u16, u32, u64
from kern.abi.event import EventMsg, EventType
from parlib.cancel import test_cancel
from parlib.current import my_uthread
from parlib.signal_delivery import QUEUED_MARK, listen_closely, post_to_thread, run_handlers, take, wait_for_any, wait_for_any_until
from parlib.signal_state import Action, ActionFlag, Disposition, SignalCode, SignalInfo, bit, no_handler, table
from parlib.uthread import Uthread
from rt.process import getpid
from syscalls import sys_kill, sys_notify

FIXED: u64 = 1 << 8 | 1 << 18               # KILL and STOP: no other action, no value, not to be blocked
UNBLOCKABLE: u64 = FIXED | 1 << 32          # nor is SIGCANCEL of parlib.cancel
MIN_STACK: u64 = 8192                       # a frame, and room for a handler


class MaskChange(u32, IntEnum):
    BLOCK = 0
    UNBLOCK = 1
    SET = 2


# -- actions ------------------------------------------------------------------------------------------------------
def sigaction(signal: u32, action: Action | None, old: Action | None) -> None:
    """Set the action, if one is given, and tell the old one, if asked. Raises EINVAL for what is no signal, and for KILL and STOP."""
    check_signal(signal)
    if action is not None and FIXED & bit(signal) != 0:
        raise Error(Errno.EINVAL, f"signal {signal} has no other action")
    if action is not None:
        listen_closely()
    with table.lock:
        if old is not None:
            assign(old, table.actions[signal])
        if action is not None:
            assign(table.actions[signal], action)


def handle(signal: u32, handler: Callable[[u32, SignalInfo], Raises[None]], flags: ActionFlag = ActionFlag(0)) -> None:
    action = Action(handler=handler, disposition=Disposition.HANDLE, flags=flags)
    sigaction(signal, action, None)


def ignore(signal: u32) -> None:
    action = Action(handler=no_handler, disposition=Disposition.IGNORE)
    sigaction(signal, action, None)


def restore_default(signal: u32) -> None:
    action = Action(handler=no_handler)
    sigaction(signal, action, None)


def check_signal(signal: u32) -> None:
    if not 0 < signal <= 64:
        raise Error(Errno.EINVAL, f"no signal {signal}")


# -- the calling thread's mask and stack --------------------------------------------------------------------------
def sigprocmask(how: MaskChange, signals: u64) -> u64:
    """Change which signals the calling thread blocks; the old set. What is unblocked and pending is handled before this returns."""
    state = my_uthread().signals
    before = state.mask
    match how:
        case MaskChange.BLOCK:
            state.mask = before | signals & ~UNBLOCKABLE
        case MaskChange.UNBLOCK:
            state.mask = before & ~signals
        case MaskChange.SET:
            state.mask = signals & ~UNBLOCKABLE
    run_handlers()
    return before


def sigpending() -> u64:
    """What waits to be unblocked, for the calling thread or for the process."""
    state = my_uthread().signals
    return (state.pending | table.pending.load()) & state.mask


def sigaltstack(base: u64, size: u64) -> None:
    """Handlers with ON_STACK run there, in the calling thread. Size 0: none any more. Raises ENOMEM if it is too small; EPERM on it."""
    state = my_uthread().signals
    if size != 0 and size < MIN_STACK:
        raise Error(Errno.ENOMEM, f"{size} bytes are too small a stack for signals")
    if state.frame != 0 and state.alternate_base <= state.frame < state.alternate_base + state.alternate_size:
        raise Error(Errno.EPERM, "the alternate stack is in use")
    state.alternate_base = base
    state.alternate_size = size


# -- sending ------------------------------------------------------------------------------------------------------
def kill(pid: i32, signal: u32) -> None:
    """Send a signal to a process; 0 only looks whether it exists. Raises ESRCH, EINVAL."""
    sys_kill(pid, signal)


def sigqueue(pid: i32, signal: u32, value: u64) -> None:
    """The same with a value, which the handler's info has. Raises ESRCH, EINVAL; KILL takes none."""
    if signal == 0:
        sys_kill(pid, 0)
        return
    check_signal(signal)
    if FIXED & bit(signal) != 0:
        raise Error(Errno.EINVAL, f"signal {signal} takes no value")
    msg = EventMsg(ev_type=EventType.POSIX_SIGNAL, arg1=u16(signal), arg2=u32(getpid()), arg3=value, arg4=QUEUED_MARK)
    sys_notify(pid, u32(EventType.POSIX_SIGNAL), Uaddr(addr_of(msg)))


def kill_thread(uthread: Uthread, signal: u32) -> None:
    """Send a signal to a thread of this process, which has not ended; 0 sends none. Raises EINVAL. In vcore context: `kill_from_vcore`."""
    if signal == 0:
        return
    check_signal(signal)
    post_to_thread(uthread, SignalInfo(signal=signal, pid=getpid()))
    if uthread is my_uthread():
        run_handlers()


def kill_from_vcore(uthread: Uthread, signal: u32) -> None:
    """In vcore context, from the handler of an alarm for instance. `signal` is one."""
    post_to_thread(uthread, SignalInfo(signal=signal, pid=getpid()))


def queue_to_thread(uthread: Uthread, signal: u32, value: u64) -> None:
    """Like `kill_thread`, with a value."""
    if signal == 0:
        return
    check_signal(signal)
    post_to_thread(uthread, SignalInfo(signal=signal, code=SignalCode.QUEUE, pid=getpid(), value=value))
    if uthread is my_uthread():
        run_handlers()


def raise_signal(signal: u32) -> None:
    """To the calling thread: handled before this returns, unless it is blocked."""
    kill_thread(my_uthread(), signal)


# -- waiting ------------------------------------------------------------------------------------------------------
def sigsuspend(mask: u64) -> None:
    """Block just the signals of `mask` until a handler has run in the calling thread; then again those of before. A cancellation point,
    as all that wait here are."""
    listen_closely()
    state = my_uthread().signals
    before = state.mask
    handled = state.handled
    state.mask = mask & ~UNBLOCKABLE
    try:
        test_cancel()
        run_handlers()
        while state.handled == handled:
            wait_for_any(0)
            run_handlers()
        test_cancel()
    finally:
        state.mask = before


def sigwait(signals: u64) -> u32:
    """Wait for one of these, which the caller blocks, and take it: no handler runs. Its number."""
    info = SignalInfo()
    sigwaitinfo(signals, info)
    return info.signal


def sigwaitinfo(signals: u64, info: SignalInfo) -> None:
    listen_closely()
    state = my_uthread().signals
    while not take(state, signals, info):
        test_cancel()                       # SIGCANCEL ends the wait, if it comes after that
        wait_for_any(signals)
        run_handlers_but(signals)


def sigtimedwait(signals: u64, info: SignalInfo, deadline_ns: u64) -> bool:
    """False if none came by then (`now_ns`)."""
    listen_closely()
    state = my_uthread().signals
    while not take(state, signals, info):
        test_cancel()
        in_time = wait_for_any_until(signals, deadline_ns)
        run_handlers_but(signals)
        if not in_time:
            return take(state, signals, info)
    return True


def run_handlers_but(signals: u64) -> None:
    """What came that is not waited for, and not blocked, is handled as ever."""
    state = my_uthread().signals
    before = state.mask
    state.mask = before | signals
    run_handlers()
    state.mask = before
