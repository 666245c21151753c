# SPDX-License-Identifier: GPL-2.0-or-later
"""Node: a file or directory of some device, as an object. What a device does not support, it need not mention.

A node lives while it is referenced; `put` of the last reference calls `release`. Nodes that are static have one for ever.
`opened` and `closed` bracket every open channel. Reads and writes may block; an offset means nothing to streams.
"""

from lang import Error, Paddr, panic, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat
from kern.abi.tap import TapFilter
from kern.mm.pagecache import Mappable, PageCache
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, bytes_at
from kern.ns.tap import TapList
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

    def set_mode(self, mode: u32) -> None:
        """Give it these permission bits."""
        raise Error(Errno.EPERM, "the file has its mode for good")

    def set_mtime(self, mtime_ns: u64) -> None:
        """Have it changed last at this time, since 1970."""
        raise Error(Errno.EPERM, "the file's time cannot be set")

    # Taps (kern/ns/tap.py)

    def tap_list(self) -> TapList:
        """Who is told of changes. Raises ENOSYS: the file cannot be tapped."""
        raise Error(Errno.ENOSYS, "the file supports no taps")

    def tap_filter(self, mode: OpenMode, wanted: TapFilter) -> TapFilter:
        """What of it can happen to a channel of this mode. Raises ENOSYS for what the device never tells."""
        raise Error(Errno.ENOSYS, "the file supports no taps")

    def ready(self, mode: OpenMode) -> TapFilter:
        """What holds now, for a channel of this mode."""
        return TapFilter(0)

    # Directories

    def walk(self, name: str) -> "Node":
        """The child of that name, with a reference for the caller. Raises ENOENT, ENOTDIR.

        Of a device with links also `..`, but for the root.
        """
        raise Error(Errno.ENOTDIR, "not a directory")

    def entry(self, index: u64, into: DirEntry) -> bool:
        """Fill in the index'th child; False past the last."""
        return False

    def create(self, name: str, kind: FileKind, mode: u32) -> "Node":
        """Make a child; the caller gets a reference. Raises EEXIST, EROFS, …"""
        raise Error(Errno.EROFS, f"cannot make {name} here: the directory is read-only")

    def create_link(self, name: str, target: str) -> None:
        """Make a child that stands for the path `target`. Raises EEXIST, …; EPERM: the device has no links."""
        raise Error(Errno.EPERM, f"cannot make {name} here: the device has no links")

    def target(self) -> str:
        """Of a link: the path that it stands for, for as long as the caller has a reference."""
        raise Error(Errno.EINVAL, "not a link")

    def remove(self, name: str) -> None:
        raise Error(Errno.EROFS, f"cannot remove {name}: the directory is read-only")

    def rename(self, name: str, to: "Node", new_name: str) -> None:
        """Move the child `name` to directory `to`, which is of the same device, replacing a file there."""
        raise Error(Errno.EROFS, f"cannot rename {name}: the directory is read-only")

    # Pages (kern/mm/pagecache.py). A file that has them gives its cache, and says how it is filled.

    def page_cache(self) -> PageCache:
        """The file's pages in memory. Raises ENODEV: it has none, and cannot be mapped."""
        raise Error(Errno.ENODEV, "the file cannot be mapped")

    def page_count(self) -> u64:
        return (self.size() + PAGE_MASK) // PAGE_SIZE

    def fill_page(self, index: u64, page: Paddr) -> None:
        panic("a file without pages")

    def read_page(self, index: u64, page: Paddr) -> None:
        panic("a file without pages")

    def write_page(self, index: u64, page: Paddr) -> None:
        panic("a file without pages")


def read_cached(cache: PageCache, io: Transfer, offset: u64, length: u64) -> u64:
    """Read from a file of `length` bytes through its cache; returns how much. May block. Raises what reading the file, or the reader's
    memory, raises."""
    total: u64 = 0
    while io.left > 0 and offset + total < length:
        at = offset + total
        start = at % PAGE_SIZE
        count = min(min(length - at, PAGE_SIZE - start), io.left)
        index = at // PAGE_SIZE
        page = cache.load(index, False)
        try:
            io.give(bytes_at(page, PAGE_SIZE)[start : start + count])
        finally:
            cache.put(index, False)
        total += count
    return total


def write_cached(cache: PageCache, io: Transfer, at: u64) -> u64:
    """Write into one page of a file through its cache, as far as that page goes; returns how much. The file may end before. May block."""
    index = at // PAGE_SIZE
    page = cache.load(index, True)
    try:
        return io.take(bytes_at(page, PAGE_SIZE)[at % PAGE_SIZE :])
    finally:
        cache.put(index, True)


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
