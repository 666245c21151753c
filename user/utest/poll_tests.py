# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `poll`: poll and select over pipes, by one thread and against another."""

from lang import Errno, Error, addr_of, array, at, i32, u8, u32, u64
from kern.abi.file import MAX_FDS, OpenMode
from kern.abi.signal import Signal
from kern.abi.tap import TapFilter
from parlib.alarm import Alarm
from parlib.current import my_uthread
from parlib.epoll import epoll_add, epoll_close, epoll_create
from parlib.poll import FdSet, PollFd, poll, select
from parlib.queues import FOREVER
from parlib.signal import handle, kill_from_vcore
from parlib.signal_state import SignalInfo
from parlib.uthread import Uthread
from pthread import Thread
from rt import io
from rt.time import now_ns
from utest.harness import Suite, check, equal, run, suites

R = TapFilter.READABLE
W = TapFilter.WRITABLE
NOTHING = TapFilter(0)
LONG: u64 = 20_000_000                      # microseconds: longer than anything here takes
ROUNDS: u64 = 100

fds = array(4, PollFd)
pipes = array(4, i32)                       # of two pipes: the end to read, the end to write
block = array(70_000, u8)
writer = Thread()
signals: u64 = 0


@suites
class Polls(Suite):
    name: str = "poll"

    def run(self) -> None:
        run("poll.ready", test_ready)
        run("poll.ends", test_ends)
        run("poll.timeout", test_timeout)
        run("poll.wakes_thread", test_wakes_thread)
        run("poll.refusals", test_refusals)
        run("poll.signal", test_signal)
        run("poll.select", test_select)
        run("poll.select_wakes", test_select_wakes)


def open_pipes() -> None:
    pipes[0], pipes[1] = io.pipe(OpenMode.NONBLOCK)
    pipes[2], pipes[3] = io.pipe(OpenMode.NONBLOCK)


def close_pipes() -> None:
    for fd in pipes:
        if fd >= 0:
            io.close(fd)


def ask(index: u64, fd: i32, events: TapFilter) -> None:
    fds[index] = PollFd(fd=fd, events=events)


def fill(fd: i32) -> None:
    try:
        while True:
            io.write(fd, block[:])
    except Error as e:
        check(e.errno == Errno.EAGAIN, f"filling a pipe: {e}")


def test_ready() -> None:
    """What holds is told at once, and again: unlike a set's, it is no news."""
    open_pipes()
    ask(0, pipes[0], R)
    ask(1, pipes[1], W)
    ask(2, -1, R)
    for _ in range(2):
        equal(poll(fds[:3], LONG), 1, "ready")
        check(fds[0].revents == NOTHING and fds[1].revents == W and fds[2].revents == NOTHING, "what holds")
    io.write_all(pipes[1], "x")
    equal(poll(fds[:3], LONG), 2, "ready with a byte")
    check(fds[0].revents == R, "there is a byte")
    fill(pipes[1])
    equal(poll(fds[:3], 0), 1, "ready when it is full")
    check(fds[1].revents == NOTHING, "a full pipe can be written")
    file = io.open("/bin/true")
    ask(0, file, R)
    equal(poll(fds[:1], LONG), 1, "a plain file")
    io.close(file)
    close_pipes()


def test_ends() -> None:
    """The other end is gone: that is told though nobody asked."""
    open_pipes()
    io.close(pipes[1])
    pipes[1] = -1
    ask(0, pipes[0], NOTHING)
    equal(poll(fds[:1], LONG), 1, "a pipe without a writer")
    check(TapFilter.HANGUP in fds[0].revents, "it says so")
    close_pipes()


def test_timeout() -> None:
    open_pipes()
    ask(0, pipes[0], R)
    ask(1, pipes[2], R)
    start = now_ns()
    equal(poll(fds[:2], 20_000), 0, "ready")
    check(now_ns() - start >= 20_000_000, "it waited too short a time")
    equal(poll(fds[:2], 0), 0, "ready at a look")
    close_pipes()


def write_by_turns(unused: u64) -> None:
    """A byte into either pipe, when the last one was taken."""
    for round in range(ROUNDS):
        while poll_for_write(pipes[1 + round % 2 * 2]) == 0:
            pass
        io.write_all(pipes[1 + round % 2 * 2], "x")


def poll_for_write(fd: i32) -> u64:
    mine = array(1, PollFd)
    mine[0].fd = fd
    mine[0].events = W
    return poll(mine[:], LONG)


def take_all_turns(look: bool) -> None:
    for round in range(ROUNDS):
        which = round % 2 * 2
        if look:
            ask(0, pipes[0], R)
            ask(1, pipes[2], R)
            check(poll(fds[:2], LONG) >= 1, f"nothing in round {round}")
        else:
            reading = FdSet()
            reading.add(pipes[0])
            reading.add(pipes[2])
            check(select(pipes[3] + 1, reading, None, LONG) >= 1, f"nothing in round {round}")
            check(pipes[0] in reading or pipes[2] in reading, "and which?")
        while not try_to_read(pipes[which]):
            poll_one(pipes[which])


def try_to_read(fd: i32) -> bool:
    try:
        return io.read(fd, block[:1]) == 1
    except Error as e:
        check(e.errno == Errno.EAGAIN, f"{e}")
        return False


def poll_one(fd: i32) -> None:
    ask(2, fd, R)
    equal(poll(fds[2:3], LONG), 1, "ready")


def test_wakes_thread() -> None:
    """A thread that sleeps in poll hears of each byte, whichever pipe it is in."""
    open_pipes()
    writer.start(write_by_turns, 0)
    take_all_turns(True)
    writer.join()
    close_pipes()


def test_select_wakes() -> None:
    open_pipes()
    writer.start(write_by_turns, 0)
    take_all_turns(False)
    writer.join()
    close_pipes()


def error_of(fd: i32) -> Errno:
    ask(0, fd, R)
    try:
        poll(fds[:1], LONG)
    except Error as e:
        return e.errno
    return Errno.OK


def test_refusals() -> None:
    open_pipes()
    check(error_of(4000) == Errno.EBADF, "no descriptor")
    epoll = epoll_create()
    epoll_add(epoll, pipes[0], R, 0)
    check(error_of(pipes[0]) == Errno.EBUSY, "in a set")
    epoll_close(epoll)
    io.write_all(pipes[1], "x")
    check(error_of(pipes[0]) == Errno.OK, "in none any more")
    try:
        FdSet().add(100_000)
        check(False, "a number that no descriptor has")
    except Error as e:
        check(e.errno == Errno.EBADF, f"{e}")
    for below in (i32(-1), i32(MAX_FDS) + 1):
        try:
            select(below, None, None, 0)
            check(False, "so many descriptors that there cannot be")
        except Error as e:
            check(e.errno == Errno.EINVAL, f"{e}")
    close_pipes()


def note_signal(signal: u32, info: SignalInfo) -> None:
    global signals
    signals += 1


def send_signals(alarm: Alarm) -> None:
    """Again and again: one that comes before the thread waits breaks nothing."""
    kill_from_vcore(at(Uthread, alarm.arg), Signal.USR1)
    alarm.set_after(20_000_000)


def test_signal() -> None:
    """It is handled while the thread waits, with a deadline or without, and that is the end of the wait."""
    open_pipes()
    ask(0, pipes[0], R)
    handle(Signal.USR1, note_signal)
    alarm = Alarm(handler=send_signals, arg=addr_of(my_uthread()))
    for timeout in (FOREVER, LONG):
        before = signals
        alarm.set_after(20_000_000)
        got = Errno.OK
        try:
            poll(fds[:1], timeout)
        except Error as e:
            got = e.errno
        alarm.unset()
        check(got == Errno.EINTR, f"{got.name} from a wait that a signal broke")
        check(signals > before, "no handler ran")
    io.write_all(pipes[1], "x")
    equal(poll(fds[:1], LONG), 1, "ready: nothing of it is left behind")
    close_pipes()


def test_select() -> None:
    """Both sets are left with those that are ready; one descriptor may be in both."""
    open_pipes()
    reading = FdSet()
    writing = FdSet()
    for fd in (pipes[0], pipes[2]):
        reading.add(fd)
    for fd in (pipes[1], pipes[3]):
        writing.add(fd)
    io.write_all(pipes[1], "x")
    fill(pipes[3])
    equal(select(pipes[3] + 1, reading, writing, LONG), 3, "ready")
    check(pipes[0] in reading and pipes[2] in reading, "to be read")
    check(pipes[1] in writing and pipes[3] not in writing, "to be written")
    quiet = FdSet()
    quiet.add(pipes[3])
    equal(select(pipes[3] + 1, None, quiet, 10_000), 0, "ready in time")
    check(pipes[3] not in quiet, "a set of what is ready, which is nothing")
    equal(select(pipes[0], reading, None, 0), 0, "of those that are less")
    close_pipes()
