# SPDX-License-Identifier: GPL-2.0-or-later
"""Transfer: the caller's end of a read or a write, user memory or the kernel's own, so that files need not know which.

A read gives bytes to it, a write takes bytes from it, front to back. A bad user address raises EFAULT, and ENOMEM if there is no memory for
its page; what was moved before counts.
No locks. Touching user memory may fault a page in: never with a spinlock held.
"""

from lang import Error, Ref, Span, Uaddr, User, copy_bytes, inline, struct, u8, u64
from kern.abi.errno import Errno
from kern.abi.file import MOST_AT_ONCE
from kern.arch_api import PageFlag
from kern.core.percore import core
from kern.mm.fault import bring_in
from kern.mm.pages import PAGE_MASK, PAGE_SIZE
from kern.ns.chan import Chan
from kern.mm.umem import read_bytes, try_write, write_bytes


@struct
class Transfer:
    base: u64
    length: u64
    done: u64                               # bytes moved so far
    in_kernel: bool
    chan: Ref[Chan] | None                  # of a read that may be parked (kern/syscall/parked.py)
    was_parked: bool                        # ... and was: the reference to the channel went with it

    @property
    def left(self) -> u64:
        return self.length - self.done

    def give(self, data: Span[u8]) -> u64:
        """The reader gets as much of `data` as it has room for; returns how much."""
        count = min(len(data), self.left)
        if count == 0:
            return 0
        if self.in_kernel:
            copy_bytes(Span[u8](self.base + self.done, count), data[:count])
        else:
            write_user(Uaddr(self.base + self.done), data[:count])
        self.done += count
        return count

    @inline
    def give_at_once(self, data: Span[u8]) -> bool:
        """The same to a user's buffer, without waiting for its pages. False if they are not there: nothing was moved."""
        count = min(len(data), self.left)
        if not try_write(Uaddr(self.base + self.done), data[:count]):
            return False
        self.done += count
        return True

    def take(self, into: Span[u8]) -> u64:
        """Fetch as much of what the writer has as fits `into`; returns how much."""
        count = min(len(into), self.left)
        if count == 0:
            return 0
        if self.in_kernel:
            copy_bytes(into[:count], Span[u8](self.base + self.done, count))
        else:
            read_user(into[:count], Uaddr(self.base + self.done))
        self.done += count
        return count

    def keep_short(self) -> None:
        """Whoever wants more moved asks again: a call is not preempted, and its core may be somebody else's by then."""
        self.length = min(self.length, MOST_AT_ONCE)

    def give_from(self, data: Span[u8], offset: u64) -> u64:
        """Give what there is of a file with these contents from `offset` on."""
        if offset >= len(data):
            return 0
        return self.give(data[offset:])


@inline
def set_user(io: Transfer, buffer: User[Span[u8]]) -> None:
    """Make `io` the user's buffer, which is in the user half, since it is an argument of a system call."""
    io.base = u64(buffer.address)
    io.length = len(buffer)
    io.done = 0
    io.in_kernel = False
    io.chan = None
    io.was_parked = False


def set_kernel(io: Transfer, buffer: Span[u8]) -> None:
    io.base = u64(buffer.ptr)
    io.length = len(buffer)
    io.done = 0
    io.in_kernel = True
    io.chan = None
    io.was_parked = False


def write_user(into: Uaddr, data: Span[u8]) -> None:
    """Copy out, waiting for pages of files that the buffer is mapped from. May block. Raises EFAULT, ENOMEM."""
    try:
        write_bytes(into, data)
    except Error:
        bring_buffer_in(u64(into), len(data), PageFlag.WRITE)
        write_bytes(into, data)


def read_user(into: Span[u8], source: Uaddr) -> None:
    """Copy in, likewise."""
    try:
        read_bytes(into, source)
    except Error:
        bring_buffer_in(u64(source), len(into), PageFlag.READ)
        read_bytes(into, source)


def bring_buffer_in(start: u64, length: u64, access: PageFlag) -> None:
    """The process' memory at [start, start + length) could not be touched: bring it in, if it is just not there yet."""
    p = core.mine.cur_proc
    if p is None:
        raise Error(Errno.EFAULT, f"bad address {start:#x}")
    try:
        for address in range(start & ~PAGE_MASK, start + length, PAGE_SIZE):
            bring_in(p, address, access)
    except Error as e:
        problem = Errno.ENOMEM if e.errno == Errno.ENOMEM else Errno.EFAULT
        raise Error(problem, f"bad address {start:#x}: {e.message}")
