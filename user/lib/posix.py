# SPDX-License-Identifier: LGPL-2.1-or-later
"""What POSIX programs ask about files, terminals, limits and time, by its names.

What this system has is done; where it has no such thing, a clear ENOSYS says so: no hard links (a file has one name), no limits to set,
no pseudo-terminals. A terminal's settings are two, lines with echo or single keys, and the rest is accepted. Shared memory is a file
of /tmp that is mapped. No locks.
"""

from enum import IntEnum, IntFlag

from lang import Array, Errno, Error, Span, Text, addr_of, array, i32, struct, text, u8, u32, u64
from kern.abi.file import MAX_FDS, Access, FdCommand, OpenMode, Stat, StatChange, StatField
from kern.abi.proc import USER_STACK_SIZE
from lib.console import begin_editing, end_editing, is_console
from parlib.vcore import max_vcores, vcore_uptime_ns
from rt.io import open
from rt.time import now_ns
from syscalls import sys_access, sys_fcntl, sys_fd2path, sys_fwstat, sys_link, sys_lstat, sys_readlink, sys_remove, sys_stat, sys_symlink
from syscalls import sys_sync, sys_wstat

UNLIMITED: u64 = (1 << 64) - 1
SHARED_PREFIX = "/tmp/shm."


# -- files --------------------------------------------------------------------------------------------------------
def access(path: str, wanted: Access = Access(0)) -> bool:
    """Whether the file is there, and somebody may use it so."""
    try:
        sys_access(path, wanted)
    except Error:
        return False
    return True


def chmod(path: str, mode: u32) -> None:
    """Raises ENOENT; EPERM, EROFS: not this file's."""
    sys_wstat(path, StatChange(fields=u32(StatField.MODE), mode=mode))


def fchmod(fd: i32, mode: u32) -> None:
    sys_fwstat(fd, StatChange(fields=u32(StatField.MODE), mode=mode))


def truncate(path: str, size: u64) -> None:
    """Cut the file, or let it grow by zeros. Raises ENOENT, EINVAL, EFBIG, EROFS."""
    sys_wstat(path, StatChange(fields=u32(StatField.SIZE), size=size))


def ftruncate(fd: i32, size: u64) -> None:
    """The same; the descriptor must be open for writing, else EINVAL."""
    sys_fwstat(fd, StatChange(fields=u32(StatField.SIZE), size=size))


def utime(path: str, mtime_ns: u64) -> None:
    """When it was changed last, in nanoseconds since 1970. There is no other time to set."""
    sys_wstat(path, StatChange(fields=u32(StatField.MTIME), mtime_ns=mtime_ns))


def rename_in_place(path: str, name: str) -> None:
    """Another name in the same directory."""
    sys_wstat(path, StatChange(fields=u32(StatField.NAME), name=addr_of(name), name_len=len(name)))


def fsync(fd: i32) -> None:
    """The file holds what was written, through mappings too, when this returns."""
    sys_sync(fd)


def link(path: str, new_path: str) -> None:
    """Always raises ENOSYS."""
    sys_link(path, new_path)


def symlink(target: str, path: str) -> None:
    """Make a link: a name that stands for the path `target`, from the link's directory on. Raises EEXIST, ENOENT; EPERM: not there."""
    sys_symlink(target, path)


def readlink(path: str, into: Span[u8]) -> str:
    """The path that a link stands for, in `into`, with a NUL behind it. Raises EINVAL: not a link; ERANGE: no room for all of it."""
    return into[: sys_readlink(path, into)]


def stat(path: str, into: Stat) -> None:
    """What a file is, at the end of all links. Raises ENOENT, ELOOP."""
    sys_stat(path, into)


def lstat(path: str, into: Stat) -> None:
    """What a file is, or the link itself. Raises ENOENT."""
    sys_lstat(path, into)


# -- descriptors --------------------------------------------------------------------------------------------------
def get_flags(fd: i32) -> OpenMode:
    return OpenMode(u32(sys_fcntl(fd, FdCommand.GETFL, 0)))


def set_flags(fd: i32, mode: OpenMode) -> None:
    """APPEND and NONBLOCK, for all descriptors of the same channel."""
    sys_fcntl(fd, FdCommand.SETFL, u64(mode))


def is_inherited(fd: i32) -> bool:
    """Not with CLOEXEC."""
    return sys_fcntl(fd, FdCommand.GETFD, 0) == 0


def set_inherited(fd: i32, inherited: bool) -> None:
    sys_fcntl(fd, FdCommand.SETFD, u64(not inherited))


def dup_from(fd: i32, lowest: i32) -> i32:
    """Another descriptor for the same channel, not below `lowest`. Raises EBADF, EINVAL, EMFILE."""
    return i32(sys_fcntl(fd, FdCommand.DUPFD, u64(max(lowest, 0))))


def path_of(fd: i32, into: Span[u8]) -> str:
    """The path that it was opened by, in `into`. Raises EBADF, ENOENT, ERANGE."""
    return into[: sys_fd2path(fd, into)]


# -- terminals ----------------------------------------------------------------------------------------------------
class LocalMode(u32, IntFlag):
    """Of c_lflag, with POSIX' names and Linux' values."""

    ISIG = 1
    ICANON = 2
    ECHO = 8


@struct
class Termios:
    iflag: u32 = 0x500                      # ICRNL | IXON
    oflag: u32 = 0x5                        # OPOST | ONLCR
    cflag: u32 = 0xBF                       # 8 bits, 38400 baud
    lflag: LocalMode = LocalMode.ISIG | LocalMode.ICANON | LocalMode.ECHO
    cc: Array[u8] = array(32)


def tcgetattr(fd: i32, into: Termios) -> None:
    """How a terminal that nobody has set stands. Raises ENOTTY."""
    check_terminal(fd)
    fresh = Termios()
    into.iflag = fresh.iflag
    into.oflag = fresh.oflag
    into.cflag = fresh.cflag
    into.lflag = fresh.lflag


def tcsetattr(fd: i32, wanted: Termios) -> None:
    """Lines or single keys, as ICANON says; all else is accepted. Raises ENOTTY."""
    check_terminal(fd)
    if LocalMode.ICANON in wanted.lflag:
        end_editing()
    else:
        begin_editing()


def check_terminal(fd: i32) -> None:
    if not is_console(fd):
        raise Error(Errno.ENOTTY, f"descriptor {fd} is no terminal")


def ptsname(fd: i32) -> str:
    """Always raises ENOSYS."""
    raise Error(Errno.ENOSYS, "there are no pseudo-terminals")


# -- shared memory, limits, times ---------------------------------------------------------------------------------
def shm_open(name: str, mode: OpenMode, permissions: u32 = 0o600) -> i32:
    """A descriptor of memory that processes share by name, to be cut to size and mapped SHARED. Raises EINVAL, ENOENT, EEXIST."""
    path = text(300)
    shared_path(name, path)
    return open(path.view, mode | OpenMode.CLOEXEC, permissions)


def shm_unlink(name: str) -> None:
    """The name is free again; who has it open, or mapped, keeps it. Raises ENOENT."""
    path = text(300)
    shared_path(name, path)
    sys_remove(path.view)


def shared_path(name: str, into: Text) -> None:
    plain = name[1:] if name.startswith("/") else name
    if not plain or plain.find("/") >= 0 or len(plain) > 200:
        raise Error(Errno.EINVAL, f"{name} is no name of shared memory")
    into.write(f"{SHARED_PREFIX}{plain}")


class Limit(u32, IntEnum):
    """With Linux' values."""

    CPU = 0
    FSIZE = 1
    DATA = 2
    STACK = 3
    NOFILE = 7
    AS = 9


def getrlimit(what: Limit) -> u64:
    """What the system has: it is the same for all, and cannot be set."""
    match what:
        case Limit.STACK:
            return USER_STACK_SIZE
        case Limit.NOFILE:
            return u64(MAX_FDS)
        case _:
            return UNLIMITED


def setrlimit(what: Limit, limit: u64) -> None:
    """A limit that leaves room for all there is changes nothing; any other raises ENOSYS."""
    if limit < getrlimit(what):
        raise Error(Errno.ENOSYS, f"processes have no limits to be set ({what.name} to {limit})")


@struct
class Times:
    elapsed_ns: u64                         # since the machine was booted
    process_ns: u64                         # that all vcores of the process ran, in user land or for it


def times(into: Times) -> None:
    into.process_ns = 0
    for vcoreid in range(max_vcores()):
        into.process_ns += vcore_uptime_ns(vcoreid)
    into.elapsed_ns = now_ns()
