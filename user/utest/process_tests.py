# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of what processes have from their parents, and of how these learn of their ends. Run as an SCP, before threads."""

from lang import Errno, Error, Uaddr, addr_of, array, as_bytes, i32, struct, text, u8, u32, u64
from kern.abi.file import AT_FDCWD, FdPair, OpenMode, SpawnFlag, Stat, WaitFlag, WaitStatus
from kern.abi.proc import KILLED_EXIT_CODE
from kern.abi.syscall import Syscall
from kern.abi.time import TimeSpec
from lib.files import read_file
from lib.posix import set_flags
from lib.strings import discard
from rt import io
from rt import process
from rt.exit import exit_now
from rt.process import create, getpid
from rt.syscall import finish, raw_submit, wait_for
from syscalls import (
    submit_nanosleep,
    submit_waitpid,
    sys_abort_sysc,
    sys_cache_invalidate,
    sys_chdir,
    sys_close,
    sys_fchdir,
    sys_fstat,
    sys_kill,
    sys_openat,
    sys_proc_destroy,
    sys_remove,
    sys_setgid,
    sys_setuid,
    sys_umask,
    sys_waitpid,
)
from utest.harness import Suite, check, equal, run, suites

NOHANG = WaitFlag.NOHANG
HANG = WaitFlag(0)

argv = array(3, str)
no_fds = array(1, FdPair)


def child(program: str, argument: str, flags: SpawnFlag) -> i32:
    """A CREATED child that has no descriptors of its own."""
    argv[0] = program
    argv[1] = argument
    path = text(64)
    path.write(f"/bin/{program}")
    return create(path.view, argv[: 2 if argument else 1], argv[:0], no_fds[:0], flags)


def started(program: str, argument: str) -> i32:
    pid = child(program, argument, SpawnFlag(0))
    process.run(pid)
    return pid


def answer(pid: i32, options: WaitFlag, status: WaitStatus) -> i32:
    """What waitpid gives; an error as minus its number."""
    try:
        return sys_waitpid(pid, status, options)
    except Error as e:
        return -i32(u32(e.errno))


NO_CHILD: i32 = -i32(u32(Errno.ECHILD))


def test_waitpid() -> None:
    """Each way to wait, and each kind of nobody to wait for."""
    status = WaitStatus()
    for pid in (i32(-1), i32(1), getpid(), i32(31999)):
        check(answer(pid, NOHANG, status) == NO_CHILD, f"waiting for {pid} without children")
    slow = started("sleep", "100")
    other = started("sleep", "100")
    check(answer(slow, NOHANG, status) == 0 and answer(-1, NOHANG, status) == 0, "nobody has ended")
    sys_proc_destroy(other, 5)
    check(answer(-1, HANG, status) == other, "any child")
    equal(u64(status.status), 5 << 8, "status")
    check(answer(other, HANG, status) == NO_CHILD, "it was waited for")
    sys_kill(slow, 9)
    check(answer(slow, HANG, status) == slow, "that child")
    equal(u64(status.status), 137 << 8, "status of a killed one")


def test_waitpid_is_abortable() -> None:
    pid = started("sleep", "100")
    status = WaitStatus()
    waiting = Syscall()
    submit_waitpid(waiting, pid, status, HANG)
    while not sys_abort_sysc(Uaddr(addr_of(waiting))):
        check(waiting.flags.load() & 1 == 0, "it ended by itself")
    wait_for(waiting)
    equal(u64(waiting.err), u64(Errno.EINTR), "errno")
    sys_kill(pid, 9)
    check(answer(pid, HANG, status) == pid, "the child is still there to be waited for")


def test_exit_status() -> None:
    """In bits 8 to 15; a process that the kernel killed has the low byte of KILLED_EXIT_CODE there."""
    status = WaitStatus()
    check(answer(started("false", ""), HANG, status) > 0 and status.status == 1 << 8, f"false: {status.status:#x}")
    argv[2] = "child"
    pid = child("faults", "null", SpawnFlag(0))
    sys_proc_destroy(pid, 0)
    answer(pid, HANG, status)
    argv[0], argv[1] = "faults", "null"
    pid = create("/bin/faults", argv[:3], argv[:0], no_fds[:0], SpawnFlag(0))
    process.run(pid)
    check(answer(pid, HANG, status) == pid, "it has ended")
    equal(u64(status.status), u64(KILLED_EXIT_CODE & 0xFF) << 8, "status")


def fault_with_error_output(fd: i32) -> None:
    """Have a child die of a fault, with this for standard error, and look for its end without sleeping: so it is seen as soon as can be."""
    argv[0], argv[1], argv[2] = "faults", "null", "child"
    fds = array(1, FdPair)
    fds[0] = FdPair(first=fd, second=2)
    pid = create("/bin/faults", argv[:3], argv[:0], fds[:], SpawnFlag(0))
    process.run(pid)
    while (ended := answer(pid, NOHANG, WaitStatus())) == 0:
        pass
    check(ended == pid, "it has ended")


def test_last_words() -> None:
    """What a fault kills for is on its standard error before its parent learns of the end."""
    reader, writer = io.pipe(OpenMode.NONBLOCK)
    into = array(512, u8)
    for _ in range(10):
        fault_with_error_output(writer)
        told = into[: io.read(reader, into[:])]
        check(told.startswith("faults (process ") and told.find(") killed: bad memory access to 0x0") > 0, "what it was killed for")
    io.close(reader)
    io.close(writer)


def test_last_words_wait_for_nobody() -> None:
    """A full pipe, which blocks who writes: its reader may well wait for the end first."""
    reader, writer = io.pipe(OpenMode.NONBLOCK)
    block = array(4096, u8)
    try:
        while True:
            io.write(writer, block[:])
    except Error as e:
        check(e.errno == Errno.EAGAIN, "it is full")
    set_flags(writer, OpenMode(0))
    fault_with_error_output(writer)
    io.close(reader)
    fault_with_error_output(writer)         # nor for a reader that will never be
    io.close(writer)


def shown(pid: i32, file: str, words: str) -> bool:
    """Whether a file of /proc tells this about a process."""
    path = text(40)
    path.write(f"/proc/{pid}/{file}")
    content = read_file(path.view)
    found = content.find(words) >= 0
    discard(content)
    return found


def test_descriptors_of_children() -> None:
    """All of ours with DUP_FDS, none without; those that close on exec never."""
    kept = sys_openat(AT_FDCWD, "/dev/zero", OpenMode.READ, 0)
    closed = sys_openat(AT_FDCWD, "/dev/null", OpenMode.READ | OpenMode.CLOEXEC, 0)
    heir = child("true", "", SpawnFlag.DUP_FDS)
    check(shown(heir, "fd", "/dev/zero") and not shown(heir, "fd", "/dev/null"), "with DUP_FDS")
    check(shown(getpid(), "fd", "CLOEXEC /dev/null"), "ours")
    bare = child("true", "", SpawnFlag(0))
    check(not shown(bare, "fd", "/"), "without")
    end_both(heir, bare)
    sys_close(kept)
    sys_close(closed)


def end_both(one: i32, other: i32) -> None:
    status = WaitStatus()
    sys_proc_destroy(one, 0)
    sys_proc_destroy(other, 0)
    sys_waitpid(one, status, HANG)
    sys_waitpid(other, status, HANG)


def test_names_and_users() -> None:
    """The first argument names a process; its file and its parent's user are kept."""
    pid = child("true", "", SpawnFlag(0))
    argv[0] = "/some/where/else"
    other = create("/bin/true", argv[:1], argv[:0], no_fds[:0], SpawnFlag(0))
    check(shown(pid, "status", "name: true\n") and shown(other, "status", "name: else\n"), "names")
    check(shown(other, "status", "program: /bin/true\n") and shown(other, "status", "state: CREATED\n"), "program")
    check(shown(pid, "status", "user: eve\n"), "the first process' user")
    order(pid, "user glenda")
    check(shown(pid, "status", "user: glenda\n"), "renamed")
    check(order_is_refused(pid, "user"), "no name")
    sys_chdir(pid, "/tmp")
    check(shown(pid, "status", "cwd: /tmp\n") and shown(other, "status", "cwd: /\n"), "directories")
    end_both(pid, other)


def order(pid: i32, command: str) -> None:
    path = text(40)
    path.write(f"/proc/{pid}/ctl")
    fd = io.open(path.view, OpenMode.WRITE)
    try:
        io.write_all(fd, command)
    finally:
        io.close(fd)


def order_is_refused(pid: i32, command: str) -> bool:
    try:
        order(pid, command)
    except Error as e:
        return e.errno == Errno.EINVAL
    return False


def mode_of_new(permissions: u32) -> u32:
    fd = sys_openat(AT_FDCWD, "/tmp/masked", OpenMode.WRITE | OpenMode.CREATE, permissions)
    stat = Stat()
    sys_fstat(fd, stat)
    sys_close(fd)
    sys_remove("/tmp/masked")
    return stat.mode


def test_umask() -> None:
    equal(u64(sys_umask(0o027)), 0o022, "mask at first")
    equal(u64(mode_of_new(0o666)), 0o640, "mode")
    pid = child("true", "", SpawnFlag(0))
    check(shown(pid, "status", "umask: 0027\n"), "a child's")
    equal(u64(sys_umask(0o7022)), 0o027, "mask before")
    equal(u64(mode_of_new(0o666)), 0o644, "mode")
    sys_proc_destroy(pid, 0)
    sys_waitpid(pid, WaitStatus(), HANG)


def test_directories() -> None:
    """One's own, and that of a child that has not started; by path and by descriptor."""
    pid = child("true", "", SpawnFlag(0))
    fd = sys_openat(AT_FDCWD, "/bin", OpenMode.READ, 0)
    plain = sys_openat(AT_FDCWD, "/bin/true", OpenMode.READ, 0)
    sys_fchdir(pid, fd)
    check(shown(pid, "status", "cwd: /bin\n") and shown(getpid(), "status", "cwd: /\n"), "a child's")
    sys_fchdir(0, fd)
    check(shown(getpid(), "status", "cwd: /bin\n"), "our own")
    sys_chdir(0, "/")
    for bad, wanted in ((plain, Errno.ENOTDIR), (i32(60), Errno.EBADF)):
        try:
            sys_fchdir(0, bad)
            check(False, "a descriptor that is no directory")
        except Error as e:
            check(e.errno == wanted, f"{e.errno.name}")
    process.run(pid)
    sys_waitpid(pid, WaitStatus(), HANG)
    try:
        sys_chdir(1, "/tmp")
        check(False, "the directory of a process that runs")
    except Error as e:
        check(e.errno == Errno.EPERM, f"{e.errno.name}")
    sys_close(fd)
    sys_close(plain)


def test_aborted_sleep() -> None:
    """It says how much was left."""
    left = TimeSpec()
    sleeping = Syscall()
    submit_nanosleep(sleeping, TimeSpec(sec=100), Uaddr(addr_of(left)))
    while not sys_abort_sysc(Uaddr(addr_of(sleeping))):
        check(sleeping.flags.load() & 1 == 0, "it ended by itself")
    wait_for(sleeping)
    equal(u64(sleeping.err), u64(Errno.EINTR), "errno")
    check(50 <= left.sec < 100 and left.nsec < 1_000_000_000, f"{left.sec} s left")


def test_calls_without_effect() -> None:
    sys_setuid(0)
    sys_setuid(1000)
    sys_setgid(1000)
    sys_cache_invalidate()


def test_numbers_without_a_call() -> None:
    """Nonsense, and the ring for remote calls, which is for a kernel that is built with it."""
    for number in (199, 27, 0):
        call = Syscall()
        call.num = u32(number)
        raw_submit(call)
        finish(call)
        equal(u64(call.err), u64(Errno.ENOSYS), "errno")
        check(call.retval == -1, "value")


def test_unstarted_children_end_with_their_parent() -> None:
    """Nobody else knows of them; the others live on, as nobody's children."""
    first, second = io.pipe()
    pid = process.fork()
    if pid == 0:
        argv[0] = "true"
        unstarted = create("/bin/true", argv[:1], argv[:0], no_fds[:0], SpawnFlag(0))
        io.write_all(second, as_bytes(Made(pid=unstarted)))
        exit_now(0)
    made = Made()
    equal(io.read_full(first, as_bytes(made)), 4, "bytes of a pid")
    equal(u64(process.wait(pid)), 0, "the child's status")
    try:
        sys_kill(made.pid, 0)
        check(False, f"process {made.pid} was never started, and is there still")
    except Error as e:
        check(e.errno == Errno.ESRCH, f"{e.errno.name}: {e.message}")
    io.close(first)
    io.close(second)


@struct
class Made:
    pid: i32


@suites
class Processes(Suite):
    name: str = "process"

    def run(self) -> None:
        run("process.waitpid", test_waitpid)
        run("process.waitpid_abort", test_waitpid_is_abortable)
        run("process.exit_status", test_exit_status)
        run("process.last_words", test_last_words)
        run("process.last_words_full", test_last_words_wait_for_nobody)
        run("process.descriptors", test_descriptors_of_children)
        run("process.names", test_names_and_users)
        run("process.umask", test_umask)
        run("process.directories", test_directories)
        run("process.unstarted", test_unstarted_children_end_with_their_parent)
        run("process.aborted_sleep", test_aborted_sleep)
        run("process.no_effect", test_calls_without_effect)
        run("process.no_call", test_numbers_without_a_call)
