# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of fork and exec: copies of the process, and going on as another program. Run as an SCP, before threads; then as an MCP."""

from lang import Atomic, Errno, Error, Uaddr, addr_of, array, f64, i32, pause, text, u8, u16, u32, u64
from kern.abi.event import EventMsg, EventType
from kern.abi.file import AT_FDCWD, OpenMode
from kern.abi.proc import MAX_PID
from kern.abi.syscall import Syscall
from lib.files import read_all, read_file
from lib.strings import discard
from parlib.alarm import Alarm
from parlib.alarm import queue as alarm_queue
from parlib.vcore import disable_notifs, enable_notifs, wait_spinning
from pthread import Thread
from rt import io
from rt.exit import exit_now
from rt.process import after_fork, exec_program, fork, getpid, getppid, wait
from rt.time import sleep_usec
from syscalls import (
    submit_read,
    submit_send_event,
    sys_close,
    sys_fork,
    sys_kill,
    sys_openat,
    sys_proc_destroy,
    sys_proc_run,
    sys_remove,
    sys_write,
)
from utest.harness import Suite, check, equal, run, suites

BURST: u64 = 600                            # messages: several pages
MANY_FDS: u64 = 1000                        # so many that it takes its time to copy them

argv = array(4, str)
first_word = text(40)
second_word = text(40)
buffer = array(100, u8)
calls = array(8, Syscall)
descriptors = array(MANY_FDS, i32)
forks_seen: u64 = 0
rings = Atomic[u32](0)
written: u64 = 1


def note_fork() -> None:
    global forks_seen
    forks_seen += 1


def test_fork_copies() -> None:
    """Memory, registers and descriptors are the same at the fork, and each one's own from then on."""
    global written
    after_fork(note_fork)
    ends = io.pipe()
    kept = sys_openat(AT_FDCWD, "/dev/zero", OpenMode.READ | OpenMode.CLOEXEC, 0)
    on_stack = array(3, u64)
    on_stack[2] = 77
    third = 1.0 / f_three()
    parent = getpid()
    pid = fork()
    if pid == 0:
        good = written == 1 and on_stack[2] == 77 and third == 1.0 / f_three() and forks_seen == 1
        good = good and getppid() == parent and getpid() != parent
        written = 2
        on_stack[2] = 3
        sys_close(kept)                     # ours stays
        sleep_usec(1000)                    # events come to the copy
        sys_write(ends[1], "good" if good else "bad!")
        exit_now(3)
    equal(io.read_full(ends[0], buffer[:4]), 4, "bytes from the child")
    check(buffer[:4] == "good", "what the child found")
    check(written == 1 and on_stack[2] == 77 and forks_seen == 0, "what the child wrote")
    equal(u64(wait(pid)), 3, "status")
    sys_close(kept)
    sys_close(ends[0])
    sys_close(ends[1])


def f_three() -> f64:
    return 3.0


def test_many_forks() -> None:
    """Forty children, and grandchildren of each."""
    for i in range(40):
        pid = fork()
        if pid == 0:
            inner = fork()
            exit_now(i32(i) if inner == 0 else wait(inner) + 1)
        equal(u64(wait(pid)), u64(i) + 1, "status")


def note_ring(alarm: Alarm) -> None:
    rings.add(1)


def is_rung() -> bool:
    """Whether an alarm of ours comes."""
    rings.store(0)
    alarm = Alarm(handler=note_ring)
    alarm.set_after(1000)
    for _ in range(10_000):
        if rings.load() != 0:
            return True
        sleep_usec(1000)
    alarm.unset()
    return False


def test_fork_after_burst() -> None:
    """So many messages at once that the first pages of their queue, globals, are given back with the others: a copy has them again."""
    check(is_rung(), "an alarm before")
    queue = alarm_queue.queue
    call = Syscall()
    disable_notifs()
    for _ in range(BURST):
        call.flags.store(u32(0))
        submit_send_event(call, Uaddr(addr_of(queue)), EventMsg(ev_type=u16(EventType.ALARM)), 0)
        wait_spinning(call)
    equal(u64(call.err), 0, "errno of send_event")
    enable_notifs()
    check(is_rung(), "an alarm after the burst")
    pid = fork()
    if pid == 0:
        exit_now(5 if is_rung() else 6)
    equal(u64(wait(pid)), 5, "status of the copy")


def test_bad_exec_returns() -> None:
    """The old program goes on, with everything that it had."""
    fd = sys_openat(AT_FDCWD, "/tmp/notelf", OpenMode.WRITE | OpenMode.CREATE | OpenMode.CLOEXEC, 0o755)
    sys_write(fd, "#!/bin/nothing that is an ELF file, but long enough to have a header of one")
    argv[0] = "notelf"
    for _ in range(3):
        expect_exec("/tmp/notelf", Errno.ENOEXEC)
        expect_exec("/bin/none", Errno.ENOENT)
        expect_exec("/bin", Errno.EACCES)
    sys_write(fd, "the descriptor is still open")
    sys_close(fd)
    sys_remove("/tmp/notelf")


def expect_exec(path: str, wanted: Errno) -> None:
    try:
        exec_program(path, argv[:1], argv[:0])
    except Error as e:
        check(e.errno == wanted, f"{path}: {e.errno.name}, expected {wanted.name}")


def test_exec() -> None:
    """The same process goes on as another program: pid, parent, directory and descriptors stay, except CLOEXEC ones."""
    ends = io.pipe()
    pid = fork()
    if pid == 0:
        sys_openat(AT_FDCWD, "/dev/zero", OpenMode.READ | OpenMode.CLOEXEC, 0)
        io.dup(ends[1], 1)
        sys_close(ends[0])
        sys_close(ends[1])
        argv[0] = "cat"
        first_word.write(f"/proc/{getpid()}/status")
        second_word.write(f"/proc/{getpid()}/fd")
        argv[1], argv[2] = first_word.view, second_word.view
        exec_program("/bin/cat", argv[:3], argv[:0])
    sys_close(ends[1])
    said = read_all(ends[0])
    check(said.find("name: cat\n") == 0, "name")
    line = text(40)
    line.write(f"pid: {pid}\nppid: {getpid()}\n")
    check(said.find(line.view) > 0 and said.find("program: /bin/cat\n") > 0, "who it is")
    check(said.find("/dev/zero") < 0 and said.find("1 WRITE (pipe)\n") > 0, "descriptors")
    discard(said)
    sys_close(ends[0])
    equal(u64(wait(pid)), 0, "status")


def test_exec_leaves_calls_behind() -> None:
    """A read that waits when its process goes on as another program takes nothing from it, and writes nothing into it."""
    for _ in range(20):
        write_to_successor()


def write_to_successor() -> None:
    """At once when the new program is to be seen, which is when somebody may write what is for it."""
    into = io.pipe()
    out = io.pipe()
    pid = fork()
    if pid == 0:
        io.dup(into[0], 0)
        io.dup(out[1], 1)
        close_all(into, out)
        for reading in calls:
            submit_read(reading, 0, buffer[0:100])
        argv[0] = "cat"
        exec_program("/bin/cat", argv[:1], argv[:0])
    sys_close(into[0])
    sys_close(out[1])
    until_named(pid, "cat")
    for _ in range(5):
        io.write_all(into[1], "all of it ")
    sys_close(into[1])
    said = read_all(out[0])
    check(said == "all of it all of it all of it all of it all of it ", "what the new program read")
    discard(said)
    sys_close(out[0])
    equal(u64(wait(pid)), 0, "status")


def close_all(one: tuple[i32, i32], other: tuple[i32, i32]) -> None:
    sys_close(one[0])
    sys_close(one[1])
    sys_close(other[0])
    sys_close(other[1])


def until_named(pid: i32, name: str) -> None:
    """Until the process has gone on as that program."""
    path = text(40)
    path.write(f"/proc/{pid}/status")
    wanted = text(40)
    wanted.write(f"name: {name}\n")
    for _ in range(200_000):
        status = read_file(path.view)
        found = status.startswith(wanted.view)
        discard(status)
        if found:
            return
    check(False, "it never became that program")


def test_killed_while_it_execs() -> None:
    """Whenever it comes, a kill ends the process, and what it becomes."""
    for i in range(12):
        pid = fork()
        if pid == 0:
            argv[0], argv[1] = "sleep", "100"
            exec_program("/bin/sleep", argv[:2], argv[:0])
        sleep_usec(u64(i) * 150)
        sys_proc_destroy(pid, 9)
        equal(u64(wait(pid)), 9, "status")


def test_meddled_with_while_it_is_made() -> None:
    """A copy has a number before it has anything else: who guesses it may end it amid that, but not have it run."""
    if getpid() > MAX_PID - 200:            # they begin anew, and whose the next is cannot be guessed
        return
    fds: u64 = 0
    while fds < MANY_FDS:
        descriptors[fds] = io.dup(1)
        fds += 1
    meddler = fork()
    if meddler == 0:
        meddle_with_those_after(getpid())
    for _ in range(60):
        pid = fork()
        if pid == 0:
            while True:
                pause()
        equal(u64(wait(pid)), 9, "status")
    sys_proc_destroy(meddler, 9)
    equal(u64(wait(meddler)), 9, "status of the meddler")
    for fd in descriptors:
        sys_close(fd)


def meddle_with_those_after(pid: i32) -> None:
    """With each process from that number on: wait until there is one, and for a while that is always another one."""
    delay: u64 = 0
    while True:
        pid += 1
        while not exists(pid):
            pause()
        for _ in range(delay):
            pause()
        delay = (delay + 337) % 3000
        if pid % 2 == 0:
            try:
                sys_proc_run(pid)           # it is refused, or runs already
            except Error:
                pass
            sleep_usec(1000)
        sys_proc_destroy(pid, 9)


def exists(pid: i32) -> bool:
    try:
        sys_kill(pid, 0)
        return True
    except Error as e:
        return e.errno != Errno.ESRCH


def test_children_stay_through_exec() -> None:
    """A shell that is exec'd waits for the child that its predecessor had made."""
    pid = fork()
    if pid == 0:
        child = fork()
        if child == 0:
            sleep_usec(20_000)
            exit_now(5)
        first_word.write(f"{child}")
        argv[0], argv[1], argv[2] = "utest", "--wait-for", first_word.view
        exec_program("/bin/utest", argv[:3], argv[:0])
    equal(u64(wait(pid)), 6, "status")


def wait_for_argument(word: str) -> i32:
    """`utest --wait-for PID`: one more than the status of that child."""
    return wait(i32(u64(word))) + 1


def nothing(number: u64) -> None:
    """A thread that ends at once: with the first one the process becomes a many-core process."""


def test_refused_with_cores() -> None:
    starter = Thread()
    starter.start(nothing, 0)
    starter.join()
    try:
        sys_fork()
        check(False, "a many-core process has forked")
    except Error as e:
        check(e.errno == Errno.EINVAL, f"fork: {e.errno.name}")
    argv[0] = "true"
    expect_exec("/bin/true", Errno.EINVAL)


@suites
class Forks(Suite):
    name: str = "fork"

    def run(self) -> None:
        run("fork.copies", test_fork_copies)
        run("fork.many", test_many_forks)
        run("fork.after_burst", test_fork_after_burst)
        run("fork.bad_exec", test_bad_exec_returns)
        run("fork.exec", test_exec)
        run("fork.calls_stay_behind", test_exec_leaves_calls_behind)
        run("fork.killed", test_killed_while_it_execs)
        run("fork.meddled_with", test_meddled_with_while_it_is_made)
        run("fork.children", test_children_stay_through_exec)
        run("fork.many_core", test_refused_with_cores)
