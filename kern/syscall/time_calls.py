# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls that wait for time to pass. The clock itself is read without a call, from ProcInfo and the cycle counter."""

from lang import Error, Ref, Uaddr, User, as_bytes, syscall, u64
from kern.abi.errno import Errno
from kern.abi.time import NS_PER_SEC, NS_PER_USEC, TimeSpec
from kern.mm.umem import copy_in, write_bytes
from kern.proc.proc import Proc
from kern.sync.rendez import sleep_ns
from kern.time.clock import now_ns

LONGEST_NS: u64 = 1 << 62                   # over a century


@syscall(2)
def sys_block(p: Proc, usec: u64) -> None:
    """Block for so many microseconds. Raises EINTR if aborted."""
    sleep_ns(min(usec, LONGEST_NS // NS_PER_USEC) * NS_PER_USEC)


@syscall(3)
def sys_nanosleep(p: Proc, wanted: User[Ref[TimeSpec]], left: Uaddr) -> None:
    """Sleep; if aborted raise EINTR, and store what is left to `left` unless that is 0."""
    spec = TimeSpec()
    copy_in(spec, wanted)
    if spec.nsec >= NS_PER_SEC:
        raise Error(Errno.EINVAL, f"{spec.nsec} nanoseconds are a second or more")
    duration = min(spec.sec, LONGEST_NS // NS_PER_SEC - 1) * NS_PER_SEC + spec.nsec
    end = now_ns() + duration
    try:
        sleep_ns(duration)
    except Error as e:
        if e.errno == Errno.EINTR and u64(left) != 0:
            now = now_ns()
            rest = end - now if end > now else 0
            write_bytes(left, as_bytes(TimeSpec(sec=rest // NS_PER_SEC, nsec=rest % NS_PER_SEC)))
        raise
