# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the system calls one by one: what they do, and what they answer to nonsense. They run in an SCP, before threads."""

from typing import Callable

from lang import Errno, Error, Raises, Span, Uaddr, addr_of, array, free, i32, new, text, u32, u64, u8
from kern.abi.file import (
    AT_FDCWD,
    MAX_FDS,
    MOST_AT_ONCE,
    FdCommand,
    FdPair,
    FileKind,
    OpenMode,
    SpawnFlag,
    Stat,
    WaitFlag,
    WaitStatus,
    Whence,
)
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import PROCINFO_ADDR, Resource
from kern.abi.syscall import Syscall
from kern.abi.time import TimeSpec
from parlib.vcore import proc_info
from rt import io
from rt.process import create, getpid
from rt.syscall import finish, raw_submit, wait_for
from rt.time import now_ns
from syscalls import (
    submit_block,
    submit_read,
    sys_abort_sysc,
    sys_change_vcore,
    sys_chdir,
    sys_close,
    sys_dup,
    sys_dup_fds_to,
    sys_fcntl,
    sys_fstat,
    sys_getcwd,
    sys_getpcoreid,
    sys_getvcoreid,
    sys_halt_core,
    sys_kill,
    sys_mkdir,
    sys_mmap,
    sys_mprotect,
    sys_munmap,
    sys_nanosleep,
    sys_notify,
    sys_openat,
    sys_populate_va,
    sys_proc_destroy,
    sys_proc_run,
    sys_provision,
    sys_read,
    sys_remove,
    sys_rename,
    sys_seek,
    sys_waitpid,
    sys_write,
)
from utest.harness import check, equal

PAGE: u64 = 4096
READ_WRITE = OpenMode.READ | OpenMode.WRITE
ANONYMOUS = MapFlags.PRIVATE | MapFlags.ANONYMOUS

buffer = array(8192, u8)
map_buffer = array(2, FdPair)


def open_at(path: str, mode: OpenMode) -> i32:
    return sys_openat(AT_FDCWD, path, mode, 0o644)


def make_file(path: str, contents: str) -> None:
    fd = open_at(path, OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC)
    io.write_all(fd, contents)
    sys_close(fd)


def holds(path: str, contents: str) -> bool:
    fd = open_at(path, OpenMode.READ)
    count = io.read_full(fd, buffer[0:8192])
    sys_close(fd)
    return buffer[:count] == contents


def error_of_open(path: str, mode: OpenMode) -> Errno:
    try:
        sys_close(open_at(path, mode))
    except Error as e:
        return e.errno
    return Errno.OK


def expect(got: Errno, wanted: Errno, what: str) -> None:
    check(got == wanted, f"{what}: {got.name}, expected {wanted.name}")


# -- files ----------------------------------------------------------------------------------------------------------
def test_files() -> None:
    make_file("/tmp/u1", "0123456789")
    check(holds("/tmp/u1", "0123456789"), "contents after writing")
    fd = open_at("/tmp/u1", READ_WRITE)
    equal(sys_seek(fd, 4, Whence.SET), 4, "seek")
    sys_write(fd, "xy")
    equal(sys_seek(fd, -1, Whence.CUR), 5, "seek back")
    equal(sys_read(fd, buffer[:2]), 2, "read")
    check(buffer[:2] == "y6", "read after seek")
    equal(sys_seek(fd, 0, Whence.END), 10, "end")
    sys_close(fd)
    fd = open_at("/tmp/u1", OpenMode.WRITE | OpenMode.APPEND)
    sys_write(fd, "!")
    sys_close(fd)
    check(holds("/tmp/u1", "0123xy6789!"), "append")
    expect(error_of_open("/tmp/u1", OpenMode.WRITE | OpenMode.CREATE | OpenMode.EXCL), Errno.EEXIST, "exclusive")
    expect(error_of_open("/tmp/u1/x", OpenMode.READ), Errno.ENOTDIR, "below a file")
    expect(error_of_open("/tmp", OpenMode.WRITE), Errno.EISDIR, "writing a directory")
    expect(error_of_open("/bin/ls", OpenMode.WRITE), Errno.EROFS, "writing the root")
    expect(error_of_open("/bin/new", OpenMode.WRITE | OpenMode.CREATE), Errno.EROFS, "creating on the root")
    expect(error_of_open("/tmp/none", OpenMode.READ), Errno.ENOENT, "missing")
    expect(error_of_open("", OpenMode.READ), Errno.ENOENT, "empty path")
    sys_remove("/tmp/u1")


def test_sparse_file() -> None:
    fd = open_at("/tmp/sparse", READ_WRITE | OpenMode.CREATE)
    sys_seek(fd, 20000, Whence.SET)
    sys_write(fd, "end")
    stat = Stat()
    sys_fstat(fd, stat)
    equal(stat.size, 20003, "size")
    check(stat.kind == FileKind.FILE, "kind")
    sys_seek(fd, 19999, Whence.SET)
    equal(io.read_full(fd, buffer[:100]), 4, "read at the end")
    check(buffer[0] == 0 and buffer[1] == ord("e"), "a hole reads as zeros")
    sys_remove("/tmp/sparse")
    sys_seek(fd, 20000, Whence.SET)
    equal(sys_read(fd, buffer[:100]), 3, "a removed file lives while it is open")
    sys_close(fd)
    expect(error_of_open("/tmp/sparse", OpenMode.READ), Errno.ENOENT, "removed")


def error_of_remove(path: str) -> Errno:
    try:
        sys_remove(path)
    except Error as e:
        return e.errno
    return Errno.OK


def error_of_rename(old: str, new: str) -> Errno:
    try:
        sys_rename(old, new)
    except Error as e:
        return e.errno
    return Errno.OK


def test_directories() -> None:
    sys_mkdir("/tmp/d", 0o755)
    sys_mkdir("/tmp/d/e", 0o755)
    make_file("/tmp/d/f", "f")
    expect(error_of_remove("/tmp/d"), Errno.ENOTEMPTY, "removing a full directory")
    expect(error_of_remove("/tmp"), Errno.EBUSY, "removing a mount point")
    expect(error_of_rename("/tmp/d", "/tmp/d/e/x"), Errno.EINVAL, "moving into itself")
    expect(error_of_rename("/tmp/d/f", "/dev/f"), Errno.EXDEV, "moving to another device")
    expect(error_of_rename("/tmp/d/f", "/tmp/d/g"), Errno.OK, "renaming")
    check(holds("/tmp/d/g", "f"), "renamed file")
    fd = open_at("/tmp/d", OpenMode.READ | OpenMode.DIRECTORY)
    count: u64 = 0
    while (got := sys_read(fd, buffer[0:8192])) > 0:
        count += got // 288
    equal(count, 2, "entries")
    inner = sys_openat(fd, "g", OpenMode.READ, 0)
    equal(sys_read(inner, buffer[:10]), 1, "read relative to a directory")
    sys_close(inner)
    sys_close(fd)
    expect(error_of_remove("/tmp/d/g"), Errno.OK, "remove")
    expect(error_of_remove("/tmp/d/e"), Errno.OK, "remove")
    expect(error_of_remove("/tmp/d"), Errno.OK, "remove")


def test_working_directory() -> None:
    length = sys_getcwd(buffer[:100])
    start = text(100)
    start.append(buffer[:length])
    sys_mkdir("/tmp/w", 0o755)
    sys_chdir(0, "/tmp/../tmp/./w/")
    equal(sys_getcwd(buffer[:100]), 6, "length of /tmp/w")
    check(buffer[:6] == "/tmp/w", "the clean path")
    make_file("here", "x")
    check(holds("../w/here", "x"), "a relative path")
    try:
        sys_getcwd(buffer[:3])
        check(False, "no room for the path")
    except Error as e:
        expect(e.errno, Errno.ERANGE, "no room for the path")
    sys_chdir(0, start.view)
    sys_remove("/tmp/w/here")
    sys_remove("/tmp/w")


# -- descriptors ----------------------------------------------------------------------------------------------------
def test_descriptors() -> None:
    ends = io.pipe()
    copy = sys_dup(ends[1], -1)
    sys_close(ends[1])
    sys_write(copy, "a")
    equal(sys_read(ends[0], buffer[:5]), 1, "through the copy")
    equal(u64(sys_dup(copy, 40)), 40, "at a chosen number")
    sys_close(copy)
    sys_write(40, "b")
    equal(sys_read(ends[0], buffer[:5]), 1, "through the second copy")
    sys_close(ends[0])
    try:
        sys_write(40, "c")
        check(False, "writing without a reader")
    except Error as e:
        expect(e.errno, Errno.EPIPE, "writing without a reader")
    sys_close(40)
    count: u32 = 0
    try:
        while count < MAX_FDS:
            open_at("/dev/null", OpenMode.READ)
            count += 1
    except Error as e:
        expect(e.errno, Errno.EMFILE, "too many files")
    check(MAX_FDS - 24 < count < MAX_FDS, f"{count} files were open")
    test_no_descriptor_left()
    for fd in range(MAX_FDS - count, MAX_FDS):
        sys_close(i32(fd))


def test_no_descriptor_left() -> None:
    """All are taken: nothing can be opened, whoever asks, and what needs two does not keep one."""
    last = i32(MAX_FDS) - 1
    expect(refusal(lambda: drop(io.pipe())), Errno.EMFILE, "a pipe")
    expect(refusal(lambda: drop_fd(sys_dup(0, -1))), Errno.EMFILE, "a copy")
    expect(refusal(lambda: drop_fd(i32(sys_fcntl(0, FdCommand.DUPFD, 3)))), Errno.EMFILE, "a copy from 3 on")
    sys_close(last)
    expect(refusal(lambda: drop(io.pipe())), Errno.EMFILE, "a pipe, with one descriptor left")
    equal(sys_fcntl(0, FdCommand.DUPFD, 3), u64(last), "the one that is left")


def refusal(act: Callable[[], Raises[None]]) -> Errno:
    try:
        act()
    except Error as e:
        return e.errno
    return Errno.OK


def drop(ends: tuple[i32, i32]) -> None:
    sys_close(ends[0])
    sys_close(ends[1])


def drop_fd(fd: i32) -> None:
    sys_close(fd)


def test_large_transfers() -> None:
    """No call keeps its core from others for as long as its caller likes: what is more than enough it leaves for the next call."""
    large = new(array(MOST_AT_ONCE + 5000, u8))
    for path in ("/dev/zero", "#random/urandom"):
        fd = open_at(path, OpenMode.READ)
        equal(sys_read(fd, large), MOST_AT_ONCE, path)
        sys_close(fd)
    fd = open_at("#random/random", OpenMode.WRITE)
    equal(sys_write(fd, large), MOST_AT_ONCE, "written at once to #random")
    sys_close(fd)
    fd = open_at("/tmp/large", READ_WRITE | OpenMode.CREATE)
    equal(sys_write(fd, large), MOST_AT_ONCE, "written at once")
    equal(sys_write(fd, large[MOST_AT_ONCE:]), 5000, "the rest")
    sys_seek(fd, 0, Whence.SET)
    equal(sys_read(fd, large), MOST_AT_ONCE, "read at once")
    equal(sys_read(fd, large), 5000, "the rest")
    sys_close(fd)
    sys_remove("/tmp/large")
    free(large)


def test_devices() -> None:
    fd = open_at("/dev/zero", READ_WRITE)
    buffer[7] = 1
    equal(sys_read(fd, buffer[0:8192]), 8192, "zeros")
    check(buffer[7] == 0, "zero")
    sys_close(fd)
    fd = open_at("/dev/null", READ_WRITE)
    equal(sys_read(fd, buffer[:10]), 0, "null is empty")
    equal(sys_write(fd, buffer[:10]), 10, "null takes everything")
    try:
        sys_seek(fd, 0, Whence.SET)
        check(False, "seeking on a stream")
    except Error as e:
        expect(e.errno, Errno.ESPIPE, "seeking on a stream")
    sys_close(fd)


# -- memory ---------------------------------------------------------------------------------------------------------
def map_file(fd: i32, flags: MapFlags, prot: Prot) -> Span[u8]:
    return Span[u8](u64(sys_mmap(Uaddr(0), 2 * PAGE, prot, flags, fd, 0)), 2 * PAGE)


def test_file_mapping() -> None:
    make_file("/tmp/m", "mapped")
    fd = open_at("/tmp/m", READ_WRITE)
    shared = map_file(fd, MapFlags.SHARED, Prot.READ | Prot.WRITE)
    private = map_file(fd, MapFlags.PRIVATE, Prot.READ | Prot.WRITE)
    check(shared[:6] == "mapped" and private[:6] == "mapped", "contents")
    shared[0] = ord("M")
    private[1] = ord("A")
    check(holds("/tmp/m", "Mapped"), "a shared mapping writes the file, a private one does not")
    check(shared[6] == 0, "behind the end of the file are zeros")
    sys_munmap(Uaddr(addr_of(shared)), 2 * PAGE)
    sys_munmap(Uaddr(addr_of(private)), 2 * PAGE)
    sys_close(fd)
    sys_remove("/tmp/m")
    program = open_at("/bin/sh", OpenMode.READ)
    image = map_file(program, MapFlags.PRIVATE, Prot.READ)
    equal(sys_read(program, buffer[0:8192]), 8192, "read of a program")
    check(image == buffer[0:8192], "a mapped program is what one reads")
    sys_munmap(Uaddr(addr_of(image)), 2 * PAGE)
    sys_close(program)


def errno_of_read(fd: i32, address: u64, size: u64) -> Errno:
    try:
        sys_read(fd, Span[u8](address, size))
    except Error as e:
        return e.errno
    return Errno.OK


def errno_of_mmap(address: u64, size: u64, flags: MapFlags, fd: i32, offset: u64) -> Errno:
    try:
        sys_mmap(Uaddr(address), size, Prot.READ, flags, fd, offset)
    except Error as e:
        return e.errno
    return Errno.OK


def test_protection() -> None:
    zero = open_at("/dev/zero", OpenMode.READ)
    base = u64(sys_mmap(Uaddr(0), 3 * PAGE, Prot.READ | Prot.WRITE, ANONYMOUS, -1, 0))
    equal(sys_populate_va(Uaddr(base), 3), 3, "populated")
    expect(errno_of_read(zero, base, 3 * PAGE), Errno.OK, "writable")
    sys_mprotect(Uaddr(base + PAGE), PAGE, Prot.READ)
    expect(errno_of_read(zero, base + PAGE, 8), Errno.EFAULT, "read-only")
    expect(errno_of_read(zero, base + 2 * PAGE, 8), Errno.OK, "its neighbour")
    sys_munmap(Uaddr(base + PAGE), PAGE)
    expect(errno_of_read(zero, base + PAGE, 8), Errno.EFAULT, "unmapped")
    sys_munmap(Uaddr(base), 3 * PAGE)
    expect(errno_of_read(zero, 0x10, 8), Errno.EFAULT, "null")
    expect(errno_of_read(zero, 0xFFFF_8000_0000_0000, 8), Errno.EFAULT, "kernel memory")
    expect(errno_of_read(zero, PROCINFO_ADDR, 8), Errno.EFAULT, "ProcInfo is read-only")
    sys_close(zero)
    expect(errno_of_mmap(base + 1, PAGE, ANONYMOUS, -1, 0), Errno.EINVAL, "misaligned")
    expect(errno_of_mmap(0, 0, ANONYMOUS, -1, 0), Errno.EINVAL, "empty")
    expect(errno_of_mmap(PROCINFO_ADDR, PAGE, ANONYMOUS | MapFlags.FIXED, -1, 0), Errno.EINVAL, "over ProcInfo")
    expect(errno_of_mmap(0, PAGE, MapFlags.PRIVATE, 60, 0), Errno.EBADF, "no file")
    expect(errno_of_mmap(0, PAGE, MapFlags.ANONYMOUS, -1, 0), Errno.EINVAL, "neither shared nor private")


# -- processes ------------------------------------------------------------------------------------------------------
def make_child(path: str, argument: str) -> i32:
    argv = array(2, str)
    argv[0] = path
    argv[1] = argument
    return create(path, argv[0:2], argv[:0], map_buffer[:0], SpawnFlag(0))


def errno_of_create(path: str) -> Errno:
    try:
        sys_proc_destroy(make_child(path, ""), 0)
    except Error as e:
        check(len(e.message) > 0, f"{path}: no reason given")
        return e.errno
    return Errno.OK


def test_bad_programs() -> None:
    expect(errno_of_create("/bin/none"), Errno.ENOENT, "missing")
    expect(errno_of_create("/bin"), Errno.EACCES, "a directory")
    make_file("/tmp/bad", "#!/bin/sh\n")
    expect(errno_of_create("/tmp/bad"), Errno.ENOEXEC, "too short")
    fd = open_at("/bin/true", OpenMode.READ)
    size = io.read_full(fd, buffer[0:8192])
    sys_close(fd)
    for place in (0, 4, 18, 32, 54, 56, 64, 72, 80, 96, 104):
        fd = open_at("/tmp/bad", OpenMode.WRITE | OpenMode.TRUNC)
        io.write_all(fd, buffer[:size])
        sys_seek(fd, place, Whence.SET)
        sys_write(fd, "\x7e\x7e")
        sys_close(fd)
        expect(errno_of_create("/tmp/bad"), Errno.ENOEXEC, "nonsense in the headers")
    sys_remove("/tmp/bad")


def errno_of_run(pid: i32) -> Errno:
    try:
        sys_proc_run(pid)
    except Error as e:
        return e.errno
    return Errno.OK


def errno_of_wait(pid: i32) -> Errno:
    status = WaitStatus()
    try:
        sys_waitpid(pid, status, WaitFlag(0))
    except Error as e:
        return e.errno
    return Errno.OK


def test_create_and_run() -> None:
    ends = io.pipe()
    child = make_child("/bin/echo", "from the child")
    status = WaitStatus()
    equal(u64(sys_waitpid(child, status, WaitFlag.NOHANG)), 0, "it must not run before it is told to")
    map_buffer[0].first = ends[1]
    map_buffer[0].second = 1
    equal(sys_dup_fds_to(child, map_buffer[:1]), 1, "descriptors given")
    sys_close(ends[1])
    expect(errno_of_run(child), Errno.OK, "run")
    equal(io.read_full(ends[0], buffer[:100]), 15, "what it says")
    check(buffer[:14] == "from the child", "what it says")
    sys_close(ends[0])
    equal(u64(sys_waitpid(child, status, WaitFlag(0))), u64(child), "waited for")
    equal(u64(status.status), 0, "status")
    expect(errno_of_wait(child), Errno.ECHILD, "waiting twice")
    expect(errno_of_run(child), Errno.ESRCH, "running what is gone")


def test_kill() -> None:
    child = make_child("/bin/spin", "100")
    expect(errno_of_run(child), Errno.OK, "run")
    expect(errno_of_run(child), Errno.EINVAL, "run twice")
    sys_kill(child, 0)
    sys_notify(child, 5, Uaddr(0))
    sys_kill(child, 9)
    status = WaitStatus()
    sys_waitpid(-1, status, WaitFlag(0))
    equal(u64(status.status >> 8), 137, "status")
    try:
        sys_kill(child, 9)
        check(False, "killing what is gone")
    except Error as e:
        expect(e.errno, Errno.ESRCH, "killing what is gone")


# -- cores, time, aborting ------------------------------------------------------------------------------------------
def errno_of_provision(kind: Resource, core: u32) -> Errno:
    try:
        sys_provision(getpid(), kind, core)
    except Error as e:
        return e.errno
    return Errno.OK


def test_core_calls() -> None:
    map = proc_info().vcoremap[0]
    before = map.pcoreid
    core = sys_getpcoreid()
    while map.pcoreid != before:            # it was moved meanwhile
        before = map.pcoreid
        core = sys_getpcoreid()
    equal(u64(core), u64(before), "core of an SCP")
    equal(u64(sys_getvcoreid()), 0, "vcore of an SCP")
    expect(errno_of_provision(Resource.CORES, 0), Errno.EBUSY, "provisioning core 0")
    expect(errno_of_provision(Resource.CORES, 5000), Errno.ENXIO, "provisioning a core that is not there")
    expect(errno_of_provision(Resource.MEMORY, 1), Errno.ENOENT, "provisioning memory")
    try:
        sys_change_vcore(1, True)
        check(False, "changing vcores in an SCP")
    except Error as e:
        expect(e.errno, Errno.EINVAL, "changing vcores in an SCP")
    try:
        sys_halt_core(0)
        check(False, "halting core 0")
    except Error as e:
        expect(e.errno, Errno.EINVAL, "halting core 0")


def test_unknown_call() -> None:
    call = Syscall()
    call.num = 9999
    raw_submit(call)
    finish(call)
    equal(u64(call.err), u64(Errno.ENOSYS), "errno")


def test_nanosleep() -> None:
    start = now_ns()
    sys_nanosleep(TimeSpec(nsec=3_000_000), Uaddr(0))
    check(now_ns() - start >= 3_000_000, "woke too early")
    try:
        sys_nanosleep(TimeSpec(nsec=1_000_000_000), Uaddr(0))
        check(False, "a second as nanoseconds")
    except Error as e:
        expect(e.errno, Errno.EINVAL, "a second as nanoseconds")


def test_abort() -> None:
    ends = io.pipe()
    reading = Syscall()
    submit_read(reading, ends[0], buffer[:10])
    sleeping = Syscall()
    submit_block(sleeping, 100_000_000)
    check(sys_abort_sysc(Uaddr(addr_of(reading))), "a blocked read can be aborted")
    check(sys_abort_sysc(Uaddr(addr_of(sleeping))), "a sleep can be aborted")
    wait_for(reading)
    wait_for(sleeping)
    equal(u64(reading.err), u64(Errno.EINTR), "errno of the read")
    equal(u64(sleeping.err), u64(Errno.EINTR), "errno of the sleep")
    check(not sys_abort_sysc(Uaddr(addr_of(sleeping))), "what is done cannot be aborted")
    sys_close(ends[0])
    sys_close(ends[1])
