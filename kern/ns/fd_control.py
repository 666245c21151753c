# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be asked of an open descriptor, and changed, later on: sys_fcntl's commands.

CLOEXEC belongs to the descriptor; the modes APPEND and NONBLOCK to the channel, which all copies of a descriptor share.
Locks: the table's.
"""

from lang import Error, i32, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import MAX_FDS, SETTABLE, FdCommand, OpenMode
from kern.debug import log
from kern.ns.chan import Chan, chan_get, chan_put, sync_node
from kern.ns.fd import FdTable, get_chan, grow, is_slot


def control(table: FdTable, fd: i32, command: FdCommand, argument: u64) -> u64:
    """Do it; returns what is asked for, else 0. May block. Raises EBADF; EINVAL, EMFILE: no such copy; what writing the file raises."""
    chan = get_chan(table, fd)
    try:
        match command:
            case FdCommand.DUPFD:
                return u64(copy_from(table, chan, argument))
            case FdCommand.GETFD:
                return u64(has_cloexec(table, fd))
            case FdCommand.SETFD:
                set_cloexec(table, fd, argument != 0)
            case FdCommand.GETFL:
                return u64(chan.mode & ~OpenMode.CLOEXEC)
            case FdCommand.SETFL:
                chan.mode = chan.mode & ~SETTABLE | OpenMode(u32(argument & u64(SETTABLE)))
            case FdCommand.SYNC:
                sync_node(chan.node)
            case FdCommand.DEBUG:
                describe(fd, chan)
        return 0
    finally:
        chan_put(chan)


def copy_from(table: FdTable, chan: Chan, first: u64) -> i32:
    """The lowest free descriptor from `first` on also means `chan`."""
    if first >= u64(MAX_FDS):
        raise Error(Errno.EINVAL, f"{first} is not a possible file descriptor")
    while True:
        with table.lock:
            if table.closed:
                raise Error(Errno.EMFILE, "the process has ended")
            room = u64(len(table.slots))
            fd = first
            while fd < room and table.slots[fd].chan is not None:
                fd += 1
            if fd < room:
                chan_get(chan)
                table.slots[fd].chan = chan
                table.slots[fd].cloexec = False
                return i32(fd)
        grow(table, fd + 1)


def has_cloexec(table: FdTable, fd: i32) -> bool:
    with table.lock:
        return is_slot(table, fd) and table.slots[fd].cloexec


def set_cloexec(table: FdTable, fd: i32, on: bool) -> None:
    """Nothing if the descriptor was closed meanwhile."""
    with table.lock:
        if is_slot(table, fd) and table.slots[fd].chan is not None:
            table.slots[fd].cloexec = on


def describe(fd: i32, chan: Chan) -> None:
    path = chan.path if len(chan.path) > 0 else "(no path)"
    log.info(f"descriptor {fd}: {path}, {chan.node.kind}, {chan.mode}, offset {chan.offset}, {chan.refs.value()} references")
