# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of exec while the old program goes on: its new one comes from a slow disk, and meanwhile an alarm wakes it. Run as an SCP."""

from lang import Errno, Error, Uaddr, addr_of, array, as_bytes, i32, struct, text, u8, u32, u64
from kern.abi.file import FdPair, SpawnArgs, SpawnFlag
from kern.abi.syscall import Syscall
from lib.files import read_file
from lib.strings import discard
from parlib.alarm import Alarm
from parlib.vcore import wait_spinning
from pthread import Thread
from rt import io
from rt.exit import exit_now
from rt.process import create, exec_program, fork, wait
from rt.time import sleep_usec
from syscalls import submit_exec, submit_read, sys_abort_sysc, sys_kill, sys_proc_destroy, sys_sync
from utest.harness import Suite, check, equal, run, suites, until
from utest.leaks import all_cores_idle
from utest.paging import DISK, READ_WRITE, order_disk

SLOW = "latency 60000000"                   # microseconds a page: for ever
FAST = "latency 0"
WOKEN_NS: u64 = 10_000_000

call = Syscall()
args = SpawnArgs(argc=1)
name = text(8)
argv = array(1, str)
reads = array(4000, Syscall)
byte = array(1, u8)
unstarted: i32 = 0


@struct
class Pid:
    value: i32


def put_program_on_disk() -> None:
    """`true`, in place of what the disk holds."""
    program = read_file("/bin/true")
    fd = io.open(DISK, READ_WRITE)
    io.write_all(fd, program)
    sys_sync(fd)
    io.close(fd)
    discard(program)
    order_disk("drop")


def nothing(number: u64) -> None:
    """A thread that ends at once: with the first one the process becomes a many-core process."""


def ring_again(alarm: Alarm) -> None:
    """That wakes the process; but it may not be asleep yet."""
    alarm.set_after(WOKEN_NS)


def begin_exec() -> None:
    """Returns when the process is woken, while its new program is on its way."""
    alarm = Alarm(handler=ring_again)
    alarm.set_after(WOKEN_NS)
    name.write("true\0")
    args.strings = addr_of(name.view[0])
    args.strings_len = name.len
    submit_exec(call, DISK, args)
    alarm.unset()


def test_becomes_many_core() -> None:
    """It has cores of its own then, which the new program could not have: the exec is refused."""
    put_program_on_disk()
    order_disk(SLOW)
    pid = fork()
    if pid == 0:
        begin_exec()
        starter = Thread()
        starter.start(nothing, 0)
        starter.join()
        order_disk(FAST)
        wait_spinning(call)
        exit_now(7 if call.err == u32(Errno.EINVAL) else 8)
    equal(u64(wait(pid)), 7, "status")
    check(all_cores_idle(), "a core is not idle, or somebody's")


def test_aborted() -> None:
    """The exec gives up, and the old program goes on."""
    put_program_on_disk()
    order_disk(SLOW)
    pid = fork()
    if pid == 0:
        begin_exec()
        while not sys_abort_sysc(Uaddr(addr_of(call))):
            sleep_usec(1000)                # it is not asleep yet
        wait_spinning(call)
        exit_now(7 if call.err == u32(Errno.EINTR) else 8)
    equal(u64(wait(pid)), 7, "status")
    order_disk(FAST)


def test_killed_at_the_hand_over() -> None:
    """The program that takes over is ended before it has the other one's children: they are nobody's then, and what never ran is gone."""
    ends = io.pipe()
    for _ in range(4):
        pid = fork()
        if pid == 0:
            go_on_slowly(ends)
        orphan = Pid()
        io.read_full(ends[0], as_bytes(orphan))
        if is_handing_over(pid):
            sys_proc_destroy(pid, 9)
        wait(pid)
        global unstarted
        unstarted = orphan.value
        until(is_gone)
        if not is_gone():
            check(False, "a child of nobody that never ran is there still")
            break
    io.close(ends[0])
    io.close(ends[1])


def go_on_slowly(ends: tuple[i32, i32]) -> None:
    """With a child that never runs, and so many calls to be given up that others see the hand-over."""
    none = array(1, FdPair)
    argv[0] = "true"
    child = Pid(value=create("/bin/true", argv[:], argv[:0], none[:0], SpawnFlag(0)))
    nothing_comes = io.pipe()
    for waiting in reads:
        submit_read(waiting, nothing_comes[0], byte[:])
    io.write_all(ends[1], as_bytes(child))
    exec_program("/bin/true", argv[:], argv[:0])


def is_handing_over(pid: i32) -> bool:
    """Wait until the old program is the dead one. False if that was not to be seen."""
    path = text(40)
    path.write(f"/proc/{pid}/status")
    while True:
        status = read_file(path.view)
        over = status.startswith("name: true") or status.find("state: DYING_ABORT") > 0
        dying = status.find("state: DYING\n") > 0
        discard(status)
        if dying or over:
            return dying


def is_gone() -> bool:
    try:
        sys_kill(unstarted, 0)
    except Error as e:
        return e.errno == Errno.ESRCH
    return False


@suites
class Exec(Suite):
    name: str = "exec"

    def run(self) -> None:
        run("exec.many_core", test_becomes_many_core)
        run("exec.aborted", test_aborted)
        run("exec.killed", test_killed_at_the_hand_over)
