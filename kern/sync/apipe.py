# SPDX-License-Identifier: GPL-2.0-or-later
"""Apipe: a bounded pipe of elements between kernel threads, which knows how many read and write it.

A read sleeps until there is something, a write until there is room. Without writers a read takes what is left and then gets 0; a write
without readers raises EPIPE. Elements come out in the order in which they went in; a read or write moves as many as it can, at least one.
`read_if` takes something only once its condition, a function of what is in the pipe, holds: a whole message, say.
All sleeps are abortable: EINTR. Locks: the condition variable's, over everything.
"""

from typing import Callable, Generic, TypeVar

from lang import Error, Span, struct, u32, u64
from kern.abi.errno import Errno
from kern.lib.ring import Ring
from kern.sync.abort import AbortableSleep
from kern.sync.condvar import CondVar

T = TypeVar("T")


@struct
class Apipe(Generic[T]):
    ring: Ring[T]
    readers: u32
    writers: u32
    cv: CondVar

    def init(self, slots: Span[T]) -> None:
        """An empty pipe over storage of the caller's, which nobody reads or writes yet."""
        self.ring.slots = slots
        self.ring.head = 0
        self.ring.tail = 0

    def open_reader(self) -> None:
        with self.cv.lock.irqs_off():
            self.readers += 1

    def open_writer(self) -> None:
        with self.cv.lock.irqs_off():
            self.writers += 1

    def close_reader(self) -> None:
        with self.cv.lock.irqs_off():
            self.readers -= 1
            self.cv.broadcast()

    def close_writer(self) -> None:
        with self.cv.lock.irqs_off():
            self.writers -= 1
            self.cv.broadcast()

    def read(self, into: Span[T]) -> u64:
        """Take up to len(into) elements; how many. 0: it is empty, and nobody writes any more. Raises EINTR, ENOMEM."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.ring.is_empty() and self.writers > 0:
                    sleep.wait(held)
                return self.take(into)

    def read_if(self, into: Span[T], ready: Callable[[Ring[T]], bool]) -> u64:
        """The same, once `ready` says so; it only looks, with the lock held. Without writers it is asked once, and a no gives 0."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while not ready(self.ring):
                    if self.writers == 0:
                        return 0
                    sleep.wait(held)
                return self.take(into)

    def write(self, data: Span[T]) -> u64:
        """Put in as many elements as there is room for; how many. Raises EPIPE, EINTR, ENOMEM."""
        if len(data) == 0:
            return 0
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while self.ring.room() == 0 and self.readers > 0:
                    sleep.wait(held)
                if self.readers == 0:
                    raise Error(Errno.EPIPE, "nobody reads the pipe")
                count = self.ring.write(data)
                self.cv.broadcast()
                return count

    def take(self, into: Span[T]) -> u64:
        count = self.ring.read(into)
        if count > 0:
            self.cv.broadcast()
        return count
