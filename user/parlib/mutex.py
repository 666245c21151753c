# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mutexes for uthreads, plain and recursive: they block the thread, never the vcore.

All zero is their initial state. An unlock hands over to a waiter. Unlocking works from any context;
locking from uthreads with notifications enabled only.
"""

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, must_use, new, noinline, sleeping_section, struct, u32, u64
from parlib import sched
from parlib.current import me, my_uthread, my_vcore
from parlib.pdr import PdrLock
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.vcore import disable_notifs, enable_notifs, pin, unpin

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
            self.wait()

    @noinline
    def wait(self) -> None:
        uthread = my_uthread()
        vcore = pin(uthread)
        self.guard.lock_to_park(vcore)
        if self.state.swap(CONTENDED, order=ACQUIRE) == FREE:
            self.guard.unlock_on()
            unpin(uthread, vcore)
            return
        self.waiters.enqueue(uthread)
        self.guard.park(vcore, uthread)

    @must_use
    def try_lock(self) -> bool:
        return self.state.cas(FREE, HELD, order=ACQUIRE)

    @must_use
    def lock_until(self, deadline_ns: u64) -> bool:
        """False if it could not be had by then (`now_ns`)."""
        if self.try_lock():
            return True
        wait = TimedWait(guard=self.guard, queue=self.waiters, uthread=my_uthread())
        vcore = begin_wait(wait, deadline_ns)
        wait.sleep(vcore, not wait.expired and self.state.swap(CONTENDED) == FREE)
        return end_wait(wait)

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

    def give_up(self) -> u64:
        """Before a wait for a condition unlocks the mutex, however often it is locked; how often."""
        assert self.is_mine(), "a thread waits with a recursive mutex that it does not hold"
        count = self.count
        self.count = 0
        self.holder.store(0, order=RELAXED)
        return count

    def take_again(self, count: u64) -> None:
        """Afterwards."""
        self.holder.store(me.mine.uthread, order=RELAXED)
        self.count = count

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
