# SPDX-License-Identifier: GPL-2.0-or-later
"""#disk: a disk of 16 MiB in memory, as slow as it is told to be: what programs and tests of file pages wait for.

#disk/data      its blocks as one file, read, written and mapped through the page cache; a block is a page
#disk/ctl       read: `latency_us`, `reads`, `writes` (blocks that were moved), `cached` (pages in memory that nobody uses), a line each
                write: `latency USEC` of one block, also of the one that is being moved; `drop` the cached pages that nobody uses;
                `fail BLOCK`, which cannot be read or written from now on, and `fail off`
Like a disk with one arm it moves a block at a time. What was never written reads as zeros, and takes no memory.
Locks: `arm`, a sleeping lock, over each block.
"""

from lang import Array, Error, Paddr, array, copy_bytes, memset, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode, Stat
from kern.mm.pagecache import CacheKind, PageCache
from kern.mm.pages import PAGE_SIZE, alloc_pages, bytes_at
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node, read_cached, write_cached
from kern.ns.text_file import Page
from kern.ns.transfer import Transfer
from kern.sync.qlock import QLock
from kern.sync.rendez import Rendez
from kern.time.clock import NS_PER_USEC, now_ns

DEV_ID: u64 = 20
BLOCKS: u64 = 4096
SIZE: u64 = BLOCKS * PAGE_SIZE
LONGEST_USEC: u64 = 600_000_000
NO_BLOCK: u64 = BLOCKS

blocks = array(4096, u64)                   # physical address of each block's memory, 0: never written
arm = QLock()
latency_us: u64 = 0
latency_changes = Rendez()
failing: u64 = NO_BLOCK
reads: u64 = 0
writes: u64 = 0


class DiskData(Node):
    cache: PageCache

    def size(self) -> u64:
        return SIZE

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return read_cached(self.cache, io, offset, SIZE)

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        total: u64 = 0
        while io.left > 0:
            if offset + total >= SIZE:
                if total == 0:
                    raise Error(Errno.ENOSPC, "the disk ends here")
                break
            total += write_cached(self.cache, io, offset + total)
        return total

    def truncate(self, size: u64) -> None:
        """A disk stays as long as it is."""

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.ino = 1
        into.mode = 0o666
        into.nlink = 1

    def page_cache(self) -> PageCache:
        return self.cache

    def read_page(self, index: u64, page: Paddr) -> None:
        global reads
        with arm:
            move(index)
            reads += 1
            into = bytes_at(page, PAGE_SIZE)
            if blocks[index] == 0:
                memset(into, 0)
            else:
                copy_bytes(into, bytes_at(Paddr(blocks[index]), PAGE_SIZE))

    def write_page(self, index: u64, page: Paddr) -> None:
        global writes
        with arm:
            move(index)
            if blocks[index] == 0:
                blocks[index] = u64(alloc_pages(0))
            writes += 1
            copy_bytes(bytes_at(Paddr(blocks[index]), PAGE_SIZE), bytes_at(page, PAGE_SIZE))


def move(index: u64) -> None:
    """Where a real disk takes its time. Caller holds: `arm`."""
    began = now_ns()
    while (latency := latency_us) > 0:
        if not latency_changes.sleep_until(is_another, latency, began + latency * NS_PER_USEC):
            break
    if index == failing:
        raise Error(Errno.EIO, f"block {index} is damaged")


def is_another(latency: u64) -> bool:
    return latency_us != latency


def show_state(out: Page) -> None:
    out.print(f"latency_us: {latency_us}\nreads: {reads}\nwrites: {writes}\ncached: {disk.cache.count_unused()}\n")


def obey(command: str) -> None:
    """Raises EINVAL."""
    global latency_us, failing
    word, rest = command.split1(" ")
    match word:
        case "latency":
            latency_us = number(rest.strip(), LONGEST_USEC)
            latency_changes.wakeup()
        case "drop":
            disk.cache.flush_unused()
        case "fail":
            failing = NO_BLOCK if rest.strip() == "off" else number(rest.strip(), BLOCKS - 1)
        case _:
            raise Error(Errno.EINVAL, f"the disk's ctl takes latency, drop and fail, not {word}")


def number(word: str, highest: u64) -> u64:
    value = u64(word)
    if value > highest:
        raise Error(Errno.EINVAL, f"{value} is more than {highest}")
    return value


disk = DiskData()
files: Array[FolderFile] = (FolderFile("data", node=disk), FolderFile("ctl", show=show_state, command=obey))


@devices
class DiskDev(Dev):
    name: str = "disk"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        disk.cache.init(disk, CacheKind(0))
        return new_folder(files[:], DEV_ID)
