# SPDX-License-Identifier: GPL-2.0-or-later
"""ByteQueue: a bounded stream of bytes between threads, with both ends counted.

A read waits until there is something, or until no writer is left: then 0 is the end. A write waits for room, and raises EPIPE
when no reader is left. Both can be aborted, and both move through a small buffer, so that no lock is held while user
memory is touched; a reader that faults loses at most that much.
Locks: `cv.lock`, a leaf.
"""

from lang import Error, Span, array, copy_bytes, struct, u8, u32, u64
from kern.abi.errno import Errno
from kern.ns.transfer import Transfer
from kern.sync.abort import AbortableSleep
from kern.sync.condvar import CondVar

CHUNK: u64 = 1024


@struct
class ByteQueue:
    cv: CondVar
    data: Span[u8]
    start: u64                              # of what is in it
    used: u64
    readers: u32
    writers: u32

    def read(self, io: Transfer, block: bool) -> u64:
        """Returns how much was read, 0 at the end. Raises EAGAIN if it would have to wait and may not; EINTR."""
        chunk = array(CHUNK, u8)
        total: u64 = 0
        while io.left > 0:
            count = self.pull(chunk[: min(CHUNK, io.left)], block and total == 0, total > 0)
            if count == 0:
                break
            io.give(chunk[:count])
            total += count
        return total

    def pull(self, into: Span[u8], block: bool, have_some: bool) -> u64:
        """Take bytes out; waits for the first if it may. 0: the end, or nothing more at once."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.used == 0:
                    if self.writers == 0 or have_some:
                        return 0
                    if not block:
                        raise Error(Errno.EAGAIN, "nothing to read")
                    sleep.check()
                    self.cv.wait(held)
                count = min(len(into), self.used)
                first = min(count, len(self.data) - self.start)
                copy_bytes(into[:first], self.data[self.start : self.start + first])
                copy_bytes(into[first:count], self.data[: count - first])
                self.start = (self.start + count) % len(self.data)
                self.used -= count
                self.cv.broadcast()
                return count

    def write(self, io: Transfer, block: bool) -> u64:
        """Writes everything, in pieces. Raises EPIPE, EAGAIN, EINTR if nothing was written before."""
        chunk = array(CHUNK, u8)
        total: u64 = 0
        while io.left > 0:
            count = io.take(chunk[: min(CHUNK, io.left)])
            moved: u64 = 0
            while moved < count:
                try:
                    moved += self.push(chunk[moved:count], block)
                except Error:
                    if total + moved > 0:
                        return total + moved
                    raise
            total += count
        return total

    def push(self, data: Span[u8], block: bool) -> u64:
        """Put some bytes in; waits for room if it may. Returns how many, at least 1."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.readers > 0 and self.used == len(self.data):
                    if not block:
                        raise Error(Errno.EAGAIN, "no room to write")
                    sleep.check()
                    self.cv.wait(held)
                if self.readers == 0:
                    raise Error(Errno.EPIPE, "nobody reads the other end of the pipe")
                count = min(len(data), len(self.data) - self.used)
                end = (self.start + self.used) % len(self.data)
                first = min(count, len(self.data) - end)
                copy_bytes(self.data[end : end + first], data[:first])
                copy_bytes(self.data[: count - first], data[first:count])
                self.used += count
                self.cv.broadcast()
                return count

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
            self.cv.broadcast()
