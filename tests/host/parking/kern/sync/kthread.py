# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a kernel thread is a thread of the host, and makes a system call. Parking is to drop the lock and wait for one's own flag."""

from lang import ACQUIRE, RELEASE, Atomic, Ref, Uaddr, blocks, i32, pause, struct, u32, u64
from kern.abi.syscall import SyscallWords
from kern.core.percore import core
from kern.proc.proc import Proc
from kern.sync.lockcheck import HeldLocks
from kern.sync.spinlock import IrqsOffLock


@struct
class Kthread:
    next: Ref["Kthread"] | None
    woken: Atomic[u32]
    is_ktask: bool
    qlocks: HeldLocks
    sysc: Uaddr
    fd: i32
    was_parked: bool
    call: SyscallWords
    borrowing: u32
    home: Ref[Proc] | None

    def sleeps_on(self, kind: str, object: u64) -> None:
        pass


@struct
class BlockedCall:
    sysc: Uaddr
    words: SyscallWords


def current_kthread() -> Kthread:
    return core.mine.own


def prepare_to_block() -> Kthread:
    kthread = current_kthread()
    core.mine.spare = kthread
    return kthread


@blocks
def park(kthread: Kthread, releasing: IrqsOffLock) -> None:
    """Wait for `wake(kthread)`; the lock is dropped meanwhile."""
    releasing.spin.unlock()
    while kthread.woken.load(order=ACQUIRE) == 0:
        pause()
    kthread.woken.store(0)
    releasing.spin.lock()


def wake(kthread: Kthread) -> None:
    kthread.woken.store(1, order=RELEASE)
