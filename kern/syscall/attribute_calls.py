# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls about what files and descriptors are: rights, length, time, name, flags; where an open one is.

Any process may change what the device lets be changed: rights are notes that programs leave each other, not walls.
No locks of its own.
"""

from lang import Error, Ref, Span, Text, Uaddr, User, array, i32, syscall, text, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import NAME_MAX, Access, FdCommand, FileKind, OpenMode, Stat, StatChange, StatField
from kern.mm.umem import copy_in, copy_out_bytes, read_bytes
from kern.ns.chan import MAX_OFFSET, chan_put, stat_node
from kern.ns.fd import get_chan
from kern.ns.fd_control import control
from kern.ns.node import Node
from kern.ns.path import find_node, find_parent
from kern.proc.proc import Proc
from kern.syscall.file_calls import take_path

ALL_FIELDS: u32 = 15                        # of StatField
EVERYONE: u64 = 0o111                       # a right, for owner, group and others


@syscall(117)
def sys_access(p: Proc, path: User[str], wanted: Access) -> None:
    """Whether a file is there, and anybody has these rights to it. Raises ENOENT, ENOTDIR; EACCES: nobody has them."""
    full = text(1024)
    take_path(p, path, full)
    node = find_node(full)
    try:
        found = Stat()
        stat_node(node, found)
    finally:
        node.put()
    for right in Access:
        if right in wanted and u64(found.mode) & EVERYONE * u64(right) == 0:
            raise Error(Errno.EACCES, f"{full.view} has mode {found.mode:03o}, which gives nobody {right}")


@syscall(118)
def sys_fcntl(p: Proc, fd: i32, command: FdCommand, argument: u64) -> u64:
    """Ask about, or change, an open descriptor; `argument` and result are the command's. May block. Raises EBADF, EINVAL, EMFILE."""
    return control(p.fds, fd, command, argument)


@syscall(119)
def sys_fd2path(p: Proc, fd: i32, into: User[Span[u8]]) -> u64:
    """Write the path that an open file was found by; returns its length. Raises EBADF; ENOENT: a pipe has none; ERANGE: no room."""
    chan = get_chan(p.fds, fd)
    try:
        if len(chan.path) == 0:
            raise Error(Errno.ENOENT, f"what descriptor {fd} means has no path")
        if len(into) < len(chan.path):
            raise Error(Errno.ERANGE, f"the path has {len(chan.path)} bytes")
        return copy_out_bytes(into, chan.path)
    finally:
        chan_put(chan)


@syscall(120)
def sys_wstat(p: Proc, path: User[str], change: User[Ref[StatChange]]) -> None:
    """Change a file's mode, size, time or name, of a link what it names; of several, in that order, up to the first that fails.

    Raises ENOENT, ENOTDIR; EINVAL: only files have a size; EPERM, EROFS: the device has it otherwise; EBUSY: where a device sits.
    """
    full = text(1024)
    take_path(p, path, full)
    wanted = StatChange()
    copy_in(wanted, change)
    change_file(full, wanted)


@syscall(121)
def sys_fwstat(p: Proc, fd: i32, change: User[Ref[StatChange]]) -> None:
    """The same of an open file; its size, if it is open for writing. A name is given to what its path leads to now.

    Raises EBADF, EINVAL.
    """
    wanted = StatChange()
    copy_in(wanted, change)
    chan = get_chan(p.fds, fd)
    try:
        if StatField.SIZE in StatField(wanted.fields) and OpenMode.WRITE not in chan.mode:
            raise Error(Errno.EINVAL, f"descriptor {fd} is not open for writing")
        apply_change(chan.node, wanted)
        path = text(1024)
        path.append(chan.path)
        give_name(path, wanted)
    finally:
        chan_put(chan)


@syscall(122)
def sys_link(p: Proc, path: User[str], new_path: User[str]) -> None:
    """Always raises ENOSYS: a file has one name."""
    raise Error(Errno.ENOSYS, "a file has one name here: copy it, or rename it")


def change_file(path: Text, wanted: StatChange) -> None:
    node = find_node(path)
    try:
        apply_change(node, wanted)
    finally:
        node.put()
    give_name(path, wanted)


def apply_change(node: Node, wanted: StatChange) -> None:
    """All but the name, which is the directory's. What makes no sense is refused before anything is changed."""
    if wanted.fields & ~ALL_FIELDS != 0:
        raise Error(Errno.EINVAL, f"no such fields: {wanted.fields:#x}")
    fields = StatField(wanted.fields)
    if StatField.SIZE in fields and (node.kind != FileKind.FILE or wanted.size > MAX_OFFSET):
        raise Error(Errno.EINVAL, f"not something of {wanted.size} bytes")
    if StatField.MODE in fields:
        node.set_mode(wanted.mode & 0o777)
    if StatField.SIZE in fields:
        node.truncate(wanted.size)
    if StatField.MTIME in fields:
        node.set_mtime(wanted.mtime_ns)


def give_name(path: Text, wanted: StatChange) -> None:
    """Rename the file at a clean path without links within its directory, if that is wanted."""
    if StatField.NAME not in StatField(wanted.fields):
        return
    room = array(NAME_MAX, u8)
    if wanted.name_len > NAME_MAX:
        raise Error(Errno.ENAMETOOLONG, f"a name of {wanted.name_len} bytes is too long")
    name = room[: wanted.name_len]
    read_bytes(name, Uaddr(wanted.name))
    if len(name) == 0 or name == "." or name == ".." or name.find("/") >= 0 or name.find("\0") >= 0:
        raise Error(Errno.EINVAL, "not a name")
    if path.len == 0:
        raise Error(Errno.EINVAL, "what has no path gets no name")
    parent, old = find_parent(path)
    try:
        parent.rename(old, parent, name)
    finally:
        parent.put()
