# SPDX-License-Identifier: GPL-2.0-or-later
"""File descriptors: the table of a process' open channels.

Every slot holds one reference to its channel. Once closed for good (the process is dying) nothing gets in any more.
Locks: the table's `lock` is a leaf; channels are closed outside it, since that may block.
"""

from lang import Array, Error, Ref, array, i32, struct, u32
from kern.abi.errno import Errno
from kern.abi.file import MAX_FDS
from kern.ns.chan import Chan, chan_get, chan_put
from kern.sync.kthread import current_kthread
from kern.sync.spinlock import SpinLock


@struct
class FdSlot:
    chan: Ref[Chan] | None
    cloexec: bool


@struct
class FdTable:
    lock: SpinLock
    closed: bool
    slots: Array[FdSlot] = array(MAX_FDS)


def add_fd(table: FdTable, chan: Chan, cloexec: bool) -> i32:
    """The lowest free descriptor for `chan`. Takes over the caller's reference, whatever happens. Raises EMFILE."""
    found: i32 = -1
    with table.lock:
        if not table.closed:
            for fd in range(MAX_FDS):
                slot = table.slots[fd]
                if slot.chan is None:
                    slot.chan = chan
                    slot.cloexec = cloexec
                    found = i32(fd)
                    break
    if found < 0:
        chan_put(chan)
        raise Error(Errno.EMFILE, f"all {MAX_FDS} file descriptors are in use")
    return found


def set_fd(table: FdTable, fd: i32, chan: Chan) -> None:
    """Make `fd` mean `chan`, closing what it meant. Takes over the caller's reference, whatever happens. Raises EBADF."""
    drop = chan
    good = False
    old: Ref[Chan] | None = None
    with table.lock:
        if not table.closed and 0 <= fd < i32(MAX_FDS):
            slot = table.slots[fd]
            old = slot.chan
            slot.chan = chan
            slot.cloexec = False
            good = True
    if not good:
        chan_put(drop)
        raise Error(Errno.EBADF, f"{fd} is not a possible file descriptor")
    if old is not None:
        chan_put(old)


def get_chan(table: FdTable, fd: i32) -> Chan:
    """The channel of a descriptor, with a reference for the caller; its call counts as one on this descriptor. Raises EBADF."""
    if 0 <= fd < i32(MAX_FDS):
        with table.lock:
            chan = table.slots[fd].chan
            if chan is not None:
                chan_get(chan)
                current_kthread().fd = fd
                return chan
    raise Error(Errno.EBADF, f"no open file has descriptor {fd}")


def take_fd(table: FdTable, fd: i32) -> Chan | None:
    """Take a descriptor out; the caller gets its reference. None if there was none."""
    if fd < 0 or fd >= i32(MAX_FDS):
        return None
    with table.lock:
        slot = table.slots[fd]
        chan = slot.chan
        slot.chan = None
        return chan


def close_fd(table: FdTable, fd: i32) -> None:
    """Raises EBADF. May block."""
    chan = take_fd(table, fd)
    if chan is None:
        raise Error(Errno.EBADF, f"no open file has descriptor {fd}")
    chan_put(chan)


@struct
class FdView:
    """Of one descriptor, for diagnosis."""

    chan: Ref[Chan] | None
    cloexec: bool


def view_fd(table: FdTable, fd: u32, view: FdView) -> bool:
    """Whether the descriptor is open; then `view` has its channel, with a reference for the caller."""
    with table.lock:
        slot = table.slots[fd]
        view.chan = slot.chan
        view.cloexec = slot.cloexec
        chan = slot.chan
        if chan is not None:
            chan_get(chan)
    return view.chan is not None


def close_all_fds(table: FdTable) -> None:
    """Close everything, for good. May block."""
    with table.lock:
        table.closed = True
    for fd in range(MAX_FDS):
        chan = take_fd(table, i32(fd))
        if chan is not None:
            chan_put(chan)


def clone_fds(source: FdTable, into: FdTable) -> None:
    """Give the empty table of a process that nobody else fills every descriptor of `source`, with its CLOEXEC."""
    for fd in range(MAX_FDS):
        slot = into.slots[fd]
        with source.lock:
            chan = source.slots[fd].chan
            if chan is not None:
                chan_get(chan)
            slot.cloexec = source.slots[fd].cloexec
        slot.chan = chan


def move_fds(source: FdTable, into: FdTable) -> None:
    """Give a process that does not run yet every descriptor of `source`, which is closed for good, except the CLOEXEC ones. May block."""
    with source.lock:
        source.closed = True
    for fd in range(MAX_FDS):
        stays_behind = source.slots[fd].cloexec  # nobody changes a closed table
        chan = take_fd(source, i32(fd))
        if chan is None:
            continue
        if stays_behind:
            chan_put(chan)
            continue
        try:
            set_fd(into, i32(fd), chan)
        except Error:
            continue                        # it was killed: its table is closed, and now so is the channel


def copy_fds(source: FdTable, into: FdTable) -> None:
    """Give a new process every descriptor of `source`, except the CLOEXEC ones."""
    for fd in range(MAX_FDS):
        with source.lock:
            slot = source.slots[fd]
            chan = slot.chan
            if chan is not None and slot.cloexec:
                chan = None
            if chan is not None:
                chan_get(chan)
        if chan is not None:
            set_fd(into, i32(fd), chan)
