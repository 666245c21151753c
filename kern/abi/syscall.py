# SPDX-License-Identifier: GPL-2.0-or-later
"""The structure of a system call: what user land fills in and the kernel completes. Asynchronous by design.

Life: the user zeroes and fills one, and traps with its address. The kernel runs the call; when it finishes, maybe long
after the trap returned, it stores `retval` (and `err` and `errstr` if it failed) and sets DONE in one atomic operation with the
test whether UEVENT is set; if it is, it sets K_LOCK with it, sends EV_SYSCALL (arg3 = address of this structure) to `ev_q`, and
clears K_LOCK.
The structure may be reused or go out of scope only when DONE is set and K_LOCK is clear.
Several that stand one after the other may be submitted at once: `taken` of the first says how many of them have been. Those are as if
submitted one by one; the others are still to be, since a call waits, or the core has something else to do first.
To be told: store `ev_q`, fence, then compare-and-swap UEVENT into `flags` while neither DONE nor K_LOCK is set. With UTHREAD
the call may come on the list of the vcore that has finished it instead (VcorePreemptData.finished): `ev_q` is the link then, and the
structure stays as it is until it is taken from there.
"""

from enum import IntFlag
from typing import Annotated

from lang import Array, Atomic, Uaddr, array, i64, offset, struct, u8, u32, u64

ERRSTR_LEN: u64 = 128


class SyscallFlag(u32, IntFlag):
    DONE = 1                                # finished: err, errstr and retval are valid
    PROGRESS = 2                            # reserved; treat it like DONE when deciding whether to look again
    UEVENT = 4                              # set by the user: send an event when done
    K_LOCK = 8                              # the kernel is still using the structure
    ABORT = 16                              # set by the kernel: somebody asked for the call to give up
    UTHREAD = 32                            # set by the user with UEVENT: a thread waits; a vcore's list of finished calls does as well


@struct(size=88)
class SyscallWords:
    """The part that both sides work on; the kernel copies just this in."""

    num: Annotated[u32, offset(0)]
    err: Annotated[u32, offset(4)]          # an Errno, 0 when the call succeeded
    retval: Annotated[i64, offset(8)]       # -1 when it failed
    flags: Annotated[Atomic[u32], offset(16)]  # SyscallFlag
    taken: Annotated[u32, offset(20)]       # of the first of several
    ev_q: Annotated[Uaddr, offset(24)]      # an EventQueue, or 0
    u_data: Annotated[u64, offset(32)]      # the user's own; the kernel never looks at it
    args: Annotated[Array[u64], offset(40)] = array(6)


@struct(size=216)
class Syscall(SyscallWords):
    errstr: Annotated[Array[u8], offset(88)] = array(128)  # NUL-terminated sentence when err is not 0
