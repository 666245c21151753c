# SPDX-License-Identifier: GPL-2.0-or-later
"""RwLock: many readers or one writer, held across blocks. Waiters sleep.

    with lock.reading():            with lock.writing():
        …                               …
Neither side starves: while a writer waits, new readers wait behind it; when a writer leaves, all readers that wait go in together, and the
next writer after them. Who leaves hands the lock over, so whoever wakes has it.
Entering may raise ENOMEM, when it would have to sleep and there is no memory for a stack; it is then not held.
A reader must not enter again, for reading or writing: a writer that came meanwhile would wait for it, and it for the writer.
Locks: `lock` is a leaf. Not for interrupt handlers.
"""

from lang import addr_of, cast, must_use, sleeping_section, struct, u32
from kern.lib.queue import Queue
from kern.sync.kthread import Kthread, park, prepare_to_block, wake
from kern.sync.spinlock import SpinLock


@struct
class RwLock:
    lock: SpinLock
    readers: u32                            # inside
    written: bool                           # a writer is inside
    waiting_readers: Queue[Kthread]
    waiting_writers: Queue[Kthread]

    def reading(self) -> "RwReader":
        """`with lock.reading():`"""
        return cast(RwReader, self)

    def writing(self) -> "RwWriter":
        """`with lock.writing():`"""
        return cast(RwWriter, self)

    @must_use
    def try_read(self) -> bool:
        """Enter for reading, if that needs no wait. `leave_read` follows."""
        with self.lock.irqs_off():
            return self.admit_reader()

    @must_use
    def try_write(self) -> bool:
        """Enter for writing, if nobody is inside. `leave_write` follows."""
        with self.lock.irqs_off():
            return self.admit_writer()

    def enter_read(self) -> None:
        """May block; may raise ENOMEM."""
        if self.try_read():
            return
        kthread = prepare_to_block()
        with self.lock.irqs_off() as held:
            if not self.admit_reader():
                kthread.sleeps_on("readers-writer lock", addr_of(self))
                self.waiting_readers.push(kthread)
                park(kthread, releasing=held)  # who left has counted us in

    def enter_write(self) -> None:
        """May block; may raise ENOMEM."""
        if self.try_write():
            return
        kthread = prepare_to_block()
        with self.lock.irqs_off() as held:
            if not self.admit_writer():
                kthread.sleeps_on("readers-writer lock", addr_of(self))
                self.waiting_writers.push(kthread)
                park(kthread, releasing=held)  # who left has set `written` for us

    def leave_read(self) -> None:
        writer = self.take_writer_after_reader()
        if writer is not None:
            wake(writer)

    def leave_write(self) -> None:
        """Let all readers in that wait, else the longest waiting writer."""
        woken = Queue[Kthread]()
        with self.lock.irqs_off():
            assert self.written, "an RwLock is left that nobody writes"
            self.written = False
            self.admit_waiting(woken)
        while (kthread := woken.pop()) is not None:
            wake(kthread)

    # Under `lock`

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

    def take_writer_after_reader(self) -> Kthread | None:
        with self.lock.irqs_off():
            assert self.readers > 0, "an RwLock is left that nobody reads"
            self.readers -= 1
            if self.readers > 0:
                return None
            # Readers wait only behind a writer, so if none waits there is nobody.
            writer = self.waiting_writers.pop()
            self.written = writer is not None
            return writer

    def admit_waiting(self, woken: Queue[Kthread]) -> None:
        while (reader := self.waiting_readers.pop()) is not None:
            self.readers += 1
            woken.push(reader)
        if self.readers == 0 and (writer := self.waiting_writers.pop()) is not None:
            self.written = True
            woken.push(writer)


@struct
class RwReader(RwLock):
    """A view of an RwLock that enters it for reading. It adds no field."""

    @sleeping_section
    def __enter__(self) -> None:
        self.enter_read()

    def __exit__(self) -> None:
        self.leave_read()


@struct
class RwWriter(RwLock):
    """A view of an RwLock that enters it for writing. It adds no field."""

    @sleeping_section
    def __enter__(self) -> None:
        self.enter_write()

    def __exit__(self) -> None:
        self.leave_write()
