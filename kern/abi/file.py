# SPDX-License-Identifier: GPL-2.0-or-later
"""Files as system calls show them: open flags, stat, directory entries."""

from enum import IntEnum, IntFlag

from lang import Array, array, i32, struct, u8, u32, u64

PATH_MAX: u64 = 1024
NAME_MAX: u64 = 255
MAX_FDS: u32 = 16384                        # of a process; its table grows
MOST_AT_ONCE: u64 = 1 << 20                 # bytes that one call reads from a file, or writes to it; of pipes it may be more
AT_FDCWD: i32 = -100                        # "relative to the working directory"


class OpenMode(u32, IntFlag):
    READ = 1
    WRITE = 2
    CREATE = 4                              # make the file if it is missing
    EXCL = 8                                # with CREATE: fail if it exists
    TRUNC = 16
    APPEND = 32
    CLOEXEC = 64                            # not passed on by proc_create
    NONBLOCK = 128                          # EAGAIN rather than wait
    DIRECTORY = 256                         # fail unless it is a directory
    NOFOLLOW = 512                          # fail if the last name is a link


SETTABLE = OpenMode.APPEND | OpenMode.NONBLOCK  # what may change while a file is open


class FileKind(u32, IntEnum):
    FILE = 1
    DIR = 2
    CHAR = 3
    PIPE = 4
    LINK = 5


class Whence(u32, IntEnum):
    SET = 0
    CUR = 1
    END = 2


class Access(u32, IntFlag):
    """What sys_access asks for, as in POSIX; nothing at all asks whether the file is there."""

    EXEC = 1
    WRITE = 2
    READ = 4


class FdCommand(u32, IntEnum):
    """Of sys_fcntl: what it does, and what its argument and result are."""

    DUPFD = 0                               # another descriptor, the lowest free one from the argument on
    GETFD = 1                               # whether it has CLOEXEC
    SETFD = 2                               # it has CLOEXEC, if the argument is not 0
    GETFL = 3                               # the channel's OpenMode, CLOEXEC not among it
    SETFL = 4                               # of an OpenMode APPEND and NONBLOCK count, the rest stays
    SYNC = 5                                # as sys_sync
    DEBUG = 6                               # the kernel logs what it knows of the channel


@struct(size=64)
class Stat:
    dev: u64                                # which device's file it is
    ino: u64                                # unique and stable within the device
    size: u64
    mtime_ns: u64                           # since 1970
    kind: u32                               # FileKind
    mode: u32                               # permission bits, 0o777
    nlink: u32
    ready: u32                              # TapFilter: what holds now; 0 if the file cannot be tapped, or is not open
    spare: Array[u64] = array(2)


class StatField(u32, IntFlag):
    MODE = 1
    SIZE = 2
    MTIME = 4
    NAME = 8


@struct(size=40)
class StatChange:
    """For sys_wstat and sys_fwstat: what of a file is to be different."""

    fields: u32                             # StatField: which of the following count
    mode: u32                               # permission bits, 0o777
    size: u64
    mtime_ns: u64                           # since 1970
    name: u64                               # user address of a name, without `/`, in the same directory
    name_len: u64


@struct(size=288)
class DirEntry:
    """Reading a directory gives whole ones of these, never `.` or `..`."""

    ino: u64
    size: u64
    mtime_ns: u64
    kind: u32                               # FileKind
    name_len: u32
    name: Array[u8] = array(256)            # NUL-terminated


@struct(size=8)
class FdPair:
    """Of sys_pipe: the two ends. Of the descriptor maps: first = the caller's, second = the child's."""

    first: i32                              # read end
    second: i32                             # write end


class SpawnFlag(u32, IntFlag):
    DUP_FDS = 1                             # the child gets all the caller's descriptors, except CLOEXEC ones


@struct(size=48)
class SpawnArgs:
    """For sys_proc_create. `strings` is argc + envc NUL-terminated strings, one after the other."""

    argc: u32
    envc: u32
    strings: u64                            # user address
    strings_len: u64
    fds: u64                                # user address of FdPair elements: what the child gets, besides DUP_FDS
    nfds: u32
    flags: u32                              # SpawnFlag
    unused: u64


ARGS_MAX: u64 = 64 * 1024                   # most bytes of argument and environment strings


@struct(size=16)
class WaitStatus:
    status: u32                             # exit code in bits 8-15
    pid: i32
    unused: u64


class WaitFlag(u32, IntFlag):
    NOHANG = 1                              # return 0 rather than wait
