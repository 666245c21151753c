# SPDX-License-Identifier: GPL-2.0-or-later
"""ByteQueue: a bounded stream of bytes between threads, with both ends counted.

A read waits until there is something, or until no writer is left: then 0 is the end. A write waits for room, and raises EPIPE when no
reader is left. Both can be aborted. Bytes go straight between the queue and the user's memory, with no lock held, since that may
fault: one reader and one writer at a time have claimed their part of the queue meanwhile. A writer keeps its claim until all is written,
so writes do not mix. What a failing copy did not move stays where it was.
Taps hear of the first bytes in an empty queue, of the first room in a full one, and of the end of either side.
Locks: `cv.lock`, a leaf, guards everything but the bytes.
"""

from typing import Literal

from lang import Error, Span, Uaddr, inline, noinline, struct, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.tap import TapFilter
from kern.core.current import switch_back, switch_to
from kern.core.percore import core
from kern.lib.list import IntrusiveList
from kern.ns.tap import TapList
from kern.ns.transfer import Transfer
from kern.sync.abort import AbortableSleep
from kern.sync.condvar import CondVar
from kern.sync.kthread import current_kthread
from kern.syscall.parked import ParkedCall, forget_call, note_call


@struct
class ByteQueue:
    cv: CondVar
    data: Span[u8]
    start: u64                              # of what is in it
    used: u64
    readers: u32
    writers: u32
    reading: bool                           # a reader copies from `start` on
    writing: bool                           # a writer copies to behind what is in it, or waits for room
    taps: TapList
    parked: IntrusiveList[ParkedCall, Literal["link"]]  # reads that wait without a thread

    def read(self, io: Transfer, block: bool) -> u64:
        """Returns how much was read, 0 at the end. Raises EAGAIN if it would have to wait and may not; EINTR, EFAULT."""
        total: u64 = 0
        while io.left > 0:
            filled = self.claim_filled()
            if len(filled) == 0:
                if block and total == 0 and self.park(io):
                    return 0
                filled = self.wait_for_bytes(block, total > 0)
                if len(filled) == 0:
                    break
            moved: u64 = 0
            try:
                moved = io.give(filled)
            finally:
                self.end_read(moved)
                self.serve_parked()
            total += moved
        return total

    def claim_filled(self) -> Span[u8]:
        """Become the reader: what it may take at once. Empty, and nothing claimed, if there is nothing or somebody else reads."""
        with self.cv.lock.irqs_off():
            if self.reading or self.used == 0:
                return self.data[:0]
            self.reading = True
            return self.filled()

    @noinline
    def wait_for_bytes(self, block: bool, have_some: bool) -> Span[u8]:
        """The same, after waiting. Empty: the end, or, if some was read before, nothing more at once."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.reading or self.used == 0:
                    if have_some or (self.used == 0 and self.writers == 0):
                        return self.data[:0]
                    if not block:
                        raise Error(Errno.EAGAIN, "nothing to read")
                    sleep.check()
                    self.cv.wait(held)
                self.reading = True
                return self.filled()

    def park(self, io: Transfer) -> bool:
        """Have the current system call, which would have to wait, do so without its thread. False if it is the thread's still."""
        call = note_call(io, self)
        if call is None:
            return False
        with self.cv.lock.irqs_off():
            waits = not call.aborted and (self.reading or (self.used == 0 and self.writers > 0))
            if waits:
                kthread = current_kthread()
                kthread.sysc = Uaddr(0)
                kthread.was_parked = True
                self.parked.push_back(call)
        if not waits:
            forget_call(call)
        return waits

    @inline
    def serve_parked(self) -> None:
        """Give those whose calls are parked what there is. To be called whenever there is something new, or nobody reads any more.
        Looked at without the lock: who is parked later has seen what is new."""
        if not self.parked.is_empty():
            self.serve_each()

    @noinline
    def serve_each(self) -> None:
        while not self.parked.is_empty():
            with self.cv.lock.irqs_off():
                call = self.parked.first()
                if call is None or self.reading or (self.used == 0 and self.writers > 0):
                    return
                self.parked.remove(call)
                self.reading = True
                first = self.filled()
                second = self.data[: self.used - len(first)]
            if core.mine.cur_proc is call.proc:
                self.answer(call, first, second)
            else:
                old = switch_to(call.proc)
                self.answer(call, first, second)
                switch_back(old)

    def answer(self, call: ParkedCall, first: Span[u8], second: Span[u8]) -> None:
        """Let a parked read, which counts as the reader, have what there is: two parts, either of which may be empty."""
        given = call.give(first)
        if given and len(second) > 0:
            call.give(second)               # or not: what it has is an answer
        self.end_read(call.io.done)
        if given:
            call.answer()
        else:
            call.make_anew()

    def filled(self) -> Span[u8]:
        """The bytes from the front to where they, or the storage, end. Caller holds: the lock."""
        return self.data[self.start : min(self.start + self.used, len(self.data))]

    def end_read(self, moved: u64) -> None:
        with self.cv.lock.irqs_off():
            is_news = not self.taps.is_empty() and self.used == len(self.data) and moved > 0
            self.start += moved
            if self.start >= len(self.data):
                self.start -= len(self.data)
            self.used -= moved
            self.reading = False
            self.cv.broadcast()
        if is_news:
            self.taps.fire(TapFilter.WRITABLE)

    def write(self, io: Transfer, block: bool) -> u64:
        """Writes everything, in pieces. Raises EPIPE, EAGAIN, EINTR, EFAULT if nothing was written before."""
        if io.left == 0:
            return 0
        room = self.claim_room()
        if len(room) == 0:
            room = self.wait_for_room(block, False)
        total: u64 = 0
        try:
            while io.left > 0:
                if len(room) == 0:
                    room = self.wait_for_room(block, True)
                moved = io.take(room)
                room = self.add(moved, io.left == 0)
                total += moved
                self.serve_parked()
        except Error:
            self.stop_writing()
            if total == 0:
                raise
        return total

    def stop_writing(self) -> None:
        with self.cv.lock.irqs_off():
            self.writing = False
            self.cv.broadcast()

    def claim_room(self) -> Span[u8]:
        """Become the writer: where to write at once. Empty, and nothing claimed, if it has to wait, or nobody reads."""
        with self.cv.lock.irqs_off():
            if self.writing or self.readers == 0 or self.used == len(self.data):
                return self.data[:0]
            self.writing = True
            return self.room()

    @noinline
    def wait_for_room(self, block: bool, is_writer: bool) -> Span[u8]:
        """The same, after waiting; also for more room, for the writer. Raises EPIPE, EAGAIN, EINTR."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.readers > 0 and (self.used == len(self.data) or (self.writing and not is_writer)):
                    if not block:
                        raise Error(Errno.EAGAIN, "no room to write")
                    sleep.check()
                    self.cv.wait(held)
                self.check_readers()
                self.writing = True
                return self.room()

    def add(self, count: u64, is_last: bool) -> Span[u8]:
        """The writer has put `count` bytes behind what was there, and claims no more if they are the last; returns the room that is left.
        Raises EPIPE."""
        with self.cv.lock.irqs_off():
            self.check_readers()
            is_news = not self.taps.is_empty() and self.used == 0 and count > 0
            self.used += count
            if is_last:
                self.writing = False
            self.cv.broadcast()
            room = self.room()
        if is_news:
            self.taps.fire(TapFilter.READABLE)
        return room

    def room(self) -> Span[u8]:
        """The free part behind what is in it, up to where it or the storage ends. Caller holds: the lock."""
        end = self.start + self.used
        if end >= len(self.data):
            return self.data[end - len(self.data) : self.start]
        return self.data[end:]

    def check_readers(self) -> None:
        if self.readers == 0:
            raise Error(Errno.EPIPE, "nobody reads the other end of the pipe")

    def end_opened(self, is_writer: bool) -> None:
        with self.cv.lock.irqs_off():
            if is_writer:
                self.writers += 1
            else:
                self.readers += 1

    def end_closed(self, is_writer: bool) -> None:
        """The other end learns of it."""
        with self.cv.lock.irqs_off():
            if is_writer:
                self.writers -= 1
            else:
                self.readers -= 1
            is_news = not self.taps.is_empty() and (self.writers if is_writer else self.readers) == 0
            self.cv.broadcast()
        if is_writer:
            self.serve_parked()
        if is_news:
            self.taps.fire(at_end(is_writer))

    def ready(self, is_writer: bool) -> TapFilter:
        """What holds now, for that end. Under the lock, so that what it does not see is told to a tap that was added before."""
        with self.cv.lock.irqs_off():
            if is_writer and self.readers == 0:
                return at_end(False)
            if is_writer:
                return TapFilter.WRITABLE if self.used < len(self.data) else TapFilter(0)
            found = TapFilter.READABLE if self.used > 0 else TapFilter(0)
            return found if self.writers > 0 else found | at_end(True)


def at_end(of_writers: bool) -> TapFilter:
    """What the other end is told when there are no writers, or no readers, any more."""
    return TapFilter.READABLE | TapFilter.HANGUP if of_writers else TapFilter.WRITABLE | TapFilter.ERROR
