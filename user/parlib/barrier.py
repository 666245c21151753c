# SPDX-License-Identifier: LGPL-2.1-or-later
"""Barrier and once-control for uthreads: they block the thread, never the vcore. All zero is the initial state of a Once.

Waiting is for uthreads with notifications enabled. Locks: a barrier has a PdrLock, a leaf, for its waiters.
"""

from typing import Callable

from lang import ACQUIRE, RELEASE, Atomic, Raises, Ref, addr_of, at, struct, u32, u64
from parlib import sched
from parlib.current import my_vcore
from parlib.mutex import Mutex
from parlib.pdr import PdrLock
from parlib.sched import Blocked
from parlib.uth_sync import UthSync
from parlib.uthread import Uthread, uthread_yield


@struct
class Barrier:
    """`Barrier(parties=n)`: nobody leaves `wait` before n threads have entered it. Can be used again at once."""

    parties: u64
    guard: PdrLock
    arrived: u64
    waiters: UthSync

    def wait(self) -> bool:
        """True for exactly one of the threads of each round, the last one."""
        woken = UthSync()
        with self.guard:
            is_last = self.arrived + 1 >= self.parties
            if is_last:
                self.open(woken)
        if not is_last:
            return self.block()
        sched.current.bulk_runnable(woken)
        return True

    def block(self) -> bool:
        request = BarrierWait(barrier=self)
        uthread_yield(barrier_block, addr_of(request))
        return request.was_last

    def open(self, woken: UthSync) -> None:
        """Begin the next round; those who wait move to `woken`. Caller holds: `guard`."""
        self.waiters.swap(woken)
        self.arrived = 0


@struct
class BarrierWait:
    barrier: Ref[Barrier]
    was_last: bool


def barrier_block(uthread: Uthread, address: u64) -> None:
    request = at(BarrierWait, address)
    barrier = request.barrier
    sched.note_blocked(uthread, Blocked.MUTEX)
    barrier.guard.lock_on(my_vcore())
    if barrier.arrived + 1 < barrier.parties:
        barrier.arrived += 1
        barrier.waiters.enqueue(uthread)
        barrier.guard.unlock_on()
        return
    # The others came while this one was on its way to sleep.
    request.was_last = True
    woken = UthSync()
    barrier.open(woken)
    barrier.guard.unlock_on()
    sched.current.bulk_runnable(woken)
    sched.current.runnable(uthread)


@struct
class Once:
    """`once.call(action)`: the first caller runs it, the others wait until it is over."""

    done: Atomic[u32]
    mutex: Mutex

    def call(self, action: Callable[[], Raises[None]]) -> None:
        """If the action raises, it counts as not run."""
        if self.done.load(order=ACQUIRE) != 0:  # pairs with the release below: what the action did is seen
            return
        with self.mutex:
            if self.done.load() == 0:
                action()
                self.done.store(u32(1), order=RELEASE)
