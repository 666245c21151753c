# SPDX-License-Identifier: GPL-2.0-or-later
"""Pipes: one queue of bytes of 64 KiB with two channels, the reading and the writing end.

The end of file, and EPIPE, come when the last channel of the other end is closed.
Locks: the byte queue's own.
"""

from lang import Error, Ref, User, array, free, new, syscall, u8, u64
from kern.abi.errno import Errno
from kern.abi.file import FdPair, FileKind, OpenMode, Stat
from kern.abi.tap import TapFilter
from kern.mm.umem import copy_out
from kern.ns.byte_queue import ByteQueue
from kern.ns.chan import Chan, chan_put, new_chan
from kern.ns.fd import add_fd, close_fd
from kern.ns.node import Node
from kern.ns.tap import TapList
from kern.ns.transfer import Transfer
from kern.proc.proc import Proc

CAPACITY: u64 = 64 * 1024
READER_TAPS = TapFilter.READABLE | TapFilter.HANGUP
WRITER_TAPS = TapFilter.WRITABLE | TapFilter.ERROR


class PipeNode(Node):
    kind: FileKind = FileKind.PIPE
    queue: ByteQueue

    def opened(self, mode: OpenMode) -> None:
        self.queue.end_opened(OpenMode.WRITE in mode)

    def closed(self, mode: OpenMode) -> None:
        self.queue.end_closed(OpenMode.WRITE in mode)

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return self.queue.read(io, OpenMode.NONBLOCK not in mode)

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return self.queue.write(io, OpenMode.NONBLOCK not in mode)

    def tap_list(self) -> TapList:
        return self.queue.taps

    def tap_filter(self, mode: OpenMode, wanted: TapFilter) -> TapFilter:
        """Either end may ask for what only the other one hears."""
        if wanted & ~(READER_TAPS | WRITER_TAPS) != TapFilter(0):
            raise Error(Errno.ENOSYS, f"a pipe does not tell of {wanted}")
        return wanted & (WRITER_TAPS if OpenMode.WRITE in mode else READER_TAPS)

    def ready(self, mode: OpenMode) -> TapFilter:
        return self.queue.ready(OpenMode.WRITE in mode)

    def stat(self, into: Stat) -> None:
        into.mode = 0o600
        into.nlink = 1

    def size(self) -> u64:
        return self.queue.used.load()

    def release(self) -> None:
        free(self.queue.data)
        free(self)


def new_pipe(mode: OpenMode) -> tuple[Chan, Chan]:
    """(reading end, writing end), each with a reference for the caller. `mode`: of both, besides READ and WRITE."""
    data = new(array(CAPACITY, u8))
    try:
        node = new(PipeNode)
    except Error:
        free(data)
        raise
    node.queue.data = data
    node.refs.init(1)
    node.get()
    try:
        reader = new_chan(node, OpenMode.READ | mode, "")
    except Error:
        node.put()
        raise
    try:
        writer = new_chan(node, OpenMode.WRITE | mode, "")
    except Error:
        chan_put(reader)
        raise
    return reader, writer


@syscall(109)
def sys_pipe(p: Proc, ends: User[Ref[FdPair]], mode: OpenMode) -> None:
    """A new pipe: `first` reads what is written to `second`. `mode`: NONBLOCK and CLOEXEC, of both ends. Raises EINVAL, EMFILE, ENOMEM."""
    if mode & ~(OpenMode.NONBLOCK | OpenMode.CLOEXEC) != OpenMode(0):
        raise Error(Errno.EINVAL, "a pipe is opened with NONBLOCK and CLOEXEC, or without")
    cloexec = OpenMode.CLOEXEC in mode
    reader, writer = new_pipe(mode & OpenMode.NONBLOCK)
    try:
        first = add_fd(p.fds, reader, cloexec)
    except Error:
        chan_put(writer)
        raise
    try:
        second = add_fd(p.fds, writer, cloexec)
    except Error:
        close_fd(p.fds, first)
        raise
    copy_out(ends, FdPair(first=first, second=second))
