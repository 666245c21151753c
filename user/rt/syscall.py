# SPDX-License-Identifier: LGPL-2.1-or-later
"""The user half of a system call: submit, wait, look at the result. The stubs in `syscalls` are written on these.

A call is asynchronous by nature: `raw_submit` may return before it is done. `wait_for` blocks the calling thread, not its
core, until it is; `result_of` then gives the value or raises `Error` with the kernel's number and sentence.
Several at once: `submit_read(a, …)`, `submit_read(b, …)`, then `wait_for(a)`, `wait_for(b)`. Very many, with a trap for dozens of
them: `start_call` and `fill_read` for each in an array, then `submit_all`.
A Syscall may be reused or go out of scope only after `wait_for` (or `is_done`) said so.
"""

from lang import ACQUIRE, RELAXED, Errno, Error, Span, Uaddr, addr_of, cold, inline, noinline, pause, u8, u32, u64, wrap
from kern.abi.syscall import Syscall
from parlib.blockon import block_on
from parlib.cancel import test_cancel
from parlib.machine import syscall_trap

IN_KERNEL = 8                               # SyscallFlag.K_LOCK
FINISHED = 1                                # SyscallFlag.DONE


@inline
def start_call(call: Syscall) -> None:
    """Fill in, of a structure that holds anything, what the kernel does not store when a call succeeds."""
    call.flags.store(u32(0), order=RELAXED)
    call.ev_q = Uaddr(0)
    call.err = 0


def raw_submit(call: Syscall) -> None:
    """Trap with one filled-in call. It may or may not be done afterwards."""
    syscall_trap(addr_of(call), 1)


def submit_all(calls: Span[Syscall]) -> None:
    """Submit calls that are filled in, in their order, with as few traps as the kernel needs: it comes back when one has to wait."""
    begun: u64 = 0
    while begun < len(calls):
        first = calls[begun]
        first.taken = 1                     # which the kernel says of several only
        syscall_trap(addr_of(first), len(calls) - begun)
        begun += u64(first.taken)


def is_done(call: Syscall) -> bool:
    """Whether the call is over, so that the kernel does not touch the structure any more."""
    return call.flags.load(order=ACQUIRE) & (FINISHED | IN_KERNEL) == FINISHED  # pairs with `complete` of kern/syscall/dispatch.py


def wait_for(call: Syscall) -> None:
    """Block the calling thread until the call is over. In vcore context it can only spin."""
    if not is_done(call):
        go_on_waiting(call)


@noinline
def go_on_waiting(call: Syscall) -> None:
    """For a call that was not over a moment ago."""
    while True:
        if call.flags.load(order=RELAXED) & FINISHED == 0:
            block_on(call)
        else:                               # the kernel is on its way to tell somebody: the structure is its own until K_LOCK is clear
            pause()
        if is_done(call):
            return


@inline
def finish(call: Syscall) -> None:
    """What every stub does between its trap and its result."""
    if not is_done(call):
        go_on_waiting(call)


def errno(call: Syscall) -> Errno:
    """The error number of a call that is over; OK if it succeeded."""
    return Errno(call.err)


def failed(call: Syscall) -> bool:
    """Whether a call that is over failed: one rule for all calls, whatever their values mean."""
    return call.err != 0


def error_text(call: Syscall) -> str:
    """The kernel's sentence about a failed call; lives in the structure."""
    return c_string(call.errstr)


def c_string(bytes: Span[u8]) -> str:
    """The part before the first NUL."""
    length: u64 = 0
    while length < len(bytes) and bytes[length] != 0:
        length += 1
    return bytes[:length]


@inline
def result_of(call: Syscall) -> u64:
    """The value of a call that is over, as the raw word; raises what the kernel answered instead."""
    if call.err != 0:
        raise_answer(call)
    return wrap(u64, call.retval)


@noinline
@cold
def raise_answer(call: Syscall) -> None:
    """What the kernel says of a call that failed."""
    if errno(call) == Errno.EINTR:
        test_cancel()
    raise Error(errno(call), f"{error_text(call)}")


def reset(call: Syscall) -> None:
    """Make a finished call ready to be submitted again; arguments are kept."""
    call.err = 0
    call.retval = 0
    call.ev_q = Uaddr(0)
    call.flags.store(u32(0))
