# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cancelling threads, as POSIX has it, told as an error: at a cancellation point a thread that somebody cancels gets `Cancelled`.

So `with` and `finally` leave things in order on the way, and what `cleanup_push` has noted runs at the end, when nobody cancels the
thread any more. Cancellation points are: blocked system calls, waits of pthread.CondVar and pthread.Sem, for a signal (parlib.signal), for
event queues (epoll, poll, select), for another thread's end, `test_cancel`. A thread may put it off; with ASYNCHRONOUS it ends wherever it
is, and only its clean-up handlers run. Who catches all errors catches this one too, and has it again at the next point.

The request is a flag of the thread's, and the signal SIGCANCEL, which breaks the call that it is blocked in. A wait for a sync object is
broken under the object's lock, by way of `point`: WAITING while the thread may be in the object's queue, CLAIMED while somebody takes it
out. All signals break one for event queues: LISTENING. A thread that was woken before is not broken: what it got is not lost."""

from enum import IntEnum
from typing import Callable, NoReturn

from lang import ACQUIRE, RELAXED, SEQ_CST, Array, Atomic, Errno, Error, addr_of, array, at, cold, fence
from lang import inline, must_use, noinline, pause, struct, u32, u64
from parlib import sched
from parlib.current import my_uthread
from parlib.join import stop_joining
from parlib.pdr import PdrLock
from parlib.signal import handle, kill_thread
from parlib.signal_state import SignalInfo
from parlib.uth_sync import UthSync
from parlib.uthread import Uthread, uthread_exit
from parlib.vcore import disable_notifs, enable_notifs

SIGCANCEL: u32 = 33                         # a real-time signal that we keep for ourselves, as the GNU library does
CANCELED: u64 = 0xFFFF_FFFF_FFFF_FFFF       # the result of a cancelled thread
MAX_CLEANUPS: u64 = 8

IDLE: u32 = 0
WAITING: u32 = 1
CLAIMED: u32 = 2
LISTENING: u32 = 3


class Cancelled(Error):
    """Somebody has cancelled this thread."""


class CancelType(u32, IntEnum):
    DEFERRED = 0                            # at cancellation points
    ASYNCHRONOUS = 1                        # at any time


@struct
class Cleanup:
    fn: Callable[[u64], None]
    arg: u64


@struct
class CancelState:
    requested: Atomic[u32]
    cancellers: Atomic[u32]                 # that are at it
    disabled: bool
    type: CancelType
    point: Atomic[u32]
    broken: bool                            # the last wait ended because the thread was cancelled, or had a signal
    guard: u64                              # while WAITING: address of the PdrLock of the object waited for
    queue: u64                              # and of its waiters; while LISTENING: of what `rouse` takes
    rouse: Callable[[u64], bool]            # while LISTENING: wake it; whether it is the caller's to make runnable
    cleanup_count: u64
    cleanups: Array[Cleanup] = array(MAX_CLEANUPS)


prepared = Atomic[u32](0)


def begin_cancel(state: CancelState) -> None:
    """Of a new thread, which nobody knows yet."""
    state.requested.store(u32(0), order=RELAXED)
    state.disabled = False
    state.type = CancelType.DEFERRED
    state.point.store(IDLE, order=RELAXED)
    state.cleanup_count = 0


# -- by others ----------------------------------------------------------------------------------------------------
def cancel(uthread: Uthread) -> None:
    """Ask a thread, which has not been joined, to end with the result CANCELED. Whether and when it does is its own decision."""
    if prepared.load() == 0:
        handle(SIGCANCEL, on_cancel)
        prepared.store(u32(1))
    if uthread is my_uthread():             # whatever it is to be woken from
        uthread.cancel.requested.store(u32(1))
        kill_thread(uthread, SIGCANCEL)
        return
    disable_notifs()                        # it may wait for us: who takes our core then has to let us run on
    uthread.cancel.cancellers.add(1)
    uthread.cancel.requested.store(u32(1))
    fence(SEQ_CST)                          # pairs with `refuse_cancel`, and with who looks for the request when that is over
    if not uthread.cancel.disabled:
        break_waits(uthread)
    uthread.cancel.cancellers.sub(1)
    enable_notifs()


def break_waits(uthread: Uthread) -> None:
    """Whatever it waits for, if it is a cancellation point. Notifications are disabled."""
    state = uthread.cancel
    if state.point.cas(WAITING, CLAIMED):
        found = take_out(uthread, at(PdrLock, state.guard), at(UthSync, state.queue))
        state.broken = found
        state.point.store(IDLE)
        if found:
            sched.current.runnable(uthread)
    stop_joining(uthread)
    kill_thread(uthread, SIGCANCEL)


def take_out(uthread: Uthread, guard: PdrLock, queue: UthSync) -> bool:
    with guard:
        return queue.get_uth(uthread)


def break_listening(uthread: Uthread) -> None:
    """Of a thread that has a signal to look after: if it waits for event queues, that is over. Any context."""
    state = uthread.cancel
    disable_notifs()
    if state.point.load() == LISTENING and state.point.cas(LISTENING, CLAIMED):
        state.broken = True
        asleep = state.rouse(state.queue)
        state.point.store(IDLE)
        if asleep:
            sched.current.runnable(uthread)
    enable_notifs()


def on_cancel(signal: u32, info: SignalInfo) -> None:
    """In the thread, wherever it is."""
    state = my_uthread().cancel
    if state.type == CancelType.ASYNCHRONOUS and is_wanted(state):
        end_thread(CANCELED)


def end_thread(result: u64) -> NoReturn:
    """End the calling uthread: clean-up handlers, what its 2LS does for one that ends, and its joiner gets `result`."""
    refuse_cancel()                         # what handlers and destructors do is no cancellation point
    run_cleanups()
    sched.current.ending()
    my_uthread().result = result
    uthread_exit()


# -- by the thread itself -----------------------------------------------------------------------------------------
@inline
def is_wanted(state: CancelState) -> bool:
    return state.requested.load(order=ACQUIRE) != 0 and not state.disabled


def cancel_is_wanted() -> bool:
    return is_wanted(my_uthread().cancel)


@inline
def test_cancel() -> None:
    """A cancellation point: raises Cancelled if somebody has cancelled the caller."""
    if is_wanted(my_uthread().cancel):
        raise_cancelled()


@cold
def raise_cancelled() -> None:
    raise Cancelled(Errno.EINTR, f"thread {my_uthread().id} was cancelled")


def set_cancel_enabled(enabled: bool) -> bool:
    """Whether the caller can be cancelled; what it was. What is asked meanwhile is kept."""
    state = my_uthread().cancel
    before = not state.disabled
    if not enabled:
        refuse_cancel()
        return before
    state.disabled = False
    fence(SEQ_CST)                          # pairs with `cancel`
    if state.type == CancelType.ASYNCHRONOUS and cancel_is_wanted():
        end_thread(CANCELED)
    return before


def refuse_cancel() -> None:
    """From here on nothing of the caller's is broken: who saw that it could be cancelled has done with it."""
    state = my_uthread().cancel
    state.disabled = True
    fence(SEQ_CST)                          # pairs with `cancel`
    while state.cancellers.load() != 0:
        pause()


def set_cancel_type(type: CancelType) -> CancelType:
    """What it was."""
    state = my_uthread().cancel
    before = state.type
    state.type = type
    if type == CancelType.ASYNCHRONOUS and cancel_is_wanted():
        end_thread(CANCELED)
    return before


def cleanup_push(fn: Callable[[u64], None], arg: u64) -> None:
    """Have fn(arg) called if the caller ends before the `cleanup_pop`. Raises EAGAIN if too much is to be cleaned up."""
    state = my_uthread().cancel
    if state.cleanup_count == MAX_CLEANUPS:
        raise Error(Errno.EAGAIN, f"more than {MAX_CLEANUPS} clean-up handlers")
    place = state.cleanups[state.cleanup_count]
    place.fn = fn
    place.arg = arg
    state.cleanup_count += 1


def cleanup_pop(execute: bool) -> None:
    """Forget the last one, and call it if asked."""
    state = my_uthread().cancel
    state.cleanup_count -= 1
    last = state.cleanups[state.cleanup_count]
    if execute:
        last.fn(last.arg)


def run_cleanups() -> None:
    """For a thread that ends: the last one first."""
    while my_uthread().cancel.cleanup_count > 0:
        cleanup_pop(True)


# -- waits that can be cancelled ----------------------------------------------------------------------------------
@must_use
@inline
def enter_wait(state: CancelState, guard: PdrLock, queue: UthSync) -> bool:
    """Before the caller, whose `state` it is, goes into the queue. False if it was cancelled: then it does not wait. Caller holds:
    `guard`. Either way `leave_wait` follows, without the guard."""
    state.guard = addr_of(guard)
    state.queue = addr_of(queue)
    state.broken = False
    state.point.store(WAITING)              # before we look: pairs with `cancel`, which asks before it looks whether we wait
    return state.requested.load() == 0 or state.disabled


@inline
def leave_wait(state: CancelState) -> None:
    """When it runs again: nobody touches the object on our behalf any more. `broken`: the wait ended because the thread was cancelled."""
    if not state.point.cas(WAITING, IDLE):
        wait_for_canceller(state)


@must_use
def begin_listening(state: CancelState, rouse: Callable[[u64], bool], address: u64) -> bool:
    """`enter_wait` before the caller waits for event queues; a signal breaks that as well. `end_listening` follows."""
    state.rouse = rouse
    state.queue = address
    state.broken = False
    state.point.store(LISTENING)            # before we look: pairs with `cancel`, and with `draw_attention` of parlib.signal_delivery
    return state.requested.load() == 0 or state.disabled


def end_listening(state: CancelState) -> None:
    """`leave_wait`."""
    if not state.point.cas(LISTENING, IDLE):
        wait_for_canceller(state)


@noinline
def wait_for_canceller(state: CancelState) -> None:
    while state.point.load() != IDLE:
        pause()
