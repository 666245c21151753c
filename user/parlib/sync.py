# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mutex, condition variable, semaphore, barrier and once-control for uthreads: they block the thread, never the vcore.

Each has a PdrLock, a leaf, under which its waiters are kept; a thread is put there by its yield callback, when it is saved, so that a waker
may run it at once. The 2LS decides who is woken first (parlib.uth_sync): the longest waiter, if it does not say. All zero is the initial
state of each. Waking works from any context; blocking from uthreads with notifications enabled only.
"""

from typing import Callable

from lang import ACQUIRE, RELEASE, Atomic, Raises, Ref, addr_of, at, must_use, sleeping_section, struct, u32, u64
from parlib import sched
from parlib.sched import Blocked
from parlib.uth_sync import UthSync
from parlib.current import my_vcore
from parlib.pdr import PdrLock
from parlib.uthread import Uthread, uthread_yield

FREE: u32 = 0
HELD: u32 = 1
CONTENDED: u32 = 2                          # held, and there may be waiters


@struct
class Mutex:
    """Mutual exclusion: `with mutex:`. Not recursive. An unlock hands over to a waiter."""

    state: Atomic[u32]
    guard: PdrLock
    waiters: UthSync

    def lock(self) -> None:
        if not self.state.cas(FREE, HELD, order=ACQUIRE):  # pairs with the releases of unlock and hand_over
            uthread_yield(mutex_block, addr_of(self))

    @must_use
    def try_lock(self) -> bool:
        return self.state.cas(FREE, HELD, order=ACQUIRE)

    def unlock(self) -> None:
        if not self.state.cas(HELD, FREE, order=RELEASE):
            self.hand_over()

    def hand_over(self) -> None:
        with self.guard:
            next = self.waiters.get_next()
            if next is None:
                self.state.store(FREE, order=RELEASE)
        if next is not None:
            sched.current.runnable(next)

    def is_held(self) -> bool:
        return self.state.load() != FREE

    @sleeping_section
    def __enter__(self) -> None:
        self.lock()

    def __exit__(self) -> None:
        self.unlock()


def mutex_block(uthread: Uthread, address: u64) -> None:
    """In vcore context: take the mutex for the thread after all, or queue it."""
    mutex = at(Mutex, address)
    sched.current.has_blocked(uthread, Blocked.MUTEX)
    mutex.guard.lock_on(my_vcore())
    free = mutex.state.swap(CONTENDED) == FREE
    if not free:
        mutex.waiters.enqueue(uthread)
    mutex.guard.unlock_on()
    if free:
        sched.current.runnable(uthread)


@struct
class CondVar:
    """Waiting for a condition that a mutex protects. Wake-ups may be spurious: wait in a loop."""

    guard: PdrLock
    waiters: UthSync

    def wait(self, mutex: Mutex) -> None:
        """Release `mutex`, sleep until woken, take it again: nothing that is signalled in between is lost."""
        request = CondWait(condition=self, mutex=mutex)
        uthread_yield(condition_block, addr_of(request))
        mutex.lock()

    def signal(self) -> None:
        with self.guard:
            uthread = self.waiters.get_next()
        if uthread is not None:
            sched.current.runnable(uthread)

    def broadcast(self) -> None:
        woken = UthSync()
        with self.guard:
            self.waiters.swap(woken)
        sched.current.bulk_runnable(woken)


@struct
class CondWait:
    """On the waiter's stack: gone as soon as it is queued and the guard released."""

    condition: Ref[CondVar]
    mutex: Ref[Mutex]


def condition_block(uthread: Uthread, address: u64) -> None:
    request = at(CondWait, address)
    condition = request.condition
    mutex = request.mutex
    sched.current.has_blocked(uthread, Blocked.MUTEX)
    condition.guard.lock_on(my_vcore())
    condition.waiters.enqueue(uthread)
    condition.guard.unlock_on()
    mutex.unlock()


@struct
class Semaphore:
    """`up` lets exactly one `down` through."""

    guard: PdrLock
    count: u64
    waiters: UthSync

    def down(self) -> None:
        if not self.try_down():
            uthread_yield(semaphore_block, addr_of(self))

    @must_use
    def try_down(self) -> bool:
        with self.guard:
            taken = self.count > 0
            if taken:
                self.count -= 1
        return taken

    def up(self) -> None:
        with self.guard:
            uthread = self.waiters.get_next()
            if uthread is None:
                self.count += 1
        if uthread is not None:
            sched.current.runnable(uthread)


def semaphore_block(uthread: Uthread, address: u64) -> None:
    semaphore = at(Semaphore, address)
    sched.current.has_blocked(uthread, Blocked.MUTEX)
    semaphore.guard.lock_on(my_vcore())
    taken = semaphore.count > 0
    if taken:
        semaphore.count -= 1
    else:
        semaphore.waiters.enqueue(uthread)
    semaphore.guard.unlock_on()
    if taken:
        sched.current.runnable(uthread)


@struct
class Barrier:
    """`Barrier(parties=n)`: nobody leaves `wait` before n threads have entered it. Can be used again at once."""

    parties: u64
    guard: PdrLock
    arrived: u64
    waiters: UthSync

    def wait(self) -> bool:
        """True for exactly one of the threads of each round, the last one."""
        self.guard.lock()
        if self.arrived + 1 < self.parties:
            self.guard.unlock()
            return self.block()
        woken = UthSync()
        self.open(woken)
        self.guard.unlock()
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
    sched.current.has_blocked(uthread, Blocked.MUTEX)
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
