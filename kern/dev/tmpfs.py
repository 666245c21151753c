# SPDX-License-Identifier: GPL-2.0-or-later
"""Files and links in memory, mounted at /tmp. What was removed lives on while somebody has it open, or mapped.

A file's page cache is all that there is of it. Holes read as zeros.
Locks: `tree` guards names and links of the whole tree; each file's `lock` its size and time. Both are plain spinlocks and
leaves; neither is held while user memory is touched. The tree has one reference to each node in it.
"""

from typing import Literal

from lang import Error, Paddr, Ref, Span, array, cast, copy_bytes, free, memset, new, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.pagecache import CacheKind, PageCache
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, bytes_at, total_bytes
from kern.ns.dev import Dev, devices
from kern.ns.node import Node, set_entry, write_cached
from kern.ns.transfer import Transfer
from kern.sync.spinlock import SpinLock
from kern.time.clock import wall_ns

tree = SpinLock()
next_ino: u64 = 1
zeros = array(4096, u8)


class TmpNode(Node):
    name: Span[u8]                          # allocated
    ino: u64
    mode: u32
    mtime_ns: u64
    gone: bool                              # it was removed
    parent: Ref["TmpNode"] | None           # None: the root, or gone
    link: ListLink["TmpNode"]
    children: IntrusiveList["TmpNode", Literal["link"]]
    lock: SpinLock
    cache: PageCache                        # the file itself: a page that is not in it is a hole
    length: u64
    stands_for: Span[u8]                    # of a link: the path; allocated

    # Files

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        """A hole gives zeros, and stays one."""
        total: u64 = 0
        while io.left > 0 and offset + total < self.length:
            at = offset + total
            start = at % PAGE_SIZE
            count = min(min(self.length - at, PAGE_SIZE - start), io.left)
            index = at // PAGE_SIZE
            page = self.cache.get(index)
            if page is None:
                io.give(zeros[:count])
            else:
                try:
                    io.give(bytes_at(page, PAGE_SIZE)[start : start + count])
                finally:
                    self.cache.put(index, False)
            total += count
        return total

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        total: u64 = 0
        while io.left > 0:
            if (offset + total) // PAGE_SIZE >= total_bytes() // PAGE_SIZE:
                raise Error(Errno.EFBIG, "a file larger than memory")
            total += write_cached(self.cache, io, offset + total)
            with self.lock:
                self.length = max(self.length, offset + total)
                self.mtime_ns = wall_ns()
        return total

    def truncate(self, size: u64) -> None:
        if size > total_bytes():
            raise Error(Errno.EFBIG, "a file larger than memory")
        with self.lock:
            self.length = size
            self.mtime_ns = wall_ns()
        self.cache.truncate((size + PAGE_MASK) // PAGE_SIZE)
        # What was behind the new end must read as zeros if the file grows again.
        index = size // PAGE_SIZE
        page = self.cache.get(index) if size % PAGE_SIZE != 0 else None
        if page is not None:
            memset(bytes_at(page, PAGE_SIZE)[size % PAGE_SIZE :], 0)
            self.cache.put(index, True)

    def set_mode(self, mode: u32) -> None:
        self.mode = mode

    def set_mtime(self, mtime_ns: u64) -> None:
        with self.lock:
            self.mtime_ns = mtime_ns

    def size(self) -> u64:
        return self.length

    def stat(self, into: Stat) -> None:
        into.dev = 2
        into.ino = self.ino
        into.mode = self.mode & 0o777
        into.mtime_ns = self.mtime_ns
        into.nlink = 1

    def page_cache(self) -> PageCache:
        if self.kind != FileKind.FILE:
            raise Error(Errno.ENODEV, "only files can be mapped")
        return self.cache

    def fill_page(self, index: u64, page: Paddr) -> None:
        """A hole."""
        memset(bytes_at(page, PAGE_SIZE), 0)

    def release(self) -> None:
        self.cache.destroy()
        if len(self.name) > 0:
            free(self.name)
        if len(self.stands_for) > 0:
            free(self.stands_for)
        free(self)

    # Directories

    def find(self, name: str) -> "TmpNode | None":
        """Caller holds: `tree`."""
        child = self.children.first()
        while child is not None:
            if child.name == name:
                return child
            child = self.children.after(child)
        return None

    def walk(self, name: str) -> Node:
        if self.kind != FileKind.DIR:
            raise Error(Errno.ENOTDIR, "not a directory")
        with tree:
            child = self.parent if name == ".." else self.find(name)
            if child is None:
                raise Error(Errno.ENOENT, f"there is no {name}")
            child.get()
            return child

    def entry(self, index: u64, into: DirEntry) -> bool:
        with tree:
            child = self.children.first()
            left = index
            while child is not None and left > 0:
                child = self.children.after(child)
                left -= 1
            if child is None:
                return False
            set_entry(into, child.name, child.kind, child.ino, child.length, child.mtime_ns)
            return True

    def create(self, name: str, kind: FileKind, mode: u32) -> Node:
        if self.kind != FileKind.DIR:
            raise Error(Errno.ENOTDIR, "not a directory")
        node = new_node(name, kind, mode)
        try:
            self.add(node)
        except Error:
            node.put()
            raise
        return node

    def create_link(self, name: str, target: str) -> None:
        if self.kind != FileKind.DIR:
            raise Error(Errno.ENOTDIR, "not a directory")
        node = new_node(name, FileKind.LINK, 0o777)
        try:
            node.stands_for = keep_name(target)
            node.length = len(target)
            self.add(node)
        finally:
            node.put()

    def target(self) -> str:
        if self.kind != FileKind.LINK:
            raise Error(Errno.EINVAL, "not a link")
        return self.stands_for

    def add(self, node: "TmpNode") -> None:
        """Have a new node here, with one more reference."""
        with tree:
            if self.gone:
                raise Error(Errno.ENOENT, "the directory was removed")
            if self.find(node.name) is not None:
                raise Error(Errno.EEXIST, f"{node.name} exists")
            node.get()
            node.parent = self
            self.children.push_back(node)
            self.mtime_ns = node.mtime_ns

    def remove(self, name: str) -> None:
        with tree:
            child = self.find(name)
            if child is None:
                raise Error(Errno.ENOENT, f"there is no {name}")
            if not child.children.is_empty():
                raise Error(Errno.ENOTEMPTY, f"{name} is not empty")
            self.take_out(child)
        child.put()

    def take_out(self, child: "TmpNode") -> None:
        """It is here no more, and nowhere else. Its reference goes to the caller. Caller holds: `tree`."""
        self.children.remove(child)
        child.gone = True
        child.parent = None

    def rename(self, name: str, to: Node, new_name: str) -> None:
        target = cast(TmpNode, to)          # of this device, so one of its nodes
        kept = keep_name(new_name)
        try:
            replaced = self.move(name, target, new_name, kept)
        except Error:
            free(kept)
            raise
        if replaced is not None:
            replaced.put()

    def move(self, name: str, target: "TmpNode", new_name: str, kept: Span[u8]) -> "TmpNode | None":
        """Do it, with the new name's storage; returns the file that was there. Its reference goes to the caller."""
        with tree:
            child = self.find(name)
            if child is None:
                raise Error(Errno.ENOENT, f"there is no {name}")
            if target.gone:
                raise Error(Errno.ENOENT, "the directory was removed")
            if target.is_within(child):
                raise Error(Errno.EINVAL, "a directory cannot be moved into itself")
            old = target.find(new_name)
            if old is not None and old is not child and (old.kind == FileKind.DIR or child.kind == FileKind.DIR):
                raise Error(Errno.EEXIST, f"{new_name} exists")
            if old is not None and old is not child:
                target.take_out(old)
            self.children.remove(child)
            old_name = child.name
            child.name = kept
            child.parent = target
            target.children.push_back(child)
        free(old_name)
        return old if old is not child else None

    def is_within(self, other: "TmpNode") -> bool:
        """Whether it is `other`, or below it. Caller holds: `tree`."""
        at: Ref[TmpNode] | None = self
        while at is not None:
            if at is other:
                return True
            at = at.parent
        return False


@devices
class TmpDev(Dev):
    name: str = "tmpfs"
    place: str = "/tmp"
    dev_id: u64 = 2
    has_links: bool = True

    def attach(self) -> Node:
        return new_node("", FileKind.DIR, 0o777)


def keep_name(name: str) -> Span[u8]:
    """A copy of its own. Not empty."""
    kept = new(array(len(name), u8))
    copy_bytes(kept, name)
    return kept


def new_node(name: str, kind: FileKind, mode: u32) -> TmpNode:
    """A node with one reference."""
    global next_ino
    kept = keep_name(name) if name else Span[u8](0, 0)
    try:
        node = new(TmpNode, name=kept, kind=kind, mode=mode)
    except Error:
        if len(kept) > 0:
            free(kept)
        raise
    node.refs.init(1)
    node.cache.init(node, CacheKind.AT_ONCE | CacheKind.PINNED)
    node.mtime_ns = wall_ns()
    with tree:
        next_ino += 1
        node.ino = next_ino
    return node
