# SPDX-License-Identifier: LGPL-2.1-or-later
"""Barrier and once-control for uthreads: they block the thread, never the vcore. All zero is the initial state of a Once.

Waiting is for uthreads with notifications enabled. Locks: a barrier has a PdrLock, a leaf, for its waiters.
"""

from typing import Callable

from lang import ACQUIRE, RELEASE, Atomic, Raises, struct, u32, u64
from parlib import sched
from parlib.current import my_uthread
from parlib.mutex import Mutex
from parlib.pdr import PdrLock
from parlib.uth_sync import UthSync
from parlib.vcore import pin, unpin


@struct
class Barrier:
    """`Barrier(parties=n)`: nobody leaves `wait` before n threads have entered it. Can be used again at once."""

    parties: u64
    guard: PdrLock
    arrived: u64
    waiters: UthSync

    def wait(self) -> bool:
        """True for exactly one of the threads of each round, the last one."""
        uthread = my_uthread()
        vcore = pin(uthread)
        self.guard.lock_to_park(vcore)
        if self.arrived + 1 < self.parties:
            self.arrived += 1
            self.waiters.enqueue(uthread)
            self.guard.park(vcore, uthread)
            return False
        woken = UthSync()
        self.open(woken)
        self.guard.unlock_on()
        sched.current.bulk_runnable(woken)
        unpin(uthread, vcore)
        return True

    def open(self, woken: UthSync) -> None:
        """Begin the next round; those who wait move to `woken`. Caller holds: `guard`."""
        self.waiters.swap(woken)
        self.arrived = 0


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
