# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reader-writer lock for uthreads: many readers, or one writer. All zero is a free one.

A writer that waits keeps new readers out, so it gets its turn; when it leaves, all readers that came meanwhile go first: they get theirs.
A reader does not lock it again: a writer may wait in between.
"""

from lang import must_use, new, struct, u32, u64
from parlib import sched
from parlib.current import my_uthread
from parlib.pdr import PdrLock
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.vcore import pin, unpin


@struct
class RwLock:
    guard: PdrLock
    readers: u32                            # that have it
    written: bool                           # a writer has it
    waiting_readers: UthSync
    waiting_writers: UthSync

    def lock_read(self) -> None:
        uthread = my_uthread()
        vcore = pin(uthread)
        self.guard.lock_to_park(vcore)
        if self.admit_reader():
            self.guard.unlock_on()
            unpin(uthread, vcore)
            return
        self.waiting_readers.enqueue(uthread)
        self.guard.park(vcore, uthread)

    def lock_write(self) -> None:
        uthread = my_uthread()
        vcore = pin(uthread)
        self.guard.lock_to_park(vcore)
        if self.admit_writer():
            self.guard.unlock_on()
            unpin(uthread, vcore)
            return
        self.waiting_writers.enqueue(uthread)
        self.guard.park(vcore, uthread)

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
        wait = TimedWait(guard=self.guard, queue=self.waiting_readers, uthread=my_uthread())
        vcore = begin_wait(wait, deadline_ns)
        wait.sleep(vcore, not wait.expired and self.admit_reader())
        return end_wait(wait)

    @must_use
    def write_until(self, deadline_ns: u64) -> bool:
        if self.try_write():
            return True
        wait = TimedWait(guard=self.guard, queue=self.waiting_writers, uthread=my_uthread())
        vcore = begin_wait(wait, deadline_ns)
        wait.sleep(vcore, not wait.expired and self.admit_writer())
        got = end_wait(wait)
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


def new_rwlock() -> RwLock:
    """On the heap: give it back with `free`, when nobody uses it. Raises ENOMEM."""
    return new(RwLock)
