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
    """A text in the heap; what does not fit is cut off."""

    bytes: Span[u8]
    used: u64

    def put(self, data: str) -> None:
        count = min(len(data), len(self.bytes) - self.used)
        copy_bytes(self.bytes[self.used : self.used + count], data[:count])
        self.used += count


class TextFile(Node):
    """A file whose contents `show` writes; `room` is at least as much as it may write. Every walk to it makes a new node, which one
    channel then holds, so that the channel's lock guards `page`."""

    page: Page

    def show(self, out: Page) -> None:
        pass

    def room(self) -> u64:
        return 4096

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        if offset == 0:
            if len(self.page.bytes) == 0:
                self.page.bytes = new(array(self.room(), u8))
            self.page.used = 0
            self.show(self.page)
        return io.give_from(self.page.bytes[: self.page.used], offset)

    def release(self) -> None:
        if len(self.page.bytes) != 0:
            free(self.page.bytes)
        free(self)

    def opened(self, mode: OpenMode) -> None:
        if OpenMode.WRITE in mode:
            raise Error(Errno.EACCES, "the file can only be read")

    def stat(self, into: Stat) -> None:
        into.dev = 4
        into.mode = 0o444
        into.nlink = 1
