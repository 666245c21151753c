# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a kernel thread is a thread of the host. Parking is to drop the lock and wait for one's own flag."""

from lang import ACQUIRE, RELEASE, Atomic, Ref, blocks, pause, struct, u32, u64
from kern.core.percore import core
from kern.sync.lockcheck import HeldLocks
from kern.sync.spinlock import IrqsOffLock


@struct
class Kthread:
    next: Ref["Kthread"] | None
    woken: Atomic[u32]
    is_ktask: bool
    must_finish: u32
    qlocks: HeldLocks

    def sleeps_on(self, kind: str, object: u64) -> None:
        pass


def current_kthread() -> Kthread:
    return core.mine.own


def prepare_to_block() -> Kthread:
    kthread = current_kthread()
    core.mine.spare = kthread
    return kthread


def core_is_free() -> bool:
    return True


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
