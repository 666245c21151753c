# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `posix`: what POSIX programs ask about files, descriptors, terminals, memory and limits."""

from lang import Errno, Error, Span, Uaddr, array, i32, i64, text, u8, u32, u64
from kern.abi.file import AT_FDCWD, Access, FdCommand, OpenMode, Stat, StatChange, StatField, Whence
from kern.abi.mman import MapFlags, Prot
from lib.console import is_console
from lib.files import read_file
from lib.posix import (
    Limit,
    LocalMode,
    Termios,
    Times,
    access,
    chmod,
    dup_from,
    fchmod,
    fsync,
    ftruncate,
    get_flags,
    getrlimit,
    is_inherited,
    link,
    path_of,
    ptsname,
    rename_in_place,
    set_flags,
    set_inherited,
    setrlimit,
    shm_open,
    shm_unlink,
    tcgetattr,
    tcsetattr,
    times,
    truncate,
    utime,
)
from lib.strings import discard
from rt import io
from rt.exit import exit_now
from rt.process import fork, wait
from rt.time import now_ns
from syscalls import sys_fcntl, sys_fwstat, sys_mkdir, sys_mmap, sys_munmap, sys_openat, sys_remove, sys_seek, sys_stat, sys_umask
from syscalls import sys_wstat
from utest.harness import Suite, check, equal, fails, run, suites

FILE = "/tmp/posix"
FOLDER = "/tmp/posix-d"
NEW = OpenMode.READ | OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC
PAGE: u64 = 4096
FAR: i64 = 5 << 30                          # beyond what 32 bits hold

buffer = array(64, u8)


@suites
class Posix(Suite):
    name: str = "posix"

    def run(self) -> None:
        run("posix.access", test_access)
        run("posix.descriptors", test_descriptors)
        run("posix.flags", test_flags)
        run("posix.debug", test_debug)
        run("posix.path_of", test_path_of)
        run("posix.chmod", test_chmod)
        run("posix.truncate", test_truncate)
        run("posix.utime", test_utime)
        run("posix.rename_in_place", test_rename_in_place)
        run("posix.nonsense", test_nonsense)
        run("posix.link", test_link)
        run("posix.umask", test_umask)
        run("posix.far_seek", test_far_seek)
        run("posix.sync", test_sync)
        run("posix.terminal", test_terminal)
        run("posix.shared_memory", test_shared_memory)
        run("posix.limits", test_limits)
        run("posix.times", test_times)


def make(path: str, content: str) -> i32:
    fd = io.open(path, NEW, 0o644)
    io.write_all(fd, content)
    return fd


def mode_of(path: str) -> u64:
    found = Stat()
    sys_stat(path, found)
    return u64(found.mode)


def size_of(path: str) -> u64:
    found = Stat()
    sys_stat(path, found)
    return found.size


# -- rights, names, lengths, times --------------------------------------------------------------------------------
def test_access() -> None:
    io.close(make(FILE, "x"))
    check(access(FILE) and access(FILE, Access.READ | Access.WRITE), "a file that may be read and written")
    check(not access(FILE, Access.EXEC), "nobody may execute it")
    check(access("/bin/ls", Access.READ | Access.EXEC) and not access("/bin/ls", Access.WRITE), "a program of the archive")
    check(not access("/tmp/none") and not access("/tmp/posix/below"), "what is not there")
    sys_remove(FILE)


def test_chmod() -> None:
    fd = make(FILE, "x")
    chmod(FILE, 0o751)
    equal(mode_of(FILE), 0o751, "mode")
    check(access(FILE, Access.EXEC), "now it may be executed")
    fchmod(fd, 0o7600)
    equal(mode_of(FILE), 0o600, "mode: only the nine bits count")
    fails(Errno.EROFS, "a file of the archive", chmod_archive)
    fails(Errno.EPERM, "a device", chmod_device)
    fails(Errno.ENOENT, "nothing", chmod_nothing)
    io.close(fd)
    sys_remove(FILE)


def chmod_archive() -> None:
    chmod("/bin/ls", 0o777)


def chmod_device() -> None:
    chmod("/dev/null", 0o777)


def chmod_nothing() -> None:
    chmod("/tmp/none", 0o777)


def test_truncate() -> None:
    fd = make(FILE, "0123456789")
    truncate(FILE, 4)
    equal(size_of(FILE), 4, "size")
    ftruncate(fd, 7)
    io.seek(fd, 0)
    equal(io.read_full(fd, buffer[:20]), 7, "bytes")
    check(buffer[:7] == "0123\0\0\0", "what was cut off comes back as zeros")
    io.close(fd)
    fails(Errno.EINVAL, "a descriptor for reading", truncate_read_only)
    fails(Errno.EINVAL, "a directory", truncate_directory)
    fails(Errno.EROFS, "a file of the archive", truncate_archive)
    fails(Errno.EFBIG, "larger than memory", truncate_large)
    equal(size_of(FILE), 7, "size after what was refused")
    sys_remove(FILE)


def truncate_read_only() -> None:
    fd = io.open(FILE)
    try:
        ftruncate(fd, 0)
    finally:
        io.close(fd)


def truncate_directory() -> None:
    truncate("/tmp", 0)


def truncate_archive() -> None:
    truncate("/bin/ls", 0)


def truncate_large() -> None:
    truncate(FILE, 1 << 50)


def test_utime() -> None:
    io.close(make(FILE, "x"))
    utime(FILE, 1_000_000_000_123_456_789)
    found = Stat()
    sys_stat(FILE, found)
    equal(found.mtime_ns, 1_000_000_000_123_456_789, "time")
    equal(found.size, 1, "size")
    sys_remove(FILE)


def test_rename_in_place() -> None:
    sys_mkdir(FOLDER, 0o755)
    fd = make("/tmp/posix-d/old", "content")
    rename_in_place("/tmp/posix-d/old", "middle")
    check(access("/tmp/posix-d/middle") and not access("/tmp/posix-d/old"), "the new name")
    fd2 = io.open("/tmp/posix-d/middle")
    name = text(8)
    name.append("new")
    change = StatChange(fields=u32(StatField.NAME | StatField.MODE), mode=0o640, name=u64(name.view.ptr), name_len=3)
    sys_fwstat(fd2, change)
    equal(mode_of("/tmp/posix-d/new"), 0o640, "mode and name at once")
    io.close(fd)
    io.close(fd2)
    fails(Errno.EINVAL, "a name with a slash", rename_to_path)
    fails(Errno.EINVAL, "no name", rename_to_nothing)
    fails(Errno.EBUSY, "where a device sits", rename_mount)
    sys_remove("/tmp/posix-d/new")
    sys_remove(FOLDER)


def rename_to_path() -> None:
    rename_in_place("/tmp/posix-d/new", "a/b")


def rename_to_nothing() -> None:
    rename_in_place("/tmp/posix-d/new", "")


def rename_mount() -> None:
    rename_in_place("/tmp", "other")


def test_nonsense() -> None:
    """Refused before anything is changed."""
    io.close(make(FILE, "content"))
    fails(Errno.EINVAL, "unknown fields", change_unknown)
    fails(Errno.EINVAL, "an impossible size", change_impossible)
    check(size_of(FILE) == 7 and mode_of(FILE) & 0o600 == 0o600, "a refused change changed something")
    fails(Errno.EFAULT, "a name in nothing", change_bad_address)
    fails(Errno.ENAMETOOLONG, "a very long name", change_long_name)
    sys_remove(FILE)


def change_unknown() -> None:
    sys_wstat(FILE, StatChange(fields=0x101, mode=0))


def change_impossible() -> None:
    sys_wstat(FILE, StatChange(fields=u32(StatField.SIZE | StatField.MODE), size=1 << 63))


def change_bad_address() -> None:
    sys_wstat(FILE, StatChange(fields=u32(StatField.NAME), name=0x0020_0000_0000, name_len=3))


def change_long_name() -> None:
    sys_wstat(FILE, StatChange(fields=u32(StatField.NAME), name=0x0020_0000_0000, name_len=300))


def test_link() -> None:
    io.close(make(FILE, "x"))
    fails(Errno.ENOSYS, "a second name", link_file)
    sys_remove(FILE)


def link_file() -> None:
    link(FILE, "/tmp/posix-2")


def test_umask() -> None:
    before = sys_umask(0o027)
    equal(u64(sys_umask(0o077)), 0o027, "what was set before")
    io.close(sys_openat(AT_FDCWD, FILE, NEW, 0o666))
    sys_mkdir(FOLDER, 0o777)
    sys_umask(before)
    equal(mode_of(FILE), 0o600, "mode of the file")
    equal(mode_of(FOLDER), 0o700, "mode of the folder")
    sys_remove(FILE)
    sys_remove(FOLDER)


def test_far_seek() -> None:
    fd = make(FILE, "x")
    equal(sys_seek(fd, FAR, Whence.SET), u64(FAR), "beyond 4 GiB")
    equal(sys_seek(fd, FAR, Whence.CUR), u64(2 * FAR), "twice as far")
    equal(sys_seek(fd, -FAR, Whence.CUR), u64(FAR), "and back")
    equal(io.read(fd, buffer[:4]), 0, "bytes there")
    io.close(fd)
    sys_remove(FILE)


# -- descriptors --------------------------------------------------------------------------------------------------
def test_descriptors() -> None:
    fd = make(FILE, "ab")
    second = dup_from(fd, 100)
    third = dup_from(fd, 100)
    check(second == 100 and third == 101, f"copies from 100 on are {second} and {third}")
    set_inherited(second, False)
    check(not is_inherited(second) and is_inherited(fd) and is_inherited(third), "CLOEXEC is each descriptor's own")
    set_inherited(second, True)
    check(is_inherited(second), "and can be taken off")
    io.seek(fd, 1)
    equal(io.read(third, buffer[:4]), 1, "bytes: the offset is shared")
    io.close(second)
    io.close(third)
    io.close(fd)
    fails(Errno.EINVAL, "a number that no descriptor has", dup_far)
    fails(Errno.EBADF, "a closed one", dup_closed)
    sys_remove(FILE)


def dup_far() -> None:
    dup_from(1, 1 << 20)


def dup_closed() -> None:
    dup_from(100, 0)


def test_flags() -> None:
    """NONBLOCK, put on an open pipe, makes its reader give up rather than wait; APPEND puts what is written at the end."""
    ends = io.pipe()
    check(get_flags(ends[0]) == OpenMode.READ, "flags of a reading end")
    set_flags(ends[0], OpenMode.NONBLOCK | OpenMode.WRITE)
    check(get_flags(ends[0]) == OpenMode.READ | OpenMode.NONBLOCK, "WRITE is not to be had later on")
    refused = Errno.OK
    try:
        io.read(ends[0], buffer[:4])
    except Error as e:
        refused = e.errno
    check(refused == Errno.EAGAIN, f"reading an empty pipe: {refused.name}")
    set_flags(ends[0], OpenMode(0))
    check(get_flags(ends[0]) == OpenMode.READ, "flags as before")
    io.close(ends[0])
    io.close(ends[1])
    fd = make(FILE, "first")
    set_flags(fd, OpenMode.APPEND)
    io.seek(fd, 0)
    io.write_all(fd, "last")
    io.close(fd)
    equal(size_of(FILE), 9, "size")
    sys_remove(FILE)


def test_debug() -> None:
    """The kernel says what it knows in its log."""
    fd = make(FILE, "12345")
    equal(sys_fcntl(fd, FdCommand.DEBUG, 0), 0, "result")
    log = read_file("/proc/log")
    said: str = log
    check(said.find("/tmp/posix, FILE, READ|WRITE") >= 0 and said.find("offset 5, ") >= 0, "the log does not tell of the descriptor")
    discard(log)
    io.close(fd)
    sys_remove(FILE)


def test_path_of() -> None:
    fd = io.open("/tmp/../tmp/./posix", NEW, 0o644)
    check(path_of(fd, buffer[:]) == FILE, "the clean path")
    io.close(fd)
    device = io.open("#mem/free")
    check(path_of(device, buffer[:]) == "#mem/free", "a device's file")
    io.close(device)
    fails(Errno.ENOENT, "a pipe's path", path_of_pipe)
    fails(Errno.ERANGE, "little room", path_in_little)
    sys_remove(FILE)


def path_of_pipe() -> None:
    ends = io.pipe()
    try:
        path_of(ends[0], buffer[:])
    finally:
        io.close(ends[0])
        io.close(ends[1])


def path_in_little() -> None:
    fd = io.open(FILE)
    try:
        path_of(fd, buffer[:3])
    finally:
        io.close(fd)


def test_sync() -> None:
    """What was written through a mapping is in the file."""
    fd = make(FILE, "written")
    place = sys_mmap(Uaddr(0), PAGE, Prot.READ | Prot.WRITE, MapFlags.SHARED, fd, 0)
    memory = Span[u8](u64(place), PAGE)
    memory[0] = ord("W")
    fsync(fd)
    sys_fcntl(fd, FdCommand.SYNC, 0)
    io.seek(fd, 0)
    equal(io.read(fd, buffer[:7]), 7, "bytes")
    check(buffer[:7] == "Written", "the file has not what was mapped")
    sys_munmap(place, PAGE)
    io.close(fd)
    sys_remove(FILE)


# -- terminals, memory, limits, times -----------------------------------------------------------------------------
def test_terminal() -> None:
    fd = io.open("/dev/cons", OpenMode.READ)
    check(is_console(fd), "the console")
    settings = Termios()
    tcgetattr(fd, settings)
    check(LocalMode.ICANON in settings.lflag and LocalMode.ECHO in settings.lflag, "a terminal gives lines, and echoes")
    settings.cflag = 1
    tcsetattr(fd, settings)
    io.close(fd)
    fails(Errno.ENOTTY, "settings of a file", settings_of_file)
    fails(Errno.ENOSYS, "a pseudo-terminal's name", name_of_terminal)


def settings_of_file() -> None:
    fd = io.open("/etc/motd")
    try:
        tcgetattr(fd, Termios())
    finally:
        io.close(fd)


def name_of_terminal() -> None:
    ptsname(0)


def test_shared_memory() -> None:
    """What one process writes, another reads, by a name that goes away."""
    fd = shm_open("/posix", NEW)
    ftruncate(fd, PAGE)
    memory = map_shared(fd)
    memory[0] = 1
    pid = fork()
    if pid == 0:
        mine = map_shared(shm_open("posix", OpenMode.READ | OpenMode.WRITE))
        mine[1] = mine[0] + 1
        exit_now(0)
    equal(u64(wait(pid)), 0, "status of the child")
    equal(u64(memory[1]), 2, "what the child wrote")
    shm_unlink("posix")
    fails(Errno.ENOENT, "a name that is gone", open_shared)
    fails(Errno.EINVAL, "a name with slashes", open_shared_path)
    io.close(fd)


def map_shared(fd: i32) -> Span[u8]:
    return Span[u8](u64(sys_mmap(Uaddr(0), PAGE, Prot.READ | Prot.WRITE, MapFlags.SHARED, fd, 0)), PAGE)


def open_shared() -> None:
    shm_open("posix", OpenMode.READ)


def open_shared_path() -> None:
    shm_open("/a/b", NEW)


def test_limits() -> None:
    limit = getrlimit(Limit.NOFILE)
    setrlimit(Limit.NOFILE, limit)
    setrlimit(Limit.CPU, getrlimit(Limit.CPU))
    check(limit >= 1024 and getrlimit(Limit.STACK) >= 1 << 20, f"{limit} descriptors, {getrlimit(Limit.STACK)} bytes of stack")
    fails(Errno.ENOSYS, "fewer descriptors", limit_descriptors)


def limit_descriptors() -> None:
    setrlimit(Limit.NOFILE, 20)


def test_times() -> None:
    before = Times()
    after = Times()
    start = now_ns()
    times(before)
    end = now_ns() + 20_000_000
    while now_ns() < end:
        pass
    times(after)
    passed = now_ns() - start               # around both: between what is read for one, a host may stop us
    check(after.elapsed_ns - before.elapsed_ns >= 20_000_000, "time went by")
    ran = after.process_ns - before.process_ns
    check(0 < ran <= passed + 1_000, f"one core ran for {ran} ns in {passed} ns")
