# SPDX-License-Identifier: GPL-2.0-or-later
"""Node: a file or directory of some device, as an object. What a device does not support, it need not mention.

A node lives while it is referenced; `put` of the last reference calls `release`. Nodes that are static have one for ever.
`opened` and `closed` bracket every open channel. Reads and writes may block; an offset means nothing to streams.
Mapping (kern/mm/vmr.py's Mappable) never blocks.
"""

from lang import Error, Paddr, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat
from kern.mm.regions import Mappable
from kern.ns.transfer import Transfer
from kern.sync.kref import Kref


class Node(Mappable):
    refs: Kref
    kind: FileKind = FileKind.FILE

    def get(self) -> None:
        self.refs.get()

    def put(self) -> None:
        """Give a reference back. May block, if it was the last."""
        if self.refs.put():
            self.release()

    def release(self) -> None:
        """Nobody knows the node any more: free it."""

    def opened(self, mode: OpenMode) -> None:
        """A channel opens the node with this mode. Raises to refuse."""

    def closed(self, mode: OpenMode) -> None:
        """The channel that opened the node with this mode is gone."""

    def is_seekable(self) -> bool:
        """Whether offsets mean something."""
        return self.kind == FileKind.FILE

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        raise Error(Errno.EINVAL, "the file cannot be read")

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        raise Error(Errno.EINVAL, "the file cannot be written")

    def stat(self, into: Stat) -> None:
        """Fill in everything but the kind."""
        into.nlink = 1
        into.mode = 0o666

    def size(self) -> u64:
        return 0

    def truncate(self, size: u64) -> None:
        """Make the file that long. Streams don't care."""

    # Directories

    def walk(self, name: str) -> "Node":
        """The child of that name, with a reference for the caller. Raises ENOENT, ENOTDIR."""
        raise Error(Errno.ENOTDIR, "not a directory")

    def entry(self, index: u64, into: DirEntry) -> bool:
        """Fill in the index'th child; False past the last."""
        return False

    def create(self, name: str, kind: FileKind, mode: u32) -> "Node":
        """Make a child; the caller gets a reference. Raises EEXIST, EROFS, …"""
        raise Error(Errno.EROFS, f"cannot make {name} here: the directory is read-only")

    def remove(self, name: str) -> None:
        raise Error(Errno.EROFS, f"cannot remove {name}: the directory is read-only")

    def rename(self, name: str, to: "Node", new_name: str) -> None:
        """Move the child `name` to directory `to`, which is of the same device, replacing a file there."""
        raise Error(Errno.EROFS, f"cannot rename {name}: the directory is read-only")

    # Mapping

    def page_at(self, index: u64) -> Paddr:
        raise Error(Errno.ENODEV, "the file cannot be mapped")

    def map_get(self) -> None:
        self.get()

    def map_put(self) -> None:
        self.put()

    def may_map_writable(self) -> bool:
        return False


def set_entry(into: DirEntry, name: str, kind: FileKind, ino: u64, size: u64, mtime_ns: u64) -> None:
    """Fill a directory entry in. Names of devices are shorter than NAME_MAX."""
    into.ino = ino
    into.size = size
    into.mtime_ns = mtime_ns
    into.kind = u32(kind)
    count = min(len(name), len(into.name) - 1)
    for i in range(count):
        into.name[i] = name[i]
    into.name[count] = 0
    into.name_len = u32(count)
