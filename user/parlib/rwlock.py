# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reader-writer lock for uthreads: many readers, or one writer. All zero is a free one.

A writer that waits keeps new readers out, so it gets its turn; when it leaves, all readers that came meanwhile go first: they get theirs.
A reader does not lock it again: a writer may wait in between.
"""

from lang import Ref, addr_of, at, must_use, new, struct, u32, u64
from parlib import sched
from parlib.current import my_uthread, my_vcore
from parlib.pdr import PdrLock
from parlib.sched import Blocked
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.uthread import Uthread, uthread_yield


@struct
class RwLock:
    guard: PdrLock
    readers: u32                            # that have it
    written: bool                           # a writer has it
    waiting_readers: UthSync
    waiting_writers: UthSync

    def lock_read(self) -> None:
        if not self.try_read():
            uthread_yield(read_block, addr_of(self))

    def lock_write(self) -> None:
        if not self.try_write():
            uthread_yield(write_block, addr_of(self))

    @must_use
    def try_read(self) -> bool:
        with self.guard:
            return self.admit_reader()

    @must_use
    def try_write(self) -> bool:
        with self.guard:
            return self.admit_writer()

    @must_use
    def read_until(self, deadline_ns: u64) -> bool:
        """False if it could not be had by then (`now_ns`)."""
        if self.try_read():
            return True
        request = RwWait(lock=self, wait=TimedWait(guard=self.guard, queue=self.waiting_readers, uthread=my_uthread()))
        begin_wait(request.wait, deadline_ns)
        uthread_yield(read_block_timed, addr_of(request))
        return end_wait(request.wait)

    @must_use
    def write_until(self, deadline_ns: u64) -> bool:
        if self.try_write():
            return True
        request = RwWait(lock=self, wait=TimedWait(guard=self.guard, queue=self.waiting_writers, uthread=my_uthread()))
        begin_wait(request.wait, deadline_ns)
        uthread_yield(write_block_timed, addr_of(request))
        got = end_wait(request.wait)
        if not got:
            self.let_readers_in()
        return got

    def unlock(self) -> None:
        """Whichever way the caller has it."""
        woken = UthSync()
        with self.guard:
            if self.written:
                self.written = False
            else:
                assert self.readers > 0, "a reader-writer lock is unlocked by nobody who has it"
                self.readers -= 1
            self.choose_next(woken)
        sched.current.bulk_runnable(woken)

    def let_readers_in(self) -> None:
        """A writer has given up: the readers behind it need not wait any more."""
        woken = UthSync()
        with self.guard:
            if self.waiting_writers.is_empty() and not self.written:
                self.admit_waiting_readers(woken)
        sched.current.bulk_runnable(woken)

    # -- under `guard` --------------------------------------------------------------------------------------------
    def admit_reader(self) -> bool:
        if self.written or not self.waiting_writers.is_empty():
            return False
        self.readers += 1
        return True

    def admit_writer(self) -> bool:
        if self.written or self.readers > 0:
            return False
        self.written = True
        return True

    def choose_next(self, woken: UthSync) -> None:
        if self.readers > 0:
            return
        if not self.waiting_readers.is_empty():
            self.admit_waiting_readers(woken)
            return
        writer = self.waiting_writers.get_next()
        if writer is not None:
            self.written = True
            woken.enqueue(writer)

    def admit_waiting_readers(self, woken: UthSync) -> None:
        while (reader := self.waiting_readers.get_next()) is not None:
            self.readers += 1
            woken.enqueue(reader)


@struct
class RwWait:
    lock: Ref[RwLock]
    wait: TimedWait


def read_block(uthread: Uthread, address: u64) -> None:
    lock = at(RwLock, address)
    sched.note_blocked(uthread, Blocked.MUTEX)
    lock.guard.lock_on(my_vcore())
    admitted = lock.admit_reader()
    if not admitted:
        lock.waiting_readers.enqueue(uthread)
    lock.guard.unlock_on()
    if admitted:
        sched.current.runnable(uthread)


def write_block(uthread: Uthread, address: u64) -> None:
    lock = at(RwLock, address)
    sched.note_blocked(uthread, Blocked.MUTEX)
    lock.guard.lock_on(my_vcore())
    admitted = lock.admit_writer()
    if not admitted:
        lock.waiting_writers.enqueue(uthread)
    lock.guard.unlock_on()
    if admitted:
        sched.current.runnable(uthread)


def read_block_timed(uthread: Uthread, address: u64) -> None:
    request = at(RwWait, address)
    lock = request.lock
    sched.note_blocked(uthread, Blocked.MUTEX)
    lock.guard.lock_on(my_vcore())
    waits = request.wait.join(uthread, not request.wait.expired and lock.admit_reader())
    lock.guard.unlock_on()
    if not waits:
        sched.current.runnable(uthread)


def write_block_timed(uthread: Uthread, address: u64) -> None:
    request = at(RwWait, address)
    lock = request.lock
    sched.note_blocked(uthread, Blocked.MUTEX)
    lock.guard.lock_on(my_vcore())
    waits = request.wait.join(uthread, not request.wait.expired and lock.admit_writer())
    lock.guard.unlock_on()
    if not waits:
        sched.current.runnable(uthread)


def new_rwlock() -> RwLock:
    """On the heap: give it back with `free`, when nobody uses it. Raises ENOMEM."""
    return new(RwLock)
