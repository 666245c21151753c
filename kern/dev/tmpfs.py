# SPDX-License-Identifier: GPL-2.0-or-later
"""Files in memory, mounted at /tmp. What was removed lives on while somebody has it open, or mapped.

A file is a table of pages, each with a reference from the file and one from every mapping or copy in progress. Holes read as zeros.
Locks: `tree` guards names and links of the whole tree; each file's `lock` its table and size. Both are plain spinlocks and
leaves but for the allocators'; neither is held while user memory is touched. The tree has one reference to each node in it.
"""

from typing import Literal

from lang import Error, Paddr, Span, array, cast, copy_bytes, free, memset, new, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, alloc_zeroed, bytes_at, page_get, page_put, total_bytes
from kern.ns.dev import Dev, devices
from kern.ns.node import Node, set_entry
from kern.ns.transfer import Transfer
from kern.sync.spinlock import SpinLock
from kern.time.clock import wall_ns

FIRST_TABLE: u64 = 8

tree = SpinLock()
next_ino: u64 = 1
zeros = array(4096, u8)


class TmpNode(Node):
    name: Span[u8]                          # allocated
    ino: u64
    mode: u32
    mtime_ns: u64
    gone: bool                              # a directory that was removed
    link: ListLink["TmpNode"]
    children: IntrusiveList["TmpNode", Literal["link"]]
    lock: SpinLock
    pages: Span[u64]                        # physical addresses, 0 for a hole
    length: u64

    # Files

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        total: u64 = 0
        while io.left > 0:
            at = offset + total
            with self.lock:
                count = 0 if at >= self.length else min(min(self.length - at, PAGE_SIZE - at % PAGE_SIZE), io.left)
                page = self.hold_page(at // PAGE_SIZE) if count > 0 else 0
            if count == 0:
                break
            start = at % PAGE_SIZE
            if page == 0:
                io.give(zeros[:count])
            else:
                try:
                    io.give(bytes_at(Paddr(page), PAGE_SIZE)[start : start + count])
                finally:
                    page_put(Paddr(page))
            total += count
        return total

    def hold_page(self, index: u64) -> u64:
        """A page with a reference for the caller, or 0 for a hole. Caller holds: `lock`."""
        if index >= len(self.pages) or self.pages[index] == 0:
            return 0
        page_get(Paddr(self.pages[index]))
        return self.pages[index]

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        total: u64 = 0
        while io.left > 0:
            at = offset + total
            start = at % PAGE_SIZE
            with self.lock:
                page = self.make_page(at // PAGE_SIZE)
                page_get(page)
            try:
                count = io.take(bytes_at(page, PAGE_SIZE)[start:])
            finally:
                page_put(page)
            total += count
            with self.lock:
                self.length = max(self.length, offset + total)
                self.mtime_ns = wall_ns()
        return total

    def make_page(self, index: u64) -> Paddr:
        """The page at that place, made if there is none. Raises ENOMEM, EFBIG. Caller holds: `lock`."""
        if index >= total_bytes() // PAGE_SIZE:
            raise Error(Errno.EFBIG, "a file larger than memory")
        if index >= len(self.pages):
            self.grow(index + 1)
        if self.pages[index] == 0:
            self.pages[index] = u64(alloc_zeroed(0))
        return Paddr(self.pages[index])

    def grow(self, count: u64) -> None:
        size = max(max(len(self.pages) * 2, FIRST_TABLE), count)
        larger = new(array(size, u64))
        for i in range(len(self.pages)):
            larger[i] = self.pages[i]
        if len(self.pages) > 0:
            free(self.pages)
        self.pages = larger

    def truncate(self, size: u64) -> None:
        if size > total_bytes():
            raise Error(Errno.EFBIG, "a file larger than memory")
        with self.lock:
            first = (size + PAGE_MASK) // PAGE_SIZE
            for i in range(first, max(len(self.pages), first)):
                if self.pages[i] != 0:
                    page_put(Paddr(self.pages[i]))
                    self.pages[i] = 0
            # What was behind the new end must read as zeros if the file grows again.
            last = size // PAGE_SIZE
            if size % PAGE_SIZE != 0 and last < len(self.pages) and self.pages[last] != 0:
                memset(bytes_at(Paddr(self.pages[last]), PAGE_SIZE)[size % PAGE_SIZE :], 0)
            self.length = size
            self.mtime_ns = wall_ns()

    def size(self) -> u64:
        return self.length

    def stat(self, into: Stat) -> None:
        into.dev = 2
        into.ino = self.ino
        into.mode = self.mode & 0o777
        into.mtime_ns = self.mtime_ns
        into.nlink = 1

    def page_at(self, index: u64) -> Paddr:
        with self.lock:
            if index >= (self.length + PAGE_MASK) // PAGE_SIZE:
                raise Error(Errno.ESPIPE, "beyond the end of the file")
            page = self.make_page(index)
            page_get(page)
            return page

    def may_map_writable(self) -> bool:
        return True

    def release(self) -> None:
        for page in self.pages:
            if page != 0:
                page_put(Paddr(page))
        if len(self.pages) > 0:
            free(self.pages)
        if len(self.name) > 0:
            free(self.name)
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
            child = self.find(name)
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
            with tree:
                if self.gone:
                    raise Error(Errno.ENOENT, "the directory was removed")
                if self.find(name) is not None:
                    raise Error(Errno.EEXIST, f"{name} exists")
                node.get()
                self.children.push_back(node)
                self.mtime_ns = node.mtime_ns
        except Error:
            node.put()
            raise
        return node

    def remove(self, name: str) -> None:
        with tree:
            child = self.find(name)
            if child is None:
                raise Error(Errno.ENOENT, f"there is no {name}")
            if not child.children.is_empty():
                raise Error(Errno.ENOTEMPTY, f"{name} is not empty")
            self.children.remove(child)
            child.gone = True
        child.put()

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
            old = target.find(new_name)
            if old is not None and old is not child and (old.kind == FileKind.DIR or child.kind == FileKind.DIR):
                raise Error(Errno.EEXIST, f"{new_name} exists")
            self.children.remove(child)
            if old is not None and old is not child:
                target.children.remove(old)
            old_name = child.name
            child.name = kept
            target.children.push_back(child)
        free(old_name)
        return old if old is not child else None


@devices
class TmpDev(Dev):
    name: str = "tmpfs"
    place: str = "/tmp"
    dev_id: u64 = 2

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
    node.mtime_ns = wall_ns()
    with tree:
        next_ino += 1
        node.ino = next_ino
    return node
