# SPDX-License-Identifier: LGPL-2.1-or-later
"""Joining uthreads, one or many at once, and letting them go.

The word `join` of a uthread goes from JOINABLE to DETACHED, to EXITED, or to the address of its joiner's kicker and then to EXITED, each by
one atomic operation: so exactly one of two joiners, or of a joiner and a detacher, succeeds, and the other is told why not. A kicker counts
those who are still expected, the joiner itself among them: it may fall asleep before or after the last of the others has come.
"""

from lang import RELAXED, Atomic, Errno, Error, Ref, Span, addr_of, at, inline, must_use, noinline, struct, u32, u64
from parlib import sched
from parlib.cancel import is_wanted, raise_cancelled
from parlib.current import my_uthread, my_vcore
from parlib.pdr import PdrLock
from parlib.sched import Blocked
from parlib.uthread import DETACHED, EXITED, JOINABLE, JoinState, Uthread
from parlib.vcore import Vcore, disable_notifs, enable_notifs, pin, unpin


@struct
class JoinKicker:
    """The joiner's own, or on its stack until it wakes up."""

    joiner: u64                             # address of its Uthread
    expected: Atomic[u32]
    guard: PdrLock                          # held by the joiner until it is saved


def kick(vcore: Vcore, kicker: JoinKicker) -> None:
    """One of those has come; the last wakes the joiner, after which the kicker may be gone. In vcore context."""
    joiner = at(Uthread, kicker.joiner)     # before the count is lowered
    if kicker.expected.sub(1) == 1:
        kicker.guard.lock_on(vcore)         # it came before, and may still be on its way to sleep
        kicker.guard.unlock_on()
        sched.current.runnable(joiner)


@inline
def await_others(kicker: JoinKicker) -> None:
    """The joiner comes itself, and sleeps unless it is the last."""
    uthread = my_uthread()
    vcore = pin(uthread)
    kicker.guard.lock_to_park(vcore)
    if kicker.expected.sub(1) == 1:
        kicker.guard.unlock_on()
        unpin(uthread, vcore)
    else:
        kicker.guard.park(vcore, uthread, Blocked.MISC)


def uthread_join(uthread: Uthread) -> u64:
    """Wait until it has exited; its result. The uthread is gone then. A cancellation point: who is cancelled here has not joined.

    Raises EINVAL if it has a joiner or was detached, EDEADLK if it is the caller.
    """
    joiner = my_uthread()
    kicker = joiner.kicker
    kicker.joiner = addr_of(joiner)
    kicker.expected.store(u32(2), order=RELAXED)  # nobody knows it before `join` has its address
    joiner.cancel.broken = False
    joiner.joins = uthread                  # before `join` has it, and that before we look: pairs with `cancel`
    if must_wait(uthread, kicker):
        if is_wanted(joiner.cancel):
            stop_joining(joiner)
        await_others(kicker)
        if joiner.cancel.broken:
            raise_cancelled()
    return take_result(uthread)


@noinline
def stop_joining(joiner: Uthread) -> None:
    """If it waits for a thread to exit, that has no joiner any more, and is waited for no longer. Any context."""
    uthread = joiner.joins
    if uthread is not None and uthread.join.cas(addr_of(joiner.kicker), JOINABLE):
        joiner.cancel.broken = True
        disable_notifs()
        kick(my_vcore(), joiner.kicker)     # in the place of the thread
        enable_notifs()


@struct
class JoinRequest:
    """One of those whom `uthread_join_arr` waits for."""

    uthread: Ref[Uthread]
    result: u64                             # of the thread, afterwards
    refused: bool                           # it could not be joined


def uthread_join_arr(requests: Span[JoinRequest]) -> None:
    """Wait until all have exited, asleep once for all of them; each request has its thread's result then.

    If one cannot be joined, as with `uthread_join`, that raises when all others have been.
    """
    kicker = JoinKicker(joiner=addr_of(my_uthread()))
    kicker.expected.store(u32(len(requests)) + 1, order=RELAXED)
    for request in requests:
        if not expects(request, kicker):
            kicker.expected.sub(1)          # never the last one: the caller counts, too
    if kicker.expected.load() > 1:
        await_others(kicker)
    refused = u64(0)
    for request in requests:
        if request.refused:
            refused += 1
        else:
            request.result = take_result(request.uthread)
    if refused > 0:
        raise Error(Errno.EINVAL, f"{refused} of {len(requests)} threads could not be joined")


def expects(request: JoinRequest, kicker: JoinKicker) -> bool:
    try:
        request.refused = False
        return must_wait(request.uthread, kicker)
    except Error:
        request.refused = True
        return False


@must_use
def must_wait(uthread: Uthread, kicker: JoinKicker) -> bool:
    """Become the joiner: the thread will kick when it exits. False if it has exited already."""
    if addr_of(uthread) == kicker.joiner:
        raise Error(Errno.EDEADLK, f"thread {uthread.id} joins itself")
    if uthread.join.cas(JOINABLE, addr_of(kicker)):
        return True
    if uthread.join.load() != EXITED:
        refuse(uthread)
    return False


def refuse(uthread: Uthread) -> None:
    state = "was detached" if uthread.join_state == JoinState.DETACHED else "has a joiner already"
    raise Error(Errno.EINVAL, f"thread {uthread.id} {state}")


def take_result(uthread: Uthread) -> u64:
    assert uthread.join.load() == EXITED, "joined before it exited"
    result = uthread.result
    sched.current.exited(uthread)
    return result


def uthread_detach(uthread: Uthread) -> None:
    """Nobody will join it; it vanishes when it exits. Raises EINVAL if it has a joiner or was detached."""
    if uthread.join.cas(JOINABLE, DETACHED):
        return
    if uthread.join.load() != EXITED:
        refuse(uthread)
    sched.current.exited(uthread)
