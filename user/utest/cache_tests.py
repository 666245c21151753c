# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page cache as a program sees it: one copy of each page, however it is come by; #disk tells how often it was read and written."""

from lang import Errno, Error, Span, Uaddr, addr_of, array, at, i32, i64, u8, u64
from kern.abi.file import Whence
from kern.abi.mman import MapFlags, Prot
from rt import io
from rt.time import now_ns, sleep_usec
from syscalls import sys_mprotect, sys_seek, sys_sync
from utest.harness import Suite, check, equal, run, suites
from utest.paging import (
    DISK,
    NEW_FILE,
    PAGE,
    READ_WRITE,
    USUAL,
    Word,
    disk_count,
    end_file,
    expect,
    make_file,
    map_block,
    map_file,
    order_disk,
    read_block,
    unmap,
    word,
    write_block,
)

DEADLINE_NS: u64 = 20_000_000_000


@suites
class Cache(Suite):
    name: str = "cache"

    def run(self) -> None:
        run("cache.one_read", test_one_read)
        run("cache.private", test_private)
        run("cache.shared", test_shared)
        run("cache.last_unmap", test_last_unmap)
        run("cache.dirty", test_dirty)
        run("cache.used_pages_stay", test_used_pages_stay)
        run("cache.truncate", test_truncate)
        run("cache.buffers", test_buffers)
        run("cache.failing_write", test_failing_write)


def sync_disk() -> None:
    fd = io.open(DISK)
    sys_sync(fd)
    io.close(fd)


def test_one_read() -> None:
    """Whoever asks for a page, and however often, the disk is read once."""
    write_block(30, 3)
    before = disk_count("reads:")
    equal(read_block(30), 3, "the block")
    equal(read_block(30), 3, "the block again")
    shared = map_block(30, Prot.READ, MapFlags.SHARED)
    own = map_block(30, Prot.READ, MapFlags.PRIVATE)
    equal(word(shared).value, 3, "through a mapping")
    equal(word(own).value, 3, "through one of its own")
    equal(disk_count("reads:") - before, 1, "reads of the disk")
    unmap(shared, 1)
    unmap(own, 1)
    order_disk("drop")
    equal(read_block(30), 3, "after the cache was emptied")
    equal(disk_count("reads:") - before, 2, "reads of the disk then")


def test_private() -> None:
    """A private mapping copies a page when it is touched: neither side sees the other's later changes."""
    fd = make_file(2)
    own = map_file(fd, 2, USUAL, MapFlags.PRIVATE)
    equal(word(own).value, 1, "what it begins with")
    word(own).value = 50
    sys_seek(fd, 0, Whence.SET)
    found = array(8, u8)
    io.read_full(fd, found)
    equal(u64(found[0]), 1, "the file, after its private copy was written")
    sys_seek(fd, 0, Whence.SET)
    io.write_all(fd, "abc")
    equal(word(own).value, 50, "the copy, after the file was written")
    sys_seek(fd, i64(PAGE), Whence.SET)
    io.write_all(fd, "d")
    equal(u64(Span[u8](own + PAGE, 1)[0]), u64(ord("d")), "a page that was not touched before")
    unmap(own, 2)
    end_file(fd)


def test_shared() -> None:
    """What is written through a mapping is the file's at once for all who read it, and the disk's after a sync."""
    write_block(31, 1)
    place = map_block(31, USUAL, MapFlags.SHARED)
    other = map_block(31, Prot.READ, MapFlags.SHARED)
    word(place).value = 123
    equal(word(other).value, 123, "through another mapping")
    equal(read_block(31), 123, "through a read")
    sync_disk()
    unmap(place, 1)
    unmap(other, 1)
    order_disk("drop")
    reads = disk_count("reads:")
    equal(read_block(31), 123, "from the disk")
    equal(disk_count("reads:") - reads, 1, "reads of the disk")


def test_last_unmap() -> None:
    """Without a sync the disk has it soon after the last mapping is gone."""
    write_block(32, 1)
    place = map_block(32, USUAL, MapFlags.SHARED)
    other = map_block(32, Prot.READ, MapFlags.SHARED)
    word(place).value = 321
    writes = disk_count("writes:")
    unmap(place, 1)
    unmap(other, 1)
    end = now_ns() + DEADLINE_NS
    while disk_count("writes:") == writes and now_ns() < end:
        sleep_usec(1_000)
    equal(disk_count("writes:") - writes, 1, "writes of the disk")
    sync_disk()
    order_disk("drop")
    equal(read_block(32), 321, "from the disk")


def writes_of_sync() -> u64:
    before = disk_count("writes:")
    sync_disk()
    return disk_count("writes:") - before


def test_dirty() -> None:
    """A page is dirty from the first write on until it is written back, and only then."""
    write_block(33, 1)
    write_block(34, 1)
    first = map_block(33, USUAL, MapFlags.SHARED)
    second = map_block(34, USUAL, MapFlags.SHARED)
    equal(word(first).value + word(second).value, 2, "what they hold")
    equal(writes_of_sync(), 0, "writes after two pages were read")
    word(first).value = 2
    equal(writes_of_sync(), 1, "writes after one was written")
    equal(writes_of_sync(), 0, "writes after nothing more")
    word(first).value = 3
    word(second).value = 3
    sys_mprotect(Uaddr(first), PAGE, Prot.READ)
    equal(writes_of_sync(), 2, "writes after both, one of which is read-only by now")
    sys_mprotect(Uaddr(first), PAGE, USUAL)
    word(first).value = 4
    equal(writes_of_sync(), 1, "writes after the first once more")
    unmap(first, 1)
    unmap(second, 1)


def test_used_pages_stay() -> None:
    """Neither pages that are mapped nor those that the disk does not have yet are thrown away."""
    write_block(35, 5)
    place = map_block(35, Prot.READ, MapFlags.SHARED)
    equal(word(place).value, 5, "mapped")
    fd = io.open(DISK, READ_WRITE)
    sys_seek(fd, i64(36 * PAGE), Whence.SET)
    page = array(PAGE, u8)
    at(Word, addr_of(page)).value = 66
    writes = disk_count("writes:")
    io.write_all(fd, page)
    order_disk("drop")
    reads = disk_count("reads:")
    equal(read_block(35), 5, "the mapped page")
    equal(disk_count("reads:"), reads, "reads of the disk for the mapped page")
    equal(read_block(36), 66, "the dirty page")
    # It is not dirty any more if the kernel's own round of writing has just come by.
    check(disk_count("reads:") - reads <= disk_count("writes:") - writes, "the dirty page was thrown away")
    sys_sync(fd)
    io.close(fd)
    unmap(place, 1)


def test_truncate() -> None:
    """Pages beyond a file's new end are gone, or zeros where they are mapped; and zeros if it grows again."""
    fd = make_file(4)
    place = map_file(fd, 4, USUAL, MapFlags.SHARED)
    equal(word(place + 3 * PAGE).value, 4, "before")
    io.close(io.open("/tmp/mapping", NEW_FILE))
    equal(word(place + 3 * PAGE).value, 0, "a mapped page after")
    sys_seek(fd, i64(3 * PAGE), Whence.SET)
    io.write_all(fd, "e")
    equal(word(place + 3 * PAGE).value, u64(ord("e")), "the mapping sees the longer file")
    unmap(place, 4)
    end_file(fd)


def test_buffers() -> None:
    """Calls read into, and write from, mapped pages that are not in memory yet; what is not mapped at all is refused."""
    write_block(37, 7)
    write_block(38, 8)
    source = map_block(37, Prot.READ, MapFlags.SHARED)
    target = map_block(38, USUAL, MapFlags.SHARED)
    reader, writer = io.pipe()
    io.write_all(writer, Span[u8](source, 8))
    io.read_full(reader, Span[u8](target, 8))
    equal(word(target).value, 7, "what came through the pipe")
    unmap(source, 1)
    unmap(target, 1)
    expect(write_from(writer, source), Errno.EFAULT, "an unmapped buffer")
    io.close(reader)
    io.close(writer)
    sync_disk()
    order_disk("drop")
    equal(read_block(38), 7, "what was read into a mapping is the file's")


def write_from(fd: i32, address: u64) -> Errno:
    try:
        io.write_all(fd, Span[u8](address, 8))
    except Error as e:
        return e.errno
    return Errno.OK


def test_failing_write() -> None:
    """A sync tells that a page could not be written, and the page stays dirty until it can."""
    write_block(39, 1)
    place = map_block(39, USUAL, MapFlags.SHARED)
    word(place).value = 9
    order_disk("fail 39")
    expect(sync_error(), Errno.EIO, "a sync to a block that is damaged")
    order_disk("fail off")
    equal(writes_of_sync(), 1, "writes when it can be written again")
    unmap(place, 1)
    order_disk("drop")
    equal(read_block(39), 9, "what the disk has")


def sync_error() -> Errno:
    try:
        sync_disk()
    except Error as e:
        return e.errno
    return Errno.OK
