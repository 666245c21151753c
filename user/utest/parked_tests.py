# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of parked calls: reads of a pipe that wait in the kernel without a thread. Each is over once: answered, given up, or failed."""

from lang import Atomic, Errno, Error, Span, Uaddr, addr_of, array, i32, u8, u64
from kern.abi.file import FdPair
from kern.abi.mman import MapFlags, Prot
from kern.abi.syscall import Syscall
from parlib.calls import wait_at_most
from pthread import Thread
from pthread.ready import yield_now
from rt import io, process
from rt.args import environment
from rt.syscall import errno, failed, is_done, reset, result_of, wait_for
from syscalls import submit_read, sys_abort_sysc, sys_mmap, sys_munmap, sys_write
from utest.harness import Suite, check, equal, run, suites

MANY: u64 = 1000
SOME: u64 = 20
ROUNDS: u64 = 500
PAGE: u64 = 4096
CAPACITY: u64 = 65536                       # of a pipe

ends = array(2, i32)
calls = array(MANY, Syscall)
received = array(MANY, u8)
ones = array(MANY, u8)
filler = array(CAPACITY, u8)
raced = Syscall()
raced_byte = array(1, u8)
round = Atomic[u64](0)                      # of a race: which one the racers are to run
racers_done = Atomic[u64](0)


def begin() -> None:
    ends[0], ends[1] = io.pipe()


def end() -> None:
    io.close(ends[0])
    io.close(ends[1])


def submit(i: u64, into: Span[u8]) -> None:
    reset(calls[i])
    submit_read(calls[i], ends[0], into)
    check(not is_done(calls[i]), "a read of an empty pipe is over")


def test_many() -> None:
    """A thousand wait; each gets a byte, in the order in which they came."""
    begin()
    for i in range(MANY):
        submit(i, received[i : i + 1])
        ones[i] = u8(i % 251)
    io.write_all(ends[1], ones[:])
    for i in range(MANY):
        wait_for(calls[i])
        equal(result_of(calls[i]), 1, "bytes of a read")
        equal(u64(received[i]), i % 251, "what was read")
    end()


def test_around_the_end() -> None:
    """What lies in two parts of the pipe's storage."""
    begin()
    io.write_all(ends[1], filler[: CAPACITY - 5])
    equal(io.read_full(ends[0], filler[: CAPACITY - 5]), CAPACITY - 5, "bytes before")
    submit(0, received[:7])
    submit(1, received[7:20])
    io.write_all(ends[1], "0123456789")
    wait_for(calls[0])
    first = result_of(calls[0])
    check(received[:first] == "0123456"[:first], f"{first} bytes")
    wait_for(calls[1])
    second = result_of(calls[1])
    rest = io.read(ends[0], received[20:30]) if first + second < 10 else 0
    check(received[7 : 7 + second] == "0123456789"[first : first + second], f"{second} bytes after {first}")
    equal(first + second + rest, 10, "bytes in all")
    end()


def test_end_of_file() -> None:
    begin()
    for i in range(SOME):
        submit(i, received[i : i + 1])
    io.close(ends[1])
    for i in range(SOME):
        wait_for(calls[i])
        equal(result_of(calls[i]), 0, "bytes at the end")
    io.close(ends[0])


def test_time_limit() -> None:
    """Also of the only one in the queue's middle."""
    begin()
    for i in range(u64(3)):
        submit(i, received[i : i + 1])
    check(not wait_at_most(calls[1], 5000), "a read of an empty pipe ended by itself")
    check(errno(calls[1]) == Errno.EINTR, f"{errno(calls[1]).name}")
    io.write_all(ends[1], "ab")
    wait_for(calls[0])
    wait_for(calls[2])
    check(received[0] == ord("a") and received[2] == ord("b"), "who got which byte")
    end()


def test_buffer_has_gone() -> None:
    """EFAULT; what was written is kept for the next."""
    begin()
    place = sys_mmap(Uaddr(0), PAGE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    submit(0, Span[u8](u64(place), 4))
    sys_munmap(place, PAGE)
    io.write_all(ends[1], "kept")
    wait_for(calls[0])
    check(errno(calls[0]) == Errno.EFAULT, f"{errno(calls[0]).name}")
    count = io.read(ends[0], received[:10])
    check(received[:count] == "kept", f"{count} bytes are left")
    end()


def test_reader_is_killed() -> None:
    """Its end of the pipe goes with it, though its read is all that knows of it."""
    begin()
    arguments = array(1, str)
    arguments[0] = "cat"
    fds = array(2, FdPair)
    fds[0] = FdPair(first=ends[0], second=0)
    fds[1] = FdPair(first=1, second=1)
    child = process.spawn("/bin/cat", arguments[:], environment(), fds[:])
    io.close(ends[0])
    process.kill(child)
    process.wait(child)
    try:
        sys_write(ends[1], "nobody reads this")
        check(False, "written to nobody")
    except Error as e:
        check(e.errno == Errno.EPIPE, f"{e}")
    io.close(ends[1])


def test_descriptor_is_closed() -> None:
    """A read that waits goes on when its descriptor is closed, and is what keeps the pipe."""
    begin()
    submit(0, received[:1])
    io.close(ends[0])
    io.write_all(ends[1], "x")
    wait_for(calls[0])
    check(result_of(calls[0]) == 1 and received[0] == ord("x"), "what was read")
    try:
        sys_write(ends[1], "y")
        check(False, "written to nobody")
    except Error as e:
        check(e.errno == Errno.EPIPE, f"{e}")
    io.close(ends[1])


# -- races: a read is given up, and answered, by threads of their own --------------------------------------------------
def run_races(number: u64) -> None:
    """Racer 0 gives the read up, racer 1 writes what it waits for."""
    for i in range(ROUNDS):
        while round.load() <= i:
            yield_now()
        if number == 0:
            sys_abort_sysc(Uaddr(addr_of(raced)))
        else:
            io.write_all(ends[1], "x")
        racers_done.add(1)


def test_abort_against_write() -> None:
    """It ends once: with the byte, or without, and then that is in the pipe still."""
    begin()
    round.store(0)
    racers_done.store(0)
    racers = array(2, Thread)
    for i in range(u64(2)):
        racers[i].start(run_races, i)
    for i in range(ROUNDS):
        reset(raced)
        raced_byte[0] = 0
        if i % 2 == 0:                      # else the read meets them on its way
            submit_read(raced, ends[0], raced_byte[:])
            round.store(i + 1)
        else:
            round.store(i + 1)
            submit_read(raced, ends[0], raced_byte[:])
        wait_for(raced)
        while racers_done.load() != 2 * (i + 1):
            yield_now()
        if failed(raced):
            check(errno(raced) == Errno.EINTR, f"{errno(raced).name}")
            equal(io.read(ends[0], raced_byte[:]), 1, "bytes that are left")
        check(raced_byte[0] == ord("x"), "another byte")
    for i in range(u64(2)):
        racers[i].join()
    end()


@suites
class Parked(Suite):
    """In an SCP, and then with threads."""

    name: str = "parked"

    def run(self) -> None:
        for _ in range(2):
            run("parked.many", test_many)
            run("parked.around_the_end", test_around_the_end)
            run("parked.end_of_file", test_end_of_file)
            run("parked.time_limit", test_time_limit)
            run("parked.buffer_has_gone", test_buffer_has_gone)
            run("parked.killed", test_reader_is_killed)
            run("parked.closed", test_descriptor_is_closed)
            run("parked.abort_against_write", test_abort_against_write)
