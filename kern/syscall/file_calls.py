# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls about files: thin, since paths, channels and descriptors do the work."""

from lang import Error, Ref, Span, Text, Uaddr, User, as_bytes, i32, i64, sizeof, syscall, text, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import AT_FDCWD, FdPair, FileKind, MAX_FDS, OpenMode, Stat, Whence
from kern.abi.proc import ProcState
from kern.mm.umem import copy_out, copy_out_bytes, copy_string, read_bytes
from kern.ns.chan import chan_put, create_at, open_path, read_chan, seek_chan, stat_node, sync_node, write_chan
from kern.ns.dev import find_mount
from kern.ns.fd import add_fd, close_fd, get_chan, set_fd
from kern.ns.path import find_directory, find_node, find_parent, is_absolute, join_path
from kern.ns.transfer import Transfer, set_user
from kern.proc.proc import Proc, get_proc, proc_put


def take_path(p: Proc, path: User[str], into: Text) -> None:
    """The absolute form of a path that the user gave, relative to the working directory."""
    raw = text(1024)
    copy_string(raw, path)
    with p.cwd_lock:
        into.append(p.cwd.view)
    join_path(into, raw.view)


def take_path_at(p: Proc, dirfd: i32, path: User[str], into: Text) -> None:
    """The same, relative to an open directory unless `dirfd` is AT_FDCWD."""
    if dirfd == AT_FDCWD:
        take_path(p, path, into)
        return
    raw = text(1024)
    copy_string(raw, path)
    if is_absolute(raw.view):
        join_path(into, raw.view)
        return
    chan = get_chan(p.fds, dirfd)
    try:
        if chan.node.kind != FileKind.DIR:
            raise Error(Errno.ENOTDIR, f"descriptor {dirfd} is not a directory")
        into.append(chan.path)
        join_path(into, raw.view)
    finally:
        chan_put(chan)


@syscall(100)
def sys_read(p: Proc, fd: i32, into: User[Span[u8]]) -> u64:
    """Read some bytes, of a file at most MOST_AT_ONCE; 0 at the end. A directory gives whole DirEntry. May block."""
    chan = get_chan(p.fds, fd)
    io = Transfer()
    try:
        set_user(io, into)
        if not p.traced:
            io.chan = chan
        return read_chan(chan, io)
    finally:
        if not io.was_parked:
            chan_put(chan)


@syscall(101)
def sys_write(p: Proc, fd: i32, data: User[Span[u8]]) -> u64:
    """Write some bytes, to a file at most MOST_AT_ONCE; returns how many. May block."""
    chan = get_chan(p.fds, fd)
    try:
        io = Transfer()
        set_user(io, data)
        return write_chan(chan, io)
    finally:
        chan_put(chan)


@syscall(102)
def sys_openat(p: Proc, dirfd: i32, path: User[str], mode: OpenMode, permissions: u32) -> i32:
    """Open a file, or make it with CREATE; returns the lowest free descriptor."""
    full = text(1024)
    take_path_at(p, dirfd, path, full)
    chan = open_path(full, mode, permissions & ~p.umask)
    return add_fd(p.fds, chan, OpenMode.CLOEXEC in mode)


@syscall(103)
def sys_close(p: Proc, fd: i32) -> None:
    """Close a descriptor. Raises EBADF."""
    close_fd(p.fds, fd)


@syscall(104)
def sys_fstat(p: Proc, fd: i32, into: User[Ref[Stat]]) -> None:
    """Tell about an open file. Raises EBADF."""
    chan = get_chan(p.fds, fd)
    try:
        found = Stat()
        stat_node(chan.node, found)
        found.ready = u32(chan.node.ready(chan.mode))
        copy_out(into, found)
    finally:
        chan_put(chan)


@syscall(105)
def sys_stat(p: Proc, path: User[str], into: User[Ref[Stat]]) -> None:
    """Tell about a file; of a link, about what it names. Raises ENOENT, ENOTDIR, ELOOP."""
    full = text(1024)
    take_path(p, path, full)
    tell_about(full, True, into)


@syscall(125)
def sys_lstat(p: Proc, path: User[str], into: User[Ref[Stat]]) -> None:
    """Tell about a file, or a link itself: its size is the length of what it names. Raises ENOENT, ENOTDIR, ELOOP."""
    full = text(1024)
    take_path(p, path, full)
    tell_about(full, False, into)


def tell_about(path: Text, follow: bool, into: User[Ref[Stat]]) -> None:
    node = find_node(path, follow)
    try:
        found = Stat()
        stat_node(node, found)
        copy_out(into, found)
    finally:
        node.put()


@syscall(106)
def sys_seek(p: Proc, fd: i32, offset: i64, whence: Whence) -> u64:
    """Move where the next read or write happens; returns the new offset."""
    chan = get_chan(p.fds, fd)
    try:
        return seek_chan(chan, offset, whence)
    finally:
        chan_put(chan)


@syscall(115)
def sys_sync(p: Proc, fd: i32) -> None:
    """Have the file hold what was written to it, through mappings too. May block. Raises EBADF; what writing the file raises."""
    chan = get_chan(p.fds, fd)
    try:
        sync_node(chan.node)
    finally:
        chan_put(chan)


@syscall(107)
def sys_dup(p: Proc, fd: i32, target: i32) -> i32:
    """Another descriptor for the same channel: the lowest free one for -1, else `target`, which is closed first."""
    chan = get_chan(p.fds, fd)
    if target < 0:
        return add_fd(p.fds, chan, False)
    set_fd(p.fds, target, chan)
    return target


@syscall(108)
def sys_dup_fds_to(p: Proc, pid: i32, map: User[Span[FdPair]]) -> u64:
    """Give channels of one's own (first) to a process that has not started yet (second). Returns how many were done.

    Raises what stopped the first one.
    """
    child = get_proc(pid)
    try:
        if not child.is_in(ProcState.CREATED):
            raise Error(Errno.EINVAL, f"process {pid} was started already")
        return give_fds(p, child, u64(map.address), len(map))
    finally:
        proc_put(child)


def give_fds(p: Proc, child: Proc, address: u64, count: u64) -> u64:
    """Copy descriptors into another process, as the FdPairs at that user address say."""
    if count > u64(MAX_FDS):
        raise Error(Errno.EINVAL, f"{count} are more descriptors than a process can have")
    pair = FdPair()
    for i in range(count):
        try:
            read_bytes(as_bytes(pair), Uaddr(address + i * sizeof(FdPair)))
            set_fd(child.fds, pair.second, get_chan(p.fds, pair.first))
        except Error:
            if i > 0:
                return i
            raise
    return count


@syscall(110)
def sys_mkdir(p: Proc, path: User[str], permissions: u32) -> None:
    """Make a folder. Raises EEXIST, ENOENT."""
    full = text(1024)
    take_path(p, path, full)
    create_at(full, FileKind.DIR, permissions & ~p.umask).put()


@syscall(111)
def sys_remove(p: Proc, path: User[str]) -> None:
    """Remove a file, a link, or an empty directory. Who has it open keeps it until he closes it."""
    full = text(1024)
    take_path(p, path, full)
    parent, name = find_parent(full)
    try:
        parent.remove(name)
    finally:
        parent.put()


@syscall(112)
def sys_rename(p: Proc, path: User[str], new_path: User[str]) -> None:
    """Move a file, link or directory within a device, replacing a file or link that is there. Raises EXDEV across devices."""
    old_full = text(1024)
    new_full = text(1024)
    take_path(p, path, old_full)
    take_path(p, new_path, new_full)
    source, old_name = find_parent(old_full)
    try:
        target, new_name = find_parent(new_full, True)
        try:
            old_mount, _ = find_mount(old_full.view)
            new_mount, _ = find_mount(new_full.view)
            if old_mount is not new_mount:
                raise Error(Errno.EXDEV, f"{old_full.view} and {new_full.view} are on different devices")
            source.rename(old_name, target, new_name)
        finally:
            target.put()
    finally:
        source.put()


@syscall(123)
def sys_symlink(p: Proc, target: User[str], path: User[str]) -> None:
    """Make a link: a name that stands for the path `target`, which need not be there, and is relative to the link's directory.

    Raises EEXIST, ENOENT, ENOTDIR; EPERM: the device has no links; ENAMETOOLONG.
    """
    wanted = text(1024)
    copy_string(wanted, target)
    if wanted.len == 0:
        raise Error(Errno.ENOENT, "an empty path names no file")
    full = text(1024)
    take_path(p, path, full)
    parent, name = find_parent(full)
    try:
        parent.create_link(name, wanted.view)
    finally:
        parent.put()


@syscall(124)
def sys_readlink(p: Proc, path: User[str], into: User[Span[u8]]) -> u64:
    """Write the path that a link stands for, and a NUL behind it; returns its length, without that.

    Raises ENOENT, ENOTDIR; EINVAL: not a link; ERANGE: no room for all of it.
    """
    full = text(1025)
    take_path(p, path, full)
    node = find_node(full, False)
    try:
        if node.kind != FileKind.LINK:
            raise Error(Errno.EINVAL, f"{full.view} is not a link")
        full.clear()
        full.append(node.target())
    finally:
        node.put()
    full.append("\0")
    if len(into) < full.len:
        raise Error(Errno.ERANGE, f"what the link stands for has {full.len - 1} bytes and a NUL")
    return copy_out_bytes(into, full.view) - 1


@syscall(113)
def sys_chdir(p: Proc, pid: i32, path: User[str]) -> None:
    """Set one's own working directory (pid 0), or that of a process that has not started yet. Raises ENOENT, ENOTDIR, ESRCH, EPERM."""
    full = text(1024)
    take_path(p, path, full)
    find_directory(full).put()
    set_directory(p, pid, full.view)


@syscall(140)
def sys_fchdir(p: Proc, pid: i32, fd: i32) -> None:
    """The same, to an open directory. Raises EBADF, ENOTDIR, ESRCH, EPERM."""
    chan = get_chan(p.fds, fd)
    try:
        if chan.node.kind != FileKind.DIR:
            raise Error(Errno.ENOTDIR, f"descriptor {fd} is not a directory")
        set_directory(p, pid, chan.path)
    finally:
        chan_put(chan)


def set_directory(p: Proc, pid: i32, path: str) -> None:
    target = get_proc(p.pid if pid == 0 else pid)
    try:
        if target is not p and not target.is_in(ProcState.CREATED):
            raise Error(Errno.EPERM, f"process {pid} has started, and its directory is its own")
        with target.cwd_lock:
            target.cwd.clear()
            target.cwd.append(path)
    finally:
        proc_put(target)


@syscall(114)
def sys_getcwd(p: Proc, into: User[Span[u8]]) -> u64:
    """Write the working directory's path; returns its length. Raises ERANGE if there is no room."""
    path = text(1024)
    with p.cwd_lock:
        path.append(p.cwd.view)
    if len(into) < path.len:
        raise Error(Errno.ERANGE, f"the path has {path.len} bytes")
    return copy_out_bytes(into, path.view)
