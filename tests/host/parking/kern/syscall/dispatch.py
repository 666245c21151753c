# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: the end of a call, which comes once."""

from lang import Uaddr, at, i64, u32, u64, wrap
from kern.abi.errno import Errno
from kern.abi.syscall import Syscall, SyscallFlag
from kern.core.current import current_proc
from kern.proc.proc import Proc
from kern.sync.kthread import current_kthread


def end(sysc: Uaddr, value: i64, errno: Errno) -> None:
    call = at(Syscall, u64(sysc))
    call.retval = value
    call.err = u32(errno)
    assert call.flags.or_(SyscallFlag.DONE) & SyscallFlag.DONE == 0, "a call is over twice"


def finish_at(sysc: Uaddr, value: u64) -> None:
    end(sysc, wrap(i64, value), Errno.OK)


def finish_failed(p: Proc, sysc: Uaddr, errno: Errno, message: str) -> None:
    assert p is current_proc(), "told in another address space"
    end(sysc, -1, errno)


def finish_current_call(value: i64) -> None:
    sysc = current_kthread().sysc
    current_kthread().sysc = Uaddr(0)
    if u64(sysc) != 0:
        end(sysc, value, Errno.OK)


def fail_current_call() -> None:
    sysc = current_kthread().sysc
    current_kthread().sysc = Uaddr(0)
    if u64(sysc) != 0:
        end(sysc, -1, Errno.EINTR)


def caller() -> Proc:
    p = current_proc()
    assert p is not None
    return p


def is_abort_requested(sysc: Uaddr) -> bool:
    return u64(sysc) != 0 and at(Syscall, u64(sysc)).flags.load() & SyscallFlag.ABORT != 0
