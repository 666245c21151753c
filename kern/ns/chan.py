# SPDX-License-Identifier: GPL-2.0-or-later
"""Channels: open files. A channel has a node, a mode, an offset and the path that it was opened by; descriptors share it.

Locks: `lock`, a sleeping lock, guards the offset of seekable files over a whole read or write; streams do not take it, since
one side would keep the other waiting.
"""

from lang import Error, Ref, Span, Text, array, as_bytes, copy_bytes, free, i64, inline, new, noinline, recursion
from lang import sizeof, struct, u8, u32, u64, wrap
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat, Whence
from kern.mm.writeback import sync_file
from kern.ns.node import Node
from kern.ns.path import find_node, find_parent
from kern.ns.transfer import Transfer
from kern.sync.kref import Kref
from kern.sync.qlock import QLock

MAX_OFFSET: u64 = 1 << 62


@struct
class Chan:
    refs: Kref
    node: Ref[Node]
    mode: OpenMode
    is_stream: bool                         # no directory, and offsets mean nothing
    offset: u64
    lock: QLock
    path: Span[u8]                          # allocated; empty for pipes


def new_chan(node: Node, mode: OpenMode, path: str) -> Chan:
    """Open a node. Takes over the caller's reference to it, whatever happens."""
    try:
        node.opened(mode)
    except Error:
        node.put()
        raise
    try:
        chan = new(Chan, node=node, mode=mode, is_stream=node.kind != FileKind.DIR and not node.is_seekable())
        try:
            if path:
                chan.path = new(array(len(path), u8))
                copy_bytes(chan.path, path)
        except Error:
            free(chan)
            raise
    except Error:
        node.closed(mode)
        node.put()
        raise
    chan.refs.init(1)
    return chan


def chan_get(chan: Chan) -> None:
    chan.refs.get()


@recursion(2)                               # closing a writing end answers parked reads, which refer to the reading end
def chan_put(chan: Chan) -> None:
    """Give a reference back; the last one closes. May block."""
    if not chan.refs.put():
        return
    node = chan.node
    node.closed(chan.mode)
    node.put()
    if len(chan.path) > 0:
        free(chan.path)
    free(chan)


def open_path(path: Text, mode: OpenMode, permissions: u32) -> Chan:
    """Open, or create, the file at an absolute path, which becomes where that is."""
    if OpenMode.READ not in mode and OpenMode.WRITE not in mode:
        raise Error(Errno.EINVAL, "open for reading, writing, or both")
    node = find_or_create(path, mode, permissions)
    try:
        check_open(node, path.view, mode)
        if OpenMode.TRUNC in mode and OpenMode.WRITE in mode:
            node.truncate(0)
    except Error:
        node.put()
        raise
    return new_chan(node, mode, path.view)


def check_open(node: Node, path: str, mode: OpenMode) -> None:
    if node.kind == FileKind.LINK:
        raise Error(Errno.ELOOP, f"{path} is a link, and not to be followed")
    if node.kind == FileKind.DIR:
        if OpenMode.WRITE in mode:
            raise Error(Errno.EISDIR, f"{path} is a directory")
    elif OpenMode.DIRECTORY in mode:
        raise Error(Errno.ENOTDIR, f"{path} is not a directory")


def find_or_create(path: Text, mode: OpenMode, permissions: u32) -> Node:
    """What a link names that nobody has made yet is made, unless the file must be new: then the link itself stands in the way.

    Whoever else makes the file at the same time, or removes it: it is opened, or made, as if the one had come after the other.
    """
    follow = OpenMode.NOFOLLOW not in mode
    if OpenMode.CREATE not in mode:
        return find_node(path, follow)
    if path.view == "/":
        raise Error(Errno.EISDIR, "/ is a directory")
    is_new = OpenMode.EXCL in mode
    while True:
        try:
            node = find_node(path, follow and not is_new)
            break
        except Error as e:
            if e.errno != Errno.ENOENT:
                raise
        try:
            return create_at(path, FileKind.FILE, permissions)
        except Error as e:
            # Unless it must be new, another one's, made since we looked, will do: look again.
            if e.errno != Errno.EEXIST or is_new:
                raise
    if is_new:
        node.put()
        raise Error(Errno.EEXIST, f"{path.view} exists")
    return node


def create_at(path: Text, kind: FileKind, permissions: u32) -> Node:
    """Make the last name of the path in its directory; the caller gets a reference."""
    parent, name = find_parent(path, kind == FileKind.DIR)
    try:
        return parent.create(name, kind, permissions)
    finally:
        parent.put()


@inline
def read_chan(chan: Chan, io: Transfer) -> u64:
    """Read from where the channel stands. Returns how much was moved, 0 at the end. May block."""
    if chan.is_stream and OpenMode.READ in chan.mode:
        return chan.node.read(io, 0, chan.mode)
    return read_at_offset(chan, io)


@noinline
def read_at_offset(chan: Chan, io: Transfer) -> u64:
    """Of what is no stream, or may not be read."""
    if OpenMode.READ not in chan.mode:
        raise Error(Errno.EBADF, "not open for reading")
    io.keep_short()
    with chan.lock:
        if chan.node.kind == FileKind.DIR:
            return read_directory(chan, io)
        count = chan.node.read(io, chan.offset, chan.mode)
        chan.offset += count
        return count


def read_directory(chan: Chan, io: Transfer) -> u64:
    """Whole entries; the offset counts bytes of them."""
    entry = DirEntry()
    size = sizeof(DirEntry)
    if io.left < size:
        raise Error(Errno.EINVAL, f"a directory is read in units of {size} bytes")
    total: u64 = 0
    while io.left >= size and chan.node.entry(chan.offset // size, entry):
        total += io.give(as_bytes(entry))
        chan.offset += size
    return total


@inline
def write_chan(chan: Chan, io: Transfer) -> u64:
    """Write where the channel stands, or at the end. Returns how much was moved. May block."""
    if chan.is_stream and OpenMode.WRITE in chan.mode:
        return chan.node.write(io, 0, chan.mode)
    return write_at_offset(chan, io)


@noinline
def write_at_offset(chan: Chan, io: Transfer) -> u64:
    """To what is no stream, or may not be written."""
    if OpenMode.WRITE not in chan.mode:
        raise Error(Errno.EBADF, "not open for writing")
    io.keep_short()
    with chan.lock:
        if OpenMode.APPEND in chan.mode:
            chan.offset = chan.node.size()
        count = chan.node.write(io, chan.offset, chan.mode)
        chan.offset += count
        return count


def seek_chan(chan: Chan, offset: i64, whence: Whence) -> u64:
    """Move the offset; returns the new one. Raises ESPIPE for streams, EINVAL before the start."""
    node = chan.node
    if not node.is_seekable() and node.kind != FileKind.DIR:
        raise Error(Errno.ESPIPE, "a stream has no offset")
    with chan.lock:
        base: u64 = 0
        if whence == Whence.CUR:
            base = chan.offset
        elif whence == Whence.END:
            base = node.size()
        if offset < 0 and u64(-(offset + 1)) + 1 > base:
            raise Error(Errno.EINVAL, "an offset before the start of the file")
        moved = base + wrap(u64, offset)
        if moved > MAX_OFFSET:
            raise Error(Errno.EINVAL, "an offset beyond what files can have")
        if node.kind == FileKind.DIR and moved % sizeof(DirEntry) != 0:
            raise Error(Errno.EINVAL, "an offset in the middle of a directory entry")
        chan.offset = moved
        return moved


def stat_node(node: Node, into: Stat) -> None:
    node.stat(into)
    into.kind = u32(node.kind)
    into.size = node.size()


def sync_node(node: Node) -> None:
    """Have the file hold what its pages do. Nothing for files without pages. May block."""
    try:
        cache = node.page_cache()
    except Error:
        return
    sync_file(cache)
