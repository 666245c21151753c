# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `pipe`: what many threads write to one pipe does not mix, long streams arrive as they were sent, a failing read loses nothing."""

from lang import Atomic, Error, Errno, Span, Uaddr, array, i32, u8, u64
from kern.abi.mman import MapFlags, Prot
from pthread import Thread
from rt import io
from syscalls import sys_mmap, sys_mprotect, sys_munmap, sys_read
from utest.harness import Suite, check, equal, run, suites

WRITERS: u64 = 6
RECORDS: u64 = 40                           # of each writer
RECORD: u64 = 3000                          # bytes: the pipe's room is no multiple of it
STREAM: u64 = 1_000_000
PAGE: u64 = 4096

threads = array(WRITERS, Thread)
ends = array(2, i32)
records = array(WRITERS * RECORD, u8)
block = array(70_001, u8)
received = array(70_001, u8)
failed = Atomic[u64](0)


@suites
class Pipes(Suite):
    name: str = "pipe"

    def run(self) -> None:
        run("pipe.failed_read", test_failed_read_loses_nothing)
        run("pipe.stream", test_stream)
        run("pipe.records", test_records_do_not_mix)


def open_pipe() -> None:
    ends[0], ends[1] = io.pipe()


def close_pipe() -> None:
    io.close(ends[0])
    io.close(ends[1])


def test_failed_read_loses_nothing() -> None:
    open_pipe()
    io.write_all(ends[1], "kept for the next")
    place = sys_mmap(Uaddr(0), 2 * PAGE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    sys_mprotect(place, PAGE, Prot.READ)
    try:
        sys_read(ends[0], Span[u8](u64(place), 17))
        check(False, "read to memory that cannot be written")
    except Error as e:
        check(e.errno == Errno.EFAULT, f"{e}")
    count = io.read(ends[0], received[:100])
    check(received[:count] == "kept for the next", f"{count} bytes are left")
    sys_munmap(place, 2 * PAGE)
    close_pipe()


def send_stream(unused: u64) -> None:
    """Blocks of odd lengths: byte i of the stream is i % 251."""
    sent: u64 = 0
    length: u64 = 1
    while sent < STREAM:
        count = min(length, STREAM - sent)
        for i in range(count):
            block[i] = u8((sent + i) % 251)
        io.write_all(ends[1], block[:count])
        sent += count
        length = (length * 7 + 3) % len(block) + 1


def test_stream() -> None:
    open_pipe()
    threads[0].start(send_stream, 0)
    got: u64 = 0
    length: u64 = 50_000
    wrong: u64 = 0
    while got < STREAM:
        count = io.read(ends[0], received[:length])
        for i in range(count):
            wrong += u64(received[i] != u8((got + i) % 251))
        got += count
        length = (length * 5 + 1) % len(received) + 1
    equal(wrong, 0, "bytes that arrived as others")
    threads[0].join()
    close_pipe()


def send_records(number: u64) -> None:
    mine = records[number * RECORD : (number + 1) * RECORD]
    for i in range(len(mine)):
        mine[i] = u8(number + 1)
    for _ in range(RECORDS):
        io.write_all(ends[1], mine)


def test_records_do_not_mix() -> None:
    open_pipe()
    for i in range(WRITERS):
        threads[i].start(send_records, i)
    counts = array(WRITERS, u64)
    for _ in range(WRITERS * RECORDS):
        io.read_full(ends[0], received[:RECORD])
        writer = u64(received[0]) - 1
        for byte in received[:RECORD]:
            if u64(byte) - 1 != writer:
                failed.add(1)
                break
        if writer < WRITERS:
            counts[writer] += 1
    equal(failed.load(), 0, "records with two writers' bytes")
    for count in counts:
        equal(count, RECORDS, "records of a writer")
    for i in range(WRITERS):
        threads[i].join()
    close_pipe()
