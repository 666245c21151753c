# SPDX-License-Identifier: LGPL-2.1-or-later
"""poll and select: a thread waits until one of several files is ready (Akaros: user/iplib/poll.c, select.c; POSIX.1-2017).

They tell what holds, where epoll (epoll.py), of which they are made, tells what changes. Each call that has to wait makes a set and gives
it back, so whoever waits for the same files again and again does better with a set of his own; a descriptor that is in one cannot be
waited for here (EBUSY). A plain file is always ready. No locks of their own.
"""

from lang import Array, Errno, Error, Span, array, free, i32, i64, new, struct, u32, u64
from kern.abi.file import MAX_FDS, FileKind, Stat
from kern.abi.tap import TapFilter
from parlib.epoll import Epoll, EpollEvent, epoll_add, epoll_close, epoll_create, epoll_wait, time_left
from parlib.queues import FOREVER
from rt.time import now_ns
from syscalls import sys_fstat

ALWAYS = TapFilter.ERROR | TapFilter.HANGUP  # told whether they were asked for or not
SMALL_RING: u32 = 16
SMALLEST_SET: u32 = 64                      # descriptors


@struct
class PollFd:
    fd: i32                                 # below 0: nothing is asked
    events: TapFilter                       # what is asked for
    revents: TapFilter                      # what holds of it


def poll(fds: Span[PollFd], timeout_usec: u64 = FOREVER) -> u64:
    """Wait until something that is asked for holds; of how many entries it does, 0 if the time was over before. With 0 it only looks.

    Blocks the calling thread only. Raises EBADF; EINTR: the thread has handled a signal; EBUSY: a descriptor is in a set of epoll, or in
    another thread's poll; ENOSYS: it cannot be waited for; ENOMEM.
    """
    count = look(fds)
    if count > 0 or timeout_usec == 0:
        return count
    start = now_ns()
    epoll = epoll_create(SMALL_RING, room_for(fds))
    try:
        for i in range(len(fds)):
            add(epoll, fds, i)
        news = array(1, EpollEvent)
        while count == 0:
            left = time_left(start, timeout_usec)
            if left == 0 or epoll_wait(epoll, news[:], left) == 0:
                break
            count = look(fds)               # it may have come and gone, by another thread
    finally:
        epoll_close(epoll)
    return count


def room_for(fds: Span[PollFd]) -> u32:
    """Of a set for these, which are open: a power of two, so that sets given back fit the next call."""
    room = SMALLEST_SET
    for entry in fds:
        while i64(entry.fd) >= i64(room):
            room *= 2
    return room


def look(fds: Span[PollFd]) -> u64:
    """Note what holds now; of how many entries something does. Raises EBADF."""
    count: u64 = 0
    for entry in fds:
        entry.revents = TapFilter(0)
        if entry.fd >= 0:
            entry.revents = ready_of(entry.fd) & (entry.events | ALWAYS)
            if entry.revents != TapFilter(0):
                count += 1
    return count


def ready_of(fd: i32) -> TapFilter:
    found = Stat()
    sys_fstat(fd, found)
    if found.kind == u32(FileKind.FILE):
        return TapFilter.READABLE | TapFilter.WRITABLE
    return TapFilter(found.ready)


def add(epoll: Epoll, fds: Span[PollFd], index: u64) -> None:
    """Put the descriptor of an entry into the set, for what all entries ask of it; unless an earlier one has."""
    fd = fds[index].fd
    if fd < 0:
        return
    for earlier in fds[:index]:
        if earlier.fd == fd:
            return
    wanted = TapFilter(0)
    for entry in fds[index:]:
        if entry.fd == fd:
            wanted |= entry.events
    if wanted == TapFilter(0):
        wanted = TapFilter.HANGUP
    epoll_add(epoll, fd, wanted, 0)


# -- select ---------------------------------------------------------------------------------------------------------
@struct
class FdSet:
    """Descriptors, a bit for each."""

    bits: Array[u64] = array(256)           # MAX_FDS // 64

    def add(self, fd: i32) -> None:
        self.bits[word_of(fd)] |= bit_of(fd)

    def discard(self, fd: i32) -> None:
        self.bits[word_of(fd)] &= ~bit_of(fd)

    def __contains__(self, fd: i32) -> bool:
        return self.bits[word_of(fd)] & bit_of(fd) != 0


def word_of(fd: i32) -> u64:
    """Raises EBADF for what no descriptor can be."""
    if fd < 0 or fd >= i32(MAX_FDS):
        raise Error(Errno.EBADF, f"no open file has descriptor {fd}")
    return u64(fd) // 64


def bit_of(fd: i32) -> u64:
    return 1 << (u64(fd) % 64)


def select(below: i32, read: FdSet | None, write: FdSet | None, timeout_usec: u64 = FOREVER) -> u64:
    """Wait until a descriptor in `read` can be read, or one in `write` written, of those less than `below`. Leaves in each those that can;
    how many these are, 0 if the time was over before. Raises as poll does; EINVAL if `below` is no number of descriptors."""
    if not 0 <= below <= i32(MAX_FDS):
        raise Error(Errno.EINVAL, f"no process has {below} descriptors")
    fds = new(array(max(u64(below), 1), PollFd))
    try:
        count: u64 = 0
        for fd in range(below):
            wanted = TapFilter(0)
            if read is not None and fd in read:
                wanted |= TapFilter.READABLE
            if write is not None and fd in write:
                wanted |= TapFilter.WRITABLE
            if wanted != TapFilter(0):
                fds[count].fd = fd
                fds[count].events = wanted
                count += 1
        poll(fds[:count], timeout_usec)
        return keep(fds[:count], read, TapFilter.READABLE) + keep(fds[:count], write, TapFilter.WRITABLE)
    finally:
        free(fds)


def keep(fds: Span[PollFd], chosen: FdSet | None, what: TapFilter) -> u64:
    """Leave those in the set of which `what` holds; how many."""
    if chosen is None:
        return 0
    count: u64 = 0
    for entry in fds:
        if entry.revents & what != TapFilter(0):
            count += 1
        else:
            chosen.discard(entry.fd)
    return count
