# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waits for a sync object that end at a deadline.

The waiter shares a TimedWait with the handler of an alarm: whichever of waker and handler takes the thread out of the object's waiters,
under the object's lock, decides how the wait ends.
"""

from lang import Ref, addr_of, at, struct, u32, u64
from parlib import sched
from parlib.alarm import Alarm
from parlib.pdr import PdrLock
from parlib.uth_sync import UthSync
from parlib.uthread import Uthread
from parlib.vcore import Vcore, pin, unpin


COMING: u32 = 0                             # not in the queue yet
SETTLED: u32 = 1                            # in it, or taken out by a waker, or not in it because there was no need to wait
EXPIRED: u32 = 2                            # not in it, because time was up


@struct
class TimedWait:
    """On the waiter's stack, from `begin_wait` to `end_wait`. `uthread` is the waiter; `state` is changed under `guard`."""

    guard: Ref[PdrLock]
    queue: Ref[UthSync]
    uthread: Ref[Uthread]
    alarm: Alarm
    state: u32

    @property
    def expired(self) -> bool:
        return self.state == EXPIRED

    def join(self, granted: bool) -> bool:
        """Queue the calling thread. False if time is up, or it has been given already what it waits for: then it does not wait. Caller
        holds: `guard`."""
        if self.expired:
            return False
        self.state = SETTLED
        if not granted:
            self.queue.enqueue(self.uthread)
        return not granted

    def sleep(self, vcore: Vcore, granted: bool) -> None:
        """Wait in the queue, unless the caller has what it waits for. Caller holds `guard`, by `begin_wait`, which this releases."""
        if self.join(granted):
            self.guard.park(vcore, self.uthread)
        else:
            self.guard.unlock_on()
            unpin(self.uthread, vcore)


def begin_wait(wait: TimedWait, deadline_ns: u64) -> Vcore:
    """Set the alarm, then pin the calling thread and take `guard`: to look whether there is need to wait."""
    set_alarm(wait, deadline_ns)
    vcore = pin(wait.uthread)
    wait.guard.lock_to_park(vcore)
    return vcore


def set_alarm(wait: TimedWait, deadline_ns: u64) -> None:
    wait.alarm.handler = expire
    wait.alarm.arg = addr_of(wait)
    wait.alarm.set_at(deadline_ns)


def end_wait(wait: TimedWait) -> bool:
    """After it runs again: whether it was woken before its time was up."""
    wait.alarm.unset()
    return not wait.expired


def expire(alarm: Alarm) -> None:
    """In vcore context: time is up."""
    wait = at(TimedWait, alarm.arg)
    with wait.guard:
        found = wait.state == SETTLED and wait.queue.get_uth(wait.uthread)
        if found or wait.state == COMING:
            wait.state = EXPIRED
    if found:
        sched.current.runnable(wait.uthread)
