# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `epoll`: taps on descriptors, what pipes tell of themselves, and sets of many descriptors."""

from lang import Atomic, Errno, Error, Ref, Uaddr, addr_of, array, i32, u32, u64, u8
from kern.abi.event import CeqOperation, EventMsg, EventQueue
from kern.abi.file import MAX_FDS, OpenMode
from kern.abi.tap import TapCommand, TapFilter, TapRequest
from parlib.epoll import Epoll, EpollEvent, epoll_add, epoll_close, epoll_create, epoll_remove, epoll_wait
from parlib.queues import RELIABLE, attach_wakeup, check_queues, get_ceq_queue, put_queue
from parlib.threads import uthread_sched_yield
from pthread import Thread
from rt import io
from rt.time import now_ns
from syscalls import sys_tap_fds
from utest.harness import Suite, check, equal, run, suites

R = TapFilter.READABLE
W = TapFilter.WRITABLE
BOTH = TapFilter.READABLE | TapFilter.WRITABLE | TapFilter.HANGUP | TapFilter.ERROR
PIPES: u64 = 250
ENDS: u64 = 5000                            # descriptors of each kind, twenty of a pipe
LONG: u64 = 20_000_000                      # microseconds: longer than anything here takes
ROUNDS: u64 = 300

ends = array(2, i32)
events = array(64, EpollEvent)
many = array(2 * ENDS, i32)                 # for reading, then for writing
seen = array(2 * ENDS, u8)
block = array(70_000, u8)
requests = array(3, TapRequest)
threads = array(2, Thread)
stop = Atomic[u64](0)


@suites
class Epolls(Suite):
    name: str = "epoll"

    def run(self) -> None:
        run("epoll.taps", test_taps)
        run("epoll.filters", test_filters)
        run("epoll.edges", test_edges)
        run("epoll.ends", test_ends)
        run("epoll.ready_on_add", test_ready_on_add)
        run("epoll.limits", test_limits)
        run("epoll.pool", test_pool)
        run("epoll.timeout", test_timeout)
        run("epoll.closing", test_closing)
        run("epoll.wakes_thread", test_wakes_thread)
        run("epoll.close_against_fire", test_close_against_fire)
        run("epoll.ten_thousand", test_ten_thousand)


def refused(count: u64) -> Errno:
    """What the first `count` requests are answered with, if none is done."""
    try:
        sys_tap_fds(requests[:count])
    except Error as e:
        return e.errno
    return Errno.OK


def ask(index: u64, command: TapCommand, fd: i32, filter: TapFilter, queue: EventQueue) -> None:
    place = Uaddr(addr_of(queue))
    requests[index] = TapRequest(fd=fd, command=u32(command), filter=u32(filter), ev_id=7, queue=place, data=0x1234_5678_9ABC)


def test_taps() -> None:
    """The call itself: a batch up to the first failure, one tap a descriptor, what an event says."""
    queue = get_ceq_queue(16, 4, CeqOperation.OR, RELIABLE, 0)
    attach_wakeup(queue)
    ends[0], ends[1] = io.pipe()
    ask(0, TapCommand.ADD, ends[0], R, queue)
    ask(1, TapCommand.ADD, ends[0], R, queue)
    ask(2, TapCommand.ADD, ends[1], W, queue)
    equal(sys_tap_fds(requests[:]), 1, "done before the second tap of one descriptor")
    check(refused(1) == Errno.EBUSY, "a second tap")
    ask(0, TapCommand.MODIFY, ends[0], W, queue)
    check(refused(1) == Errno.ENOSYS, "MODIFY")
    io.write_all(ends[1], "x")
    queues = array(1, Ref[EventQueue])
    queues[0] = queue
    msg = EventMsg()
    check(check_queues(queues[:], msg) is not None, "no event")
    equal(u64(msg.ev_type), 7, "event id")
    equal(u64(msg.arg2), u64(u32(R)), "what happened")
    equal(msg.arg3, 0x1234_5678_9ABC, "data")
    ask(0, TapCommand.REMOVE, ends[0], R, queue)
    equal(sys_tap_fds(requests[:1]), 1, "removed")
    check(refused(1) == Errno.ENOENT, "removed twice")
    requests[0].fd = 4000
    check(refused(1) == Errno.EBADF, "a descriptor that is not open")
    requests[0].command = 9
    check(refused(1) == Errno.EINVAL, "a command that there is not")
    ask(0, TapCommand.ADD, ends[0], R, queue)
    requests[0].queue = Uaddr(0xFFFF_FFFF_FFFF_0000)
    check(refused(1) == Errno.EFAULT, "a queue of the kernel's")
    io.close(ends[0])
    io.close(ends[1])
    put_queue(queue)


def test_filters() -> None:
    queue = get_ceq_queue(16, 4, CeqOperation.OR, RELIABLE, 0)
    ends[0], ends[1] = io.pipe()
    for bit in range(u32(11)):
        filter = TapFilter(u32(1) << bit)
        wanted = Errno.OK if filter in BOTH else Errno.ENOSYS
        for end in ends:
            ask(0, TapCommand.ADD, end, filter, queue)
            got = refused(1)
            check(got == wanted, f"{filter} of a pipe: {got.name}")
            if got == Errno.OK:
                ask(0, TapCommand.REMOVE, end, filter, queue)
                equal(sys_tap_fds(requests[:1]), 1, "removed")
    ask(0, TapCommand.ADD, ends[0], TapFilter(0), queue)
    check(refused(1) == Errno.EINVAL, "an empty filter")
    io.close(ends[0])
    io.close(ends[1])
    file = io.open("/etc/motd")
    ask(0, TapCommand.ADD, file, R, queue)
    check(refused(1) == Errno.ENOSYS, "a file that supports no taps")
    io.close(file)
    put_queue(queue)


def expect(epoll: Epoll, fd: i32, bits: TapFilter, what: str) -> None:
    """There is one event, at once, and it is this one."""
    count = epoll_wait(epoll, events[:], 0)
    check(count == 1, f"{what}: {count} events")
    check(events[0].fd == fd and events[0].events == bits, f"{what}: {events[0].events} of descriptor {events[0].fd}")


def expect_none(epoll: Epoll, what: str) -> None:
    count = epoll_wait(epoll, events[:], 0)
    check(count == 0, f"{what}: {count} events, the first {events[0].events} of descriptor {events[0].fd}")


def test_edges() -> None:
    epoll = epoll_create()
    ends[0], ends[1] = io.pipe(OpenMode.NONBLOCK)
    epoll_add(epoll, ends[0], BOTH, 1)
    expect_none(epoll, "an empty pipe")
    io.write_all(ends[1], "ab")
    expect(epoll, ends[0], R, "the first bytes")
    equal(events[0].data, 1, "data")
    io.write_all(ends[1], "c")
    expect_none(epoll, "more bytes")
    equal(io.read(ends[0], block[:10]), 3, "read")
    io.write_all(ends[1], "d")
    expect(epoll, ends[0], R, "bytes after it was empty")
    filled = io.write(ends[1], block[:])
    equal(filled, 65535, "bytes until it was full")
    epoll_add(epoll, ends[1], BOTH, 2)
    expect_none(epoll, "a full pipe")
    equal(io.read(ends[0], block[:10]), 10, "read")
    expect(epoll, ends[1], W, "room")
    equal(io.read(ends[0], block[:10]), 10, "read")
    expect_none(epoll, "more room")
    io.close(ends[0])
    io.close(ends[1])
    epoll_close(epoll)


def test_ends() -> None:
    """Each end is told when the other is gone, by its last descriptor."""
    epoll = epoll_create()
    ends[0], ends[1] = io.pipe()
    epoll_add(epoll, ends[0], BOTH, 1)
    other = io.dup(ends[1])
    io.close(ends[1])
    expect_none(epoll, "one of two writing descriptors closed")
    io.close(other)
    expect(epoll, ends[0], R | TapFilter.HANGUP, "no writer")
    epoll_remove(epoll, ends[0])
    io.close(ends[0])
    ends[0], ends[1] = io.pipe()
    epoll_add(epoll, ends[1], TapFilter.ERROR, 2)
    io.close(ends[0])
    expect(epoll, ends[1], TapFilter.ERROR, "no reader")
    epoll_remove(epoll, ends[1])
    epoll_add(epoll, ends[1], BOTH, 2)
    expect(epoll, ends[1], W | TapFilter.ERROR, "no reader from the start")
    io.close(ends[1])
    epoll_close(epoll)


def test_ready_on_add() -> None:
    epoll = epoll_create()
    ends[0], ends[1] = io.pipe()
    io.write_all(ends[1], "there already")
    epoll_add(epoll, ends[0], R, 5)
    expect(epoll, ends[0], R, "bytes that were there")
    expect_none(epoll, "the same once more")
    epoll_add(epoll, ends[1], R | W, 6)
    expect(epoll, ends[1], W, "room that was there")
    epoll_remove(epoll, ends[0])
    epoll_add(epoll, ends[0], R, 7)
    epoll_remove(epoll, ends[0])
    expect_none(epoll, "one that was removed with news")
    io.close(ends[0])
    io.close(ends[1])
    epoll_close(epoll)


def add_refused(epoll: Epoll, fd: i32) -> Errno:
    try:
        epoll_add(epoll, fd, R, 0)
    except Error as e:
        return e.errno
    return Errno.OK


def test_limits() -> None:
    epoll = epoll_create()
    other = epoll_create()
    ends[0], ends[1] = io.pipe()
    epoll_add(epoll, ends[0], R, 0)
    check(add_refused(epoll, ends[0]) == Errno.EEXIST, "twice in a set")
    check(add_refused(other, ends[0]) == Errno.EBUSY, "in two sets")
    try:
        epoll_remove(other, ends[0])
        check(False, "removed from a set that it is not in")
    except Error as e:
        check(e.errno == Errno.ENOENT, f"{e}")
    check(add_refused(epoll, -1) == Errno.EBADF and add_refused(epoll, 100_000) == Errno.EBADF, "no descriptors")
    small = epoll_create(2, 1)
    check(add_refused(small, ends[1]) == Errno.EINVAL, "beyond the descriptors of a set")
    epoll_close(small)
    io.write_all(ends[1], "x")
    expect(epoll, ends[0], R, "the tap is still there")
    epoll_close(epoll)
    check(add_refused(other, ends[0]) == Errno.OK, "free again after its set was closed")
    io.close(ends[0])
    io.close(ends[1])
    epoll_close(other)


def test_pool() -> None:
    """Sets large and small that come and go together use the memory of those before them."""
    known = array(60, u64)
    count: u64 = 0
    for _ in range(60):
        large = epoll_create(4, 1000)
        small = epoll_create(4, 10)
        if addr_of(large.queue) not in known[:count]:
            known[count] = addr_of(large.queue)
            count += 1
        epoll_close(large)
        epoll_close(small)
    check(count < 20, f"{count} queues for one at a time")


def test_timeout() -> None:
    epoll = epoll_create()
    start = now_ns()
    equal(epoll_wait(epoll, events[:], 20_000), 0, "events of an empty set")
    check(now_ns() - start >= 20_000_000, "it waited too short a time")
    epoll_close(epoll)


def test_closing() -> None:
    """A tap ends with its descriptor, also where another takes its place."""
    epoll = epoll_create()
    ends[0], ends[1] = io.pipe()
    second = io.dup(ends[0])
    epoll_add(epoll, second, R, 1)
    io.close(second)
    io.write_all(ends[1], "x")
    expect_none(epoll, "a closed descriptor")
    equal(u64(io.dup(ends[0])), u64(second), "the number again")
    epoll_add(epoll, second, R, 2)
    expect(epoll, second, R, "the new descriptor")
    equal(events[0].data, 2, "data")
    io.dup(ends[1], second)
    equal(io.read(ends[0], block[:10]), 1, "read")
    io.write_all(ends[1], "y")
    expect_none(epoll, "a descriptor that was replaced")
    epoll_remove(epoll, second)
    io.close(second)
    io.close(ends[0])
    io.close(ends[1])
    epoll_close(epoll)


def write_when_asked(unused: u64) -> None:
    """One byte for each that comes back."""
    for _ in range(ROUNDS):
        io.write_all(many[1], "x")
        io.read_full(many[2], block[:1])


def test_wakes_thread() -> None:
    """A thread that sleeps in epoll_wait hears of each byte: none is lost between looking and sleeping."""
    epoll = epoll_create()
    many[0], many[1] = io.pipe(OpenMode.NONBLOCK)
    many[2], many[3] = io.pipe()
    epoll_add(epoll, many[0], R, 0)
    threads[0].start(write_when_asked, 0)
    into = array(4, u8)
    for round in range(ROUNDS):
        count = epoll_wait(epoll, events[:], LONG)
        check(count == 1, f"{count} events in round {round}")
        equal(io.read(many[0], into[:]), 1, "bytes of a round")
        io.write_all(many[3], "y")
    threads[0].join()
    epoll_close(epoll)
    for fd in many[:4]:
        io.close(fd)


def make_news(unused: u64) -> None:
    byte = array(1, u8)
    while stop.load() == 0:
        io.write_all(many[1], "x")
        io.read_full(many[0], byte[:])
        uthread_sched_yield()               # as below


def test_close_against_fire() -> None:
    """Descriptors are tapped and closed, or their taps removed, while the pipe fires."""
    stop.store(0)
    many[0], many[1] = io.pipe()
    epoll = epoll_create(2)
    threads[0].start(make_news, 0)
    told: u64 = 0
    round: u64 = 0
    while round < ROUNDS or told == 0:
        fd = io.dup(many[0])
        epoll_add(epoll, fd, R, round)
        uthread_sched_yield()               # with one vcore the other would never run
        told += epoll_wait(epoll, events[:], 0)
        if round % 2 == 0:
            epoll_remove(epoll, fd)
            io.close(fd)
        else:
            io.close(fd)
            epoll_remove(epoll, fd)
        round += 1
    stop.store(1)
    threads[0].join()
    epoll_close(epoll)
    io.close(many[0])
    io.close(many[1])


def count_events(epoll: Epoll, bits: TapFilter, wanted: u64, what: str) -> None:
    """Exactly one event of each of so many descriptors, all with these bits; `data` is the index in `many`."""
    for i in range(len(seen)):
        seen[i] = 0
    total: u64 = 0
    while total < wanted:
        count = epoll_wait(epoll, events[:], LONG)
        if count == 0:
            break
        for event in events[:count]:
            check(event.fd == many[event.data] and event.events == bits, f"{what}: {event.events} of descriptor {event.fd}")
            seen[event.data] += 1
        total += count
    equal(total, wanted, "events")
    for times in seen:
        check(times < 2, f"{what}: a descriptor {times} times")
    expect_none(epoll, what)


def test_ten_thousand() -> None:
    """Of 10,000 descriptors half have news at once, then all, and the ring has two slots: it overflows, and all of it is delivered once."""
    epoll = epoll_create(2, MAX_FDS)
    for i in range(PIPES):
        many[i], many[ENDS + i] = io.pipe()
    for i in range(PIPES, ENDS):
        many[i] = io.dup(many[i - PIPES])
        many[ENDS + i] = io.dup(many[ENDS + i - PIPES])
    for i in range(2 * ENDS):
        epoll_add(epoll, many[i], BOTH, i)
    count_events(epoll, W, ENDS, "writing ends")
    for _ in range(2):
        for i in range(PIPES):
            io.write_all(many[ENDS + i], "x")
        count_events(epoll, R, ENDS, "reading ends")
        for i in range(PIPES):
            io.read_full(many[i], block[:1])
    for fd in many:
        epoll_remove(epoll, fd)
    for i in range(PIPES):
        io.write_all(many[ENDS + i], "z")
    for i in range(2 * ENDS):
        epoll_add(epoll, many[i], BOTH, i)
    total: u64 = 0
    while total < 2 * ENDS:
        count = epoll_wait(epoll, events[:], LONG)
        if count == 0:
            break
        total += count
    equal(total, 2 * ENDS, "events of all descriptors at once")
    epoll_close(epoll)
    for fd in many:
        io.close(fd)
