# SPDX-License-Identifier: GPL-2.0-or-later
"""The root file system: the cpio archive that the kernel image carries, read-only, mounted at /.

The tree is built once and never changes, so it needs no lock; contents stay where they are in the image. What is mapped of them is copied
into pages once, which all mappings share.
Directories where devices are mounted exist even if the archive has none.
"""

from lang import Error, Paddr, Ref, Span, addr_of, copy_bytes, extern_symbol, memset, new, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat
from kern.boot.cpio import CpioEntry, CpioReader
from kern.mm.pagecache import CacheKind, PageCache
from kern.mm.pages import PAGE_SIZE, bytes_at
from kern.ns.dev import Dev, devices
from kern.ns.node import Node, set_entry
from kern.ns.transfer import Transfer

NS_PER_SEC: u64 = 1_000_000_000

archive_start = extern_symbol("initrd_start")
archive_end = extern_symbol("initrd_end")
node_count: u64 = 0


class RootNode(Node):
    name: str
    data: Span[u8]
    mode: u32
    mtime: u64
    ino: u64
    cache: PageCache                        # for mappings alone: reads take the data from where it is
    children: Ref["RootNode"] | None
    sibling: Ref["RootNode"] | None

    def walk(self, name: str) -> Node:
        if self.kind != FileKind.DIR:
            raise Error(Errno.ENOTDIR, "not a directory")
        child = self.find(name)
        if child is None:
            raise Error(Errno.ENOENT, f"there is no {name}")
        child.get()
        return child

    def find(self, name: str) -> "RootNode | None":
        child = self.children
        while child is not None:
            if child.name == name:
                return child
            child = child.sibling
        return None

    def entry(self, index: u64, into: DirEntry) -> bool:
        child = self.children
        left = index
        while child is not None and left > 0:
            child = child.sibling
            left -= 1
        if child is None:
            return False
        set_entry(into, child.name, child.kind, child.ino, len(child.data), child.mtime * NS_PER_SEC)
        return True

    def opened(self, mode: OpenMode) -> None:
        if OpenMode.WRITE in mode:
            raise Error(Errno.EROFS, f"{self.name} is on the read-only root")

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return io.give_from(self.data, offset)

    def size(self) -> u64:
        return len(self.data)

    def truncate(self, size: u64) -> None:
        raise Error(Errno.EROFS, f"{self.name} is on the read-only root")

    def set_mode(self, mode: u32) -> None:
        raise Error(Errno.EROFS, f"{self.name} is on the read-only root")

    def set_mtime(self, mtime_ns: u64) -> None:
        raise Error(Errno.EROFS, f"{self.name} is on the read-only root")

    def stat(self, into: Stat) -> None:
        into.ino = self.ino
        into.mode = self.mode & 0o555
        into.mtime_ns = self.mtime * NS_PER_SEC
        into.nlink = 1

    def page_cache(self) -> PageCache:
        if self.kind != FileKind.FILE:
            raise Error(Errno.ENODEV, f"{self.name} is a directory")
        return self.cache

    def fill_page(self, index: u64, page: Paddr) -> None:
        start = min(index * PAGE_SIZE, len(self.data))
        count = min(len(self.data) - start, PAGE_SIZE)
        bytes = bytes_at(page, PAGE_SIZE)
        copy_bytes(bytes[:count], self.data[start : start + count])
        memset(bytes[count:], 0)


@devices
class RootDev(Dev):
    name: str = "kfs"
    place: str = "/"
    dev_id: u64 = 1

    def attach(self) -> Node:
        root = new_node("", FileKind.DIR)
        start = addr_of(archive_start)
        reader = CpioReader(archive=Span[u8](start, addr_of(archive_end) - start))
        entry = CpioEntry()
        while reader.next(entry):
            add_entry(root, entry)
        for device in devices:
            if len(device.place) > 1:
                make_directories(root, device.place[1:])
        return root


def new_node(name: str, kind: FileKind) -> RootNode:
    global node_count
    node = new(RootNode, name=name, kind=kind)
    node.refs.init(1)
    node.cache.init(node, CacheKind.AT_ONCE | CacheKind.CONSTANT)
    node_count += 1
    node.ino = node_count
    node.mode = 0o755
    return node


def add_entry(root: RootNode, entry: CpioEntry) -> None:
    """Put one entry of the archive in its place. Anything but files and directories is left out."""
    if entry.name == "." or not entry.name:
        return
    if entry.is_dir:
        make_directories(root, entry.name)
        return
    if not entry.is_file:
        return
    slash = entry.name.rfind("/")
    parent = root
    name = entry.name
    if slash >= 0:
        parent = make_directories(root, entry.name[: u64(slash)])
        name = entry.name[u64(slash) + 1 :]
    if parent.find(name) is not None:
        raise Error(Errno.EINVAL, f"the archive holds {entry.name} twice")
    node = new_node(name, FileKind.FILE)
    node.data = entry.data
    node.mode = entry.mode
    node.mtime = u64(entry.mtime)
    append_child(parent, node)


def make_directories(root: RootNode, path: str) -> RootNode:
    """The directory at `path`, which has no slash in front; made with all above it if it is missing."""
    at = root
    rest = path
    while rest:
        name, rest = rest.split1("/")
        child = at.find(name)
        if child is None:
            child = new_node(name, FileKind.DIR)
            append_child(at, child)
        at = child
    return at


def append_child(parent: RootNode, node: RootNode) -> None:
    """Children stay in the order of the archive."""
    before: Ref[RootNode] | None = None
    child = parent.children
    while child is not None:
        before = child
        child = child.sibling
    if before is None:
        parent.children = node
    else:
        before.sibling = node
