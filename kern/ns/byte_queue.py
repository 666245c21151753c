# SPDX-License-Identifier: GPL-2.0-or-later
"""ByteQueue: a bounded stream of bytes between threads, with both ends counted.

A read waits until there is something, or until no writer is left: then 0 is the end. A write waits for room, and raises EPIPE when no
reader is left. Both can be aborted. Bytes go straight between the queue and the user's memory, with no lock held, since that may
fault: one reader and one writer at a time have claimed their part of the queue meanwhile, the reader what is in it from `start` on, the
writer what is free from `end` on. A claim is one atomic swap; it is given back under the lock, with what has changed, so that who
finds it taken and waits hears of that. A writer keeps its claim until all is written, so writes do not mix. What a failing copy did not
move stays where it was.
Taps hear of the first bytes in an empty queue, of the first room in a full one, and of the end of either side.
Locks: `cv.lock`, a leaf, guards everything but the bytes, `start` and `end`. `used` changes under it; without it the reader may see too
little, and the writer too much, never the other way round.
"""

from typing import Literal

from lang import ACQUIRE, RELAXED, RELEASE, Array, Atomic, Error, Ref, Span, Uaddr, array, inline, noinline, struct, u8, u32, u64, unset
from kern.abi.errno import Errno
from kern.abi.tap import TapFilter
from kern.core.current import switch_back, switch_to
from kern.core.percore import core
from kern.lib.list import IntrusiveList
from kern.mm.umem import try_read, try_write
from kern.ns.tap import TapList
from kern.ns.transfer import Transfer
from kern.proc.proc import proc_get, proc_put
from kern.sync.abort import AbortableSleep
from kern.sync.condvar import CondVar
from kern.syscall.parked import ParkedCall, give_note_back, leave_call_parked, must_give_up, note_call


SMALL: u64 = 128                            # a write of so many bytes may be handed over


@struct
class Piece:
    bytes: Array[u8] = array(SMALL)


@struct
class ByteQueue:
    cv: CondVar
    data: Span[u8]
    start: u64                              # of what is in it: the reader's
    end: u64                                # behind it: the writer's
    used: Atomic[u64]
    readers: u32
    writers: u32
    reading: Atomic[bool]                   # a reader copies from `start` on
    writing: Atomic[bool]                   # a writer copies to `end`, or waits for room
    taps: TapList
    parked: IntrusiveList[ParkedCall, Literal["link"]]  # reads that wait without a thread

    # -- reading -------------------------------------------------------------------------------------------------
    @inline
    def read(self, io: Transfer, block: bool) -> u64:
        """Returns how much was read, 0 at the end. Raises EAGAIN if it would have to wait and may not; EINTR, EFAULT."""
        # Most often there is nothing yet. Without the lock; `park` looks again.
        if self.used.load(order=RELAXED) == 0 and block and io.left > 0:
            return self.read_later(io)
        return self.read_now(io, block)

    @noinline
    def read_now(self, io: Transfer, block: bool) -> u64:
        """`read` of what there may be."""
        if io.left == 0:
            return 0
        filled = self.claim_filled()
        if len(filled) == 0:
            if block:
                return self.read_later(io)
            filled = self.wait_for_bytes(False, False)
        return self.read_from(io, filled)

    @noinline
    def read_later(self, io: Transfer) -> u64:
        """`read` of what will come."""
        if self.park(io):
            return 0
        return self.read_from(io, self.wait_for_bytes(True, False))

    @noinline
    def read_from(self, io: Transfer, filled: Span[u8]) -> u64:
        """Read what was claimed, and what can be had at once after it."""
        total: u64 = 0
        while len(filled) > 0:
            moved: u64 = 0
            try:
                moved = io.give(filled)
            finally:
                self.end_read(moved)
                self.serve_parked()
            total += moved
            if io.left == 0:
                break
            filled = self.claim_filled()
            if len(filled) == 0:
                filled = self.wait_for_bytes(False, True)
        return total

    @inline
    def claim_filled(self) -> Span[u8]:
        """Become the reader: what it may take at once. Empty, and nothing claimed, if there is nothing or somebody else reads."""
        if self.used.load(order=RELAXED) == 0 or self.reading.swap(True, order=ACQUIRE):
            return self.data[:0]
        filled = self.filled()
        if len(filled) == 0:                # another reader was faster
            self.end_read(0)
            self.serve_parked()
        return filled

    @noinline
    def wait_for_bytes(self, block: bool, have_some: bool) -> Span[u8]:
        """The same, after waiting. Empty: the end, or, if some was read before, nothing more at once."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.used.load(order=RELAXED) == 0 or self.reading.swap(True, order=ACQUIRE):
                    if have_some or (self.used.load(order=RELAXED) == 0 and self.writers == 0):
                        return self.data[:0]
                    if not block:
                        raise Error(Errno.EAGAIN, "nothing to read")
                    sleep.wait(held)
                return self.filled()

    @inline
    def filled(self) -> Span[u8]:
        """The bytes from the front to where they, or the storage, end. For the reader."""
        # Acquire, here and in `room`: pairs with the stores in `put` and `end_read`, which come after the bytes were copied.
        return self.data[self.start : min(self.start + self.used.load(order=ACQUIRE), len(self.data))]

    def end_read(self, moved: u64) -> None:
        start = self.start + moved
        self.start = start - len(self.data) if start >= len(self.data) else start
        with self.cv.lock.irqs_off():
            used = self.used.load(order=RELAXED)
            is_news = not self.taps.is_empty() and used == len(self.data) and moved > 0
            self.used.store(used - moved, order=RELEASE)
            self.reading.store(False, order=RELEASE)
            self.cv.broadcast()
        if is_news:
            self.taps.fire(TapFilter.WRITABLE)

    # -- reads that wait without a thread --------------------------------------------------------------------------
    @inline
    def park(self, io: Transfer) -> bool:
        """Have the current system call, which would have to wait, do so without its thread. False if it is the thread's still."""
        call = note_call(io, self)
        if call is None:
            return False
        # Known first, then looked: an abort that came before is seen here, a later one finds the note, and marks it.
        is_given_up = must_give_up(call)
        with self.cv.lock.irqs_off():
            is_empty = self.used.load(order=RELAXED) == 0
            waits = not (call.aborted or is_given_up) and (self.writers > 0 if is_empty else self.reading.load(order=RELAXED))
            if waits:
                leave_call_parked()
                self.parked.push_back(call)
        if not waits:
            give_note_back(call)
        io.was_parked = waits
        return waits

    @inline
    def serve_parked(self) -> None:
        """Give those whose calls are parked what there is. To be called whenever there is something new, or nobody reads any more.
        Looked at without the lock: who is parked later has seen what is new."""
        if not self.parked.is_empty():
            call = self.next_parked()
            if call is not None:
                self.serve(call)

    def next_parked(self) -> ParkedCall | None:
        with self.cv.lock.irqs_off():
            return self.take_parked()

    @inline
    def take_parked(self) -> ParkedCall | None:
        """Take the longest waiting call out, and become the reader for it, if there is something for it. Caller holds: the lock."""
        call = self.parked.first()
        if call is None or (self.used.load(order=RELAXED) == 0 and self.writers > 0) or self.reading.swap(True, order=ACQUIRE):
            return None
        self.take_out(call)
        return call

    @inline
    def take_out(self, call: ParkedCall) -> None:
        """The first one. Caller holds: the lock."""
        self.parked.pop_front()
        if core.mine.cur_proc is not call.proc:
            proc_get(call.proc)             # its end looks for it in here first, and waits for the lock

    @noinline
    def serve(self, first: ParkedCall) -> None:
        """Let a call that `take_parked` gave have what there is, and those behind it."""
        call: Ref[ParkedCall] | None = first
        while call is not None:
            p = call.proc
            if core.mine.cur_proc is p:
                self.answer(call)
            else:
                old = switch_to(p)
                self.answer(call)
                switch_back(old)
                proc_put(p)
            call = None if self.parked.is_empty() else self.next_parked()

    @inline
    def answer(self, call: ParkedCall) -> None:
        """What there is may be in two parts, either of which may be empty."""
        used = self.used.load(order=ACQUIRE)
        first = min(used, len(self.data) - self.start)
        given = call.io.give_at_once(self.data[self.start : self.start + first])
        if given and used > first:
            call.io.give_at_once(self.data[: used - first])  # or not: what it has is an answer
        self.end_read(call.io.done)
        if given:
            call.answer()
        else:
            call.make_anew()

    # -- writing -------------------------------------------------------------------------------------------------
    @inline
    def write(self, io: Transfer, block: bool) -> u64:
        """Writes everything, in pieces. Raises EPIPE, EAGAIN, EINTR, EFAULT if nothing was written before."""
        if io.left == 0:
            return 0
        if not self.parked.is_empty():
            return self.write_to_waiting(io, block)
        return self.write_now(io, block)

    @noinline
    def write_to_waiting(self, io: Transfer, block: bool) -> u64:
        """Give a small write straight to the read that has waited longest, if nothing is in between and it takes all of it. Nothing need be
        claimed: the two calls meet when the read is taken out, under the lock."""
        count = io.left
        piece = unset(Piece)
        # What cannot be read at once may have to be waited for, or is not there.
        if count <= SMALL and not io.in_kernel and try_read(piece.bytes[:count], Uaddr(io.base)):
            call = self.take_reader_of(count)
            if call is not None and give_all(call, piece.bytes[:count]):
                return count
        return self.write_now(io, block)

    @inline
    def take_reader_of(self, count: u64) -> ParkedCall | None:
        """Take out the longest waiting call, if it has room for so many bytes, and these would be the next."""
        with self.cv.lock.irqs_off():
            call = self.parked.first()
            if call is None or call.io.left < count or self.used.load(order=RELAXED) > 0 or self.writing.load(order=RELAXED):
                return None
            self.take_out(call)
            return call

    @noinline
    def write_now(self, io: Transfer, block: bool) -> u64:
        """`write` by way of the queue."""
        if self.writing.swap(True, order=ACQUIRE):
            self.wait_to_write(block)
        total: u64 = 0
        try:
            while io.left > 0:
                room = self.room()
                if len(room) == 0 or self.readers == 0:
                    room = self.wait_for_room(block)
                moved = io.take(room)
                call = self.put(moved, io.left == 0)
                total += moved
                if call is not None:
                    self.serve(call)
        except Error:
            self.stop_writing()
            if total == 0:
                raise
        return total

    @inline
    def room(self) -> Span[u8]:
        """The free part behind what is in it, up to where it or the storage ends. For the writer."""
        return self.data[self.end : min(self.end + (len(self.data) - self.used.load(order=ACQUIRE)), len(self.data))]

    @inline
    def put(self, count: u64, is_last: bool) -> ParkedCall | None:
        """The writer has put `count` bytes behind what was there, and claims no more if they are the last. Returns a call that waited for
        them, which is to be served. Raises EPIPE."""
        end = self.end + count
        with self.cv.lock.irqs_off():
            self.check_readers()
            used = self.used.load(order=RELAXED)
            is_news = not self.taps.is_empty() and used == 0
            self.end = end - len(self.data) if end >= len(self.data) else end
            self.used.store(used + count, order=RELEASE)
            if is_last:
                self.writing.store(False, order=RELEASE)
            self.cv.broadcast()
            call = self.take_parked()
        if is_news:
            self.taps.fire(TapFilter.READABLE)
        return call

    def stop_writing(self) -> None:
        with self.cv.lock.irqs_off():
            self.writing.store(False, order=RELEASE)
            self.cv.broadcast()

    @noinline
    def wait_to_write(self, block: bool) -> None:
        """Become the writer once those before are through. Raises EPIPE, EAGAIN, EINTR."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.writing.swap(True, order=ACQUIRE):
                    self.check_readers()
                    if not block:
                        raise Error(Errno.EAGAIN, "somebody else writes")
                    sleep.wait(held)

    @noinline
    def wait_for_room(self, block: bool) -> Span[u8]:
        """Where the writer may go on, after waiting. Raises EPIPE, EAGAIN, EINTR."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.readers > 0 and self.used.load(order=RELAXED) == len(self.data):
                    if not block:
                        raise Error(Errno.EAGAIN, "no room to write")
                    sleep.wait(held)
                self.check_readers()
                return self.room()

    # -- both ends -----------------------------------------------------------------------------------------------
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
                return TapFilter.WRITABLE if self.used.load(order=RELAXED) < len(self.data) else TapFilter(0)
            found = TapFilter.READABLE if self.used.load(order=RELAXED) > 0 else TapFilter(0)
            return found if self.writers > 0 else found | at_end(True)


@inline
def give_all(call: ParkedCall, bytes: Span[u8]) -> bool:
    """Answer a call that is in no queue with these. False if its buffer is not there now: then it waits anew, by a thread."""
    return give_here(call, bytes) if core.mine.cur_proc is call.proc else give_abroad(call, bytes)


@inline
def give_here(call: ParkedCall, bytes: Span[u8]) -> bool:
    if not try_write(Uaddr(call.io.base), bytes):
        call.make_anew()
        return False
    call.io.done = len(bytes)
    call.answer()
    return True


@noinline
def give_abroad(call: ParkedCall, bytes: Span[u8]) -> bool:
    """In another process, of which `take_out` has got a reference."""
    p = call.proc
    old = switch_to(p)
    given = give_here(call, bytes)
    switch_back(old)
    proc_put(p)
    return given


def at_end(of_writers: bool) -> TapFilter:
    """What the other end is told when there are no writers, or no readers, any more."""
    return TapFilter.READABLE | TapFilter.HANGUP if of_writers else TapFilter.WRITABLE | TapFilter.ERROR
