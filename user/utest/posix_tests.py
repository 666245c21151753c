# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suites `example`, `dtls`, `atexit`, `file_posix`, `qio` and `sleep`, after Akaros' of these names."""

from lang import Atomic, Errno, Error, array, free, i32, new, u8, u32, u64
from kern.abi.file import FdPair, OpenMode, SpawnFlag
from kern.abi.time import NS_PER_SEC, NS_PER_USEC
from parlib.alarm import Alarm
from parlib.dtls import Key, destroy_values, forget
from pthread import Thread
from rt import io
from rt.args import environment
from rt.exit import at_exit
from rt.process import create, spawn, wait
from rt.time import now_ns, sleep, sleep_ns, sleep_usec
from syscalls import sys_openat, sys_proc_destroy
from utest.harness import Suite, check, equal, fails, run, suites

LATE_NS: u64 = 10 * NS_PER_SEC              # a sleep that ends later on a busy machine is broken

set_key = Key()
vcore_key = Key()
destroyed = Atomic[u64](0)
seen_in_vcore = Atomic[u64](0)
rang = Atomic[u32](0)


# -- example ------------------------------------------------------------------------------------------------------
@suites
class Example(Suite):
    """The smallest suite: copy it."""

    name: str = "example"

    def run(self) -> None:
        run("example.one", test_one)
        run("example.two", test_two)
        run("example.three", test_three)


def test_one() -> None:
    check(1 + 1 == 2, "one plus one should equal 2")


def test_two() -> None:
    check(1 - 1 == 0, "one minus one should equal 0")


def test_three() -> None:
    equal(1, 1, "1")


# -- dtls ---------------------------------------------------------------------------------------------------------
@suites
class Dtls(Suite):
    name: str = "dtls"

    def run(self) -> None:
        run("dtls.get_without_set", test_get_without_set)
        run("dtls.get_after_reset", test_get_after_reset)
        run("dtls.set_and_get", test_set_and_get)
        run("dtls.set_twice", test_set_twice)
        run("dtls.set_from_dtor", test_set_from_dtor)
        run("dtls.vcore_context", test_vcore_context)
        run("dtls.too_many", test_too_many)


def test_get_without_set() -> None:
    key = Key()
    key.create(forget)
    equal(key.get(), 0, "value")
    key.delete()


def test_get_after_reset() -> None:
    key = Key()
    key.create(forget)
    key.set(0x15)
    destroy_values()
    equal(key.get(), 0, "value after it was destroyed")
    key.delete()
    other = Key()
    other.create(forget)
    equal(other.get(), 0, "value of a new key")
    fails(Errno.EINVAL, "deleted twice", lambda: key.delete())
    again = Key()
    again.create(forget)
    check(again.number != other.number, "a key is deleted with the one that had its number before")
    again.delete()
    other.delete()


def test_set_and_get() -> None:
    key = Key()
    key.create(forget)
    key.set(0x15)
    equal(key.get(), 0x15, "value")
    key.delete()


def count_destroyed(value: u64) -> None:
    destroyed.add(value)


def test_set_twice() -> None:
    destroyed.store(0)
    key = Key()
    key.create(count_destroyed)
    key.set(0x15)
    key.set(0x16)
    destroy_values()
    equal(destroyed.load(), 0x16, "destroyed")
    key.delete()


def set_again(value: u64) -> None:
    destroyed.add(1)
    set_key.set(0xF00)


def test_set_from_dtor() -> None:
    """A destructor that sets its value again is called again, a few times, and then no more."""
    destroyed.store(0)
    set_key.create(set_again)
    set_key.set(0x15)
    destroy_values()
    check(1 < destroyed.load() < 10, f"{destroyed.load()} calls")
    set_key.delete()


def use_key_in_vcore(alarm: Alarm) -> None:
    seen_in_vcore.store(vcore_key.get())
    vcore_key.set(alarm.arg)
    rang.add(1)


def test_vcore_context() -> None:
    """A vcore has a value of its own, which stays from one entry to the next."""
    vcore_key.create(forget)
    vcore_key.set(5)
    alarm = Alarm(handler=use_key_in_vcore, arg=77)
    rang.store(u32(0))
    for i in range(u32(2)):
        alarm.set_after(100_000)
        while rang.load() <= i:
            sleep_usec(500)
        equal(seen_in_vcore.load(), u64(i) * 77, "the vcore's value")
    equal(vcore_key.get(), 5, "the thread's value")
    vcore_key.delete()


def test_too_many() -> None:
    keys = array(64, Key)
    made: u64 = 0
    refused = Errno.OK
    try:
        while made < 64:
            keys[made].create(forget)
            made += 1
    except Error as error:
        refused = error.errno
    check(refused == Errno.EAGAIN and made >= 16, f"{made} keys, {refused.name}")
    for i in range(made):
        keys[i].delete()


# -- atexit -------------------------------------------------------------------------------------------------------
@suites
class AtExit(Suite):
    """What threads have registered runs at the exit of this process: an error in there makes its status another than 0."""

    name: str = "atexit"

    def run(self) -> None:
        run("atexit.atexit_threads", test_atexit_threads)


child_ran: bool = False


def child_exit() -> None:
    global child_ran
    child_ran = True


def main_exit() -> None:
    """The child registered its action later, so it ran before."""
    assert child_ran, "exit actions in the wrong order"


def register_exit(number: u64) -> None:
    at_exit(child_exit)


def test_atexit_threads() -> None:
    at_exit(main_exit)
    child = Thread()
    child.start(register_exit, 0)
    child.join()


# -- files --------------------------------------------------------------------------------------------------------
@suites
class FilePosix(Suite):
    name: str = "file_posix"

    def run(self) -> None:
        run("file_posix.openat", test_openat)
        run("file_posix.open_lots_and_spawn", test_open_lots_and_spawn)
        run("file_posix.pipe_dup2", test_pipe_dup2)
        run("file_posix.stdio_of_children", test_stdio_of_children)


def test_openat() -> None:
    folder = io.open("/etc")
    file = sys_openat(folder, "motd", OpenMode.READ, 0)
    into = array(8, u8)
    check(io.read(file, into[:]) > 0, "nothing read")
    io.close(file)
    io.close(folder)


def test_open_lots_and_spawn() -> None:
    """As many as there is room for, all of them inherited; then as many again."""
    fds = array(1024, i32)
    for _ in range(2):
        count: u64 = 0
        refused = Errno.OK
        try:
            while count < len(fds):
                fds[count] = io.open("/etc/motd")
                count += 1
        except Error as error:
            refused = error.errno
        check(count >= 50 and (refused == Errno.EMFILE or refused == Errno.OK), f"{count} descriptors, {refused.name}")
        argv = array(1, str)
        argv[0] = "hello"
        none = array(1, FdPair)
        pid = create("/bin/hello", argv[:], environment(), none[:0], SpawnFlag.DUP_FDS)
        sys_proc_destroy(pid, 0)
        wait(pid)
        for i in range(count):
            io.close(fds[i])


def test_pipe_dup2() -> None:
    ends = io.pipe()
    equal(u64(io.dup(ends[0], 50)), 50, "descriptor")
    io.write_all(ends[1], "x")
    into = array(4, u8)
    equal(io.read(50, into[:]), 1, "through the other descriptor")
    io.close(50)
    io.close(ends[0])
    io.close(ends[1])


def test_stdio_of_children() -> None:
    """A child whose three standard descriptors are ours to choose."""
    to_child = io.pipe()
    from_child = io.pipe()
    fds = array(3, FdPair)
    fds[0] = FdPair(first=to_child[0], second=0)
    fds[1] = FdPair(first=from_child[1], second=1)
    fds[2] = FdPair(first=2, second=2)
    argv = array(1, str)
    argv[0] = "cat"
    pid = spawn("/bin/cat", argv[:], environment(), fds[:])
    io.close(to_child[0])
    io.close(from_child[1])
    io.write_all(to_child[1], "there and back")
    io.close(to_child[1])
    into = array(32, u8)
    count = io.read_full(from_child[0], into[:])
    check(into[:count] == "there and back", f"{count} bytes came back")
    io.close(from_child[0])
    equal(u64(wait(pid)), 0, "status")


# -- queues -------------------------------------------------------------------------------------------------------
@suites
class Qio(Suite):
    name: str = "qio"

    def run(self) -> None:
        run("qio.partial_write_to_full_queue", test_partial_write)


def test_partial_write() -> None:
    """Into a pipe that is nearly full goes what there is room for, and the writer is told how much."""
    size: u64 = 1 << 20
    data = new(array(size, u8))
    ends = io.pipe(OpenMode.NONBLOCK)
    refused = Errno.OK
    try:
        while True:
            io.write(ends[1], data[:1024])
    except Error as error:
        refused = error.errno
    check(refused == Errno.EAGAIN, f"a full pipe: {refused.name}")
    for _ in range(4):
        io.read(ends[0], data[:1024])
    written = io.write(ends[1], data[:])
    check(0 < written < size, f"{written} bytes written")
    free(data)
    io.close(ends[0])
    io.close(ends[1])


# -- sleep --------------------------------------------------------------------------------------------------------
@suites
class Sleep(Suite):
    name: str = "sleep"

    def run(self) -> None:
        run("sleep.nanosleep", test_nanosleep)
        run("sleep.usleep", test_usleep)
        run("sleep.sleep", test_sleep)


def in_time(start: u64, wanted_ns: u64) -> None:
    passed = now_ns() - start
    check(wanted_ns <= passed < wanted_ns + LATE_NS, f"{wanted_ns} ns took {passed} ns")


def test_nanosleep() -> None:
    for wanted in (0, 1, 999, 1000, 1001, 1_000_000, 123_456_789):
        start = now_ns()
        sleep_ns(u64(wanted))
        in_time(start, u64(wanted))


def test_usleep() -> None:
    for wanted in (0, 1, 1000, 2000, 150_000):
        start = now_ns()
        sleep_usec(u64(wanted))
        in_time(start, u64(wanted) * NS_PER_USEC)


def test_sleep() -> None:
    for wanted in (0, 1):
        start = now_ns()
        sleep(u64(wanted))
        in_time(start, u64(wanted) * NS_PER_SEC)
