# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of text that the kernel writes for whoever reads them. Each opening has a text of its own, made when it is read from its
start: whoever reads it in pieces gets the pieces of one text. No locks of its own.
"""

from lang import Error, Sink, Span, array, copy_bytes, free, new, u8, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode, Stat
from kern.ns.node import Node
from kern.ns.transfer import Transfer


class Page(Sink):
    """A text in the heap. What does not fit is counted only."""

    bytes: Span[u8]
    used: u64
    wanted: u64                             # the length of all of it

    def put(self, data: str) -> None:
        self.wanted += len(data)
        count = min(len(data), len(self.bytes) - self.used)
        copy_bytes(self.bytes[self.used : self.used + count], data[:count])
        self.used += count

    def make_room(self, size: u64) -> None:
        """Begin anew, with room for so much."""
        if len(self.bytes) < size:
            self.drop()
            self.bytes = new(array(size, u8))
        self.used = 0
        self.wanted = 0

    def drop(self) -> None:
        if len(self.bytes) != 0:
            free(self.bytes)
            self.bytes = self.bytes[:0]


class TextFile(Node):
    """A file whose contents `show` writes, as long as they may be; `room` is what they need mostly. Every walk to it makes a new node,
    which one channel then holds, so that the channel's lock guards `page`."""

    page: Page

    def show(self, out: Page) -> None:
        pass

    def room(self) -> u64:
        return 4096

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        if offset == 0:
            self.page.make_room(self.room())
            self.show(self.page)
            # Once more if it was longer than thought; a text may have grown meanwhile, so with something to spare.
            while self.page.wanted > len(self.page.bytes):
                self.page.make_room(self.page.wanted + self.page.wanted // 8)
                self.show(self.page)
        return io.give_from(self.page.bytes[: self.page.used], offset)

    def release(self) -> None:
        self.page.drop()
        free(self)

    def opened(self, mode: OpenMode) -> None:
        if OpenMode.WRITE in mode:
            raise Error(Errno.EACCES, "the file can only be read")

    def stat(self, into: Stat) -> None:
        into.dev = 4
        into.mode = 0o444
        into.nlink = 1
