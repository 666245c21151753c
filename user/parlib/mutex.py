# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mutexes for uthreads, plain and recursive: they block the thread, never the vcore.

All zero is their initial state. An unlock hands over to a waiter. Unlocking works from any context;
locking from uthreads with notifications enabled only.
"""

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, Ref, addr_of, at, must_use, new, sleeping_section, struct, u32, u64
from parlib import sched
from parlib.current import me, my_vcore
from parlib.pdr import PdrLock
from parlib.sched import Blocked
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.uthread import Uthread, uthread_yield
from parlib.vcore import disable_notifs, enable_notifs

FREE: u32 = 0
HELD: u32 = 1
CONTENDED: u32 = 2                          # held, and there may be waiters


@struct
class Mutex:
    """Mutual exclusion: `with mutex:`. Not recursive."""

    state: Atomic[u32]
    guard: PdrLock
    waiters: UthSync

    def lock(self) -> None:
        if not self.state.cas(FREE, HELD, order=ACQUIRE):  # pairs with the releases of unlock and hand_over
            uthread_yield(mutex_block, addr_of(self))

    @must_use
    def try_lock(self) -> bool:
        return self.state.cas(FREE, HELD, order=ACQUIRE)

    @must_use
    def lock_until(self, deadline_ns: u64) -> bool:
        """False if it could not be had by then (`now_ns`)."""
        if self.try_lock():
            return True
        request = MutexWait(mutex=self, wait=TimedWait(guard=self.guard, queue=self.waiters, uthread=at(Uthread, me.mine.uthread)))
        begin_wait(request.wait, deadline_ns)
        uthread_yield(mutex_block_timed, addr_of(request))
        return end_wait(request.wait)

    def unlock(self) -> None:
        if not self.state.cas(HELD, FREE, order=RELEASE):
            self.hand_over()

    def hand_over(self) -> None:
        disable_notifs()                    # once for the guard and for the 2LS' lock
        self.guard.lock_on(my_vcore())
        next = self.waiters.get_next()
        if next is None:
            self.state.store(FREE, order=RELEASE)
        self.guard.unlock_on()
        if next is not None:
            sched.current.runnable(next)
        enable_notifs()

    def is_held(self) -> bool:
        return self.state.load() != FREE

    @sleeping_section
    def __enter__(self) -> None:
        self.lock()

    def __exit__(self) -> None:
        self.unlock()


@struct
class MutexWait:
    mutex: Ref[Mutex]
    wait: TimedWait


def mutex_block(uthread: Uthread, address: u64) -> None:
    """In vcore context: take the mutex for the thread after all, or queue it."""
    mutex = at(Mutex, address)
    sched.note_blocked(uthread, Blocked.MUTEX)
    mutex.guard.lock_on(my_vcore())
    free = mutex.state.swap(CONTENDED) == FREE
    if not free:
        mutex.waiters.enqueue(uthread)
    mutex.guard.unlock_on()
    if free:
        sched.current.runnable(uthread)


def mutex_block_timed(uthread: Uthread, address: u64) -> None:
    request = at(MutexWait, address)
    mutex = request.mutex
    sched.note_blocked(uthread, Blocked.MUTEX)
    mutex.guard.lock_on(my_vcore())
    waits = request.wait.join(uthread, not request.wait.expired and mutex.state.swap(CONTENDED) == FREE)
    mutex.guard.unlock_on()
    if not waits:
        sched.current.runnable(uthread)


@struct
class RecursiveMutex:
    """Its holder may lock it again, and unlocks it as often."""

    mutex: Mutex
    holder: Atomic[u64]                     # address of the Uthread that has it; others may read it at any time
    count: u64                              # the holder's own

    def is_mine(self) -> bool:
        return self.holder.load(order=RELAXED) == me.mine.uthread

    def lock(self) -> None:
        if not self.is_mine():
            self.mutex.lock()
        self.take()

    @must_use
    def try_lock(self) -> bool:
        if not self.is_mine() and not self.mutex.try_lock():
            return False
        self.take()
        return True

    @must_use
    def lock_until(self, deadline_ns: u64) -> bool:
        if not self.is_mine() and not self.mutex.lock_until(deadline_ns):
            return False
        self.take()
        return True

    def take(self) -> None:
        """One more for the caller, who has the mutex."""
        self.holder.store(me.mine.uthread, order=RELAXED)  # only the holder's own address means something to who reads it
        self.count += 1

    def unlock(self) -> None:
        assert self.is_mine(), "a recursive mutex is unlocked by a thread that does not hold it"
        self.count -= 1
        if self.count == 0:
            self.holder.store(0, order=RELAXED)
            self.mutex.unlock()

    @sleeping_section
    def __enter__(self) -> None:
        self.lock()

    def __exit__(self) -> None:
        self.unlock()


def new_mutex() -> Mutex:
    """On the heap: give it back with `free`, when nobody uses it. Raises ENOMEM."""
    return new(Mutex)


def new_recursive_mutex() -> RecursiveMutex:
    return new(RecursiveMutex)
