# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of mappings have in common: pages of files and of #disk, and what the kernel tells about this process and the disk."""

from lang import Errno, Error, Ptr, Uaddr, addr_of, array, as_bytes, at, i32, i64, struct, text, u8, u64, volatile_load
from kern.abi.file import OpenMode, Whence
from kern.abi.mman import MapFlags, Prot
from rt import io
from rt.process import getpid
from syscalls import sys_mmap, sys_munmap, sys_openat, sys_remove, sys_seek, sys_sync
from utest.harness import check

PAGE: u64 = 4096
FILE = "/tmp/mapping"
DISK = "#disk/data"
CTL = "#disk/ctl"
ANONYMOUS = MapFlags.PRIVATE | MapFlags.ANONYMOUS
USUAL = Prot.READ | Prot.WRITE
READ_WRITE = OpenMode.READ | OpenMode.WRITE
NEW_FILE = READ_WRITE | OpenMode.CREATE | OpenMode.TRUNC

buffer = array(65536, u8)


@struct
class Word:
    value: u64


def expect(got: Errno, wanted: Errno, what: str) -> None:
    check(got == wanted, f"{what}: got {got.name}, expected {wanted.name}")


def word(address: u64) -> Word:
    return at(Word, address)


def touch(address: u64) -> u8:
    """Read a byte there, as the processor does."""
    return volatile_load(Ptr[u8](address))


def make_file(pages: u64) -> i32:
    """FILE, open both ways: each page begins with its number, from 1 on."""
    fd = sys_openat(-100, FILE, NEW_FILE, 0o600)
    for i in range(pages):
        page = array(PAGE, u8)
        at(Word, addr_of(page)).value = i + 1
        io.write_all(fd, page)
    return fd


def end_file(fd: i32) -> None:
    io.close(fd)
    sys_remove(FILE)


def map_file(fd: i32, pages: u64, prot: Prot, flags: MapFlags) -> u64:
    return u64(sys_mmap(Uaddr(0), pages * PAGE, prot, flags, fd, 0))


def unmap(address: u64, pages: u64) -> None:
    sys_munmap(Uaddr(address), pages * PAGE)


def refused(length: u64, address: u64, flags: MapFlags, fd: i32) -> Errno:
    try:
        sys_mmap(Uaddr(address), length, USUAL, flags, fd, 0)
    except Error as e:
        return e.errno
    return Errno.OK


def number_after(shown: str, label: str) -> u64:
    """The number on the line `label: number`."""
    start = shown.find(label)
    check(start >= 0, f"no {label}")
    line, _ = shown[u64(start) + len(label) :].split1("\n")
    return u64(line.strip())


def disk_count(label: str) -> u64:
    return number_after(buffer[: read_whole(CTL)], label)


def order_disk(command: str) -> None:
    fd = sys_openat(-100, CTL, OpenMode.WRITE, 0)
    io.write_all(fd, command)
    io.close(fd)


def read_whole(path: str) -> u64:
    """The file at the start of `buffer`; how much it is."""
    fd = sys_openat(-100, path, OpenMode.READ, 0)
    count = io.read_full(fd, buffer[0:65536])
    io.close(fd)
    return count


def own_file(name: str) -> str:
    """What /proc tells about this process."""
    path = text(40)
    path.write(f"#proc/{getpid()}/{name}")
    return buffer[: read_whole(path.view)]


def faults_so_far() -> u64:
    return number_after(own_file("status"), "page_faults:")


def region_line(address: u64) -> str:
    """The line of the mapping that begins there; empty if none does."""
    wanted = text(40)
    wanted.write(f"{address:010x}-")
    rest: str = own_file("maps")
    while rest:
        line, rest = rest.split1("\n")
        if line.startswith(wanted.view):
            return line
    return ""


def write_block(block: u64, value: u64) -> None:
    """A block of the disk that begins with `value`, on the disk itself and nowhere else."""
    fd = sys_openat(-100, DISK, READ_WRITE, 0)
    page = array(PAGE, u8)
    at(Word, addr_of(page)).value = value
    sys_seek(fd, i64(block * PAGE), Whence.SET)
    io.write_all(fd, page)
    sys_sync(fd)
    io.close(fd)
    order_disk("drop")


def read_block(block: u64) -> u64:
    """What the block begins with, through a read."""
    fd = sys_openat(-100, DISK, OpenMode.READ, 0)
    found = Word()
    sys_seek(fd, i64(block * PAGE), Whence.SET)
    io.read_full(fd, as_bytes(found))
    io.close(fd)
    return found.value


def map_block(block: u64, prot: Prot, flags: MapFlags) -> u64:
    fd = sys_openat(-100, DISK, READ_WRITE, 0)
    place = u64(sys_mmap(Uaddr(0), PAGE, prot, flags, fd, block))
    io.close(fd)
    return place


def map_of(path: str, block: u64) -> u64:
    """The page of that number of a file."""
    fd = io.open(path)
    place = u64(sys_mmap(Uaddr(0), PAGE, Prot.READ, MapFlags.SHARED, fd, block))
    io.close(fd)
    return place


def read_mapped(path: str, block: u64) -> i32:
    """The child of a test that watches it: reads a page of a file through a mapping, and waits for it if need be."""
    print(f"block {block} begins with {word(map_of(path, block)).value}")
    return 0
