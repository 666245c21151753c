# SPDX-License-Identifier: GPL-2.0-or-later
"""Error numbers, as in POSIX with Linux' values. A failed call also carries a sentence that names the cause."""

from enum import IntEnum


class Errno(IntEnum):
    OK = 0
    EPERM = 1
    ENOENT = 2
    ESRCH = 3
    EINTR = 4
    EIO = 5
    ENXIO = 6
    E2BIG = 7
    ENOEXEC = 8
    EBADF = 9
    ECHILD = 10
    EAGAIN = 11
    ENOMEM = 12
    EACCES = 13
    EFAULT = 14
    EBUSY = 16
    EEXIST = 17
    EXDEV = 18
    ENODEV = 19
    ENOTDIR = 20
    EISDIR = 21
    EINVAL = 22
    ENFILE = 23
    EMFILE = 24
    ENOTTY = 25
    EFBIG = 27
    ENOSPC = 28
    ESPIPE = 29
    EROFS = 30
    EMLINK = 31
    EPIPE = 32
    EDOM = 33
    ERANGE = 34
    EDEADLK = 35
    ENAMETOOLONG = 36
    ENOSYS = 38
    ENOTEMPTY = 39
    ELOOP = 40
    EPROTO = 71
    EOVERFLOW = 75
    EMSGSIZE = 90
    EADDRINUSE = 98
    ECONNRESET = 104
    ENOTCONN = 107
    ETIMEDOUT = 110
    ECONNREFUSED = 111
    EALREADY = 114
    EUNSPECIFIED = 200  # a message was given, but no number
