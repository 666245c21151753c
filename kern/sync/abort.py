# SPDX-License-Identifier: GPL-2.0-or-later
"""Abortable sleeps: a system call that waits for another party can be told to give up, and gives up when its process dies.

    with AbortableSleep(cv=self.cv) as sleep:
        with self.cv.lock.irqs_off() as held:
            while not ready:
                sleep.wait(held)            # raises EINTR, with the lock held as any raise inside `with`
Only waits on condition variables under the variable's own lock can be aborted: never locks or semaphores.
Ktasks are never aborted. The sleep's storage is on the sleeper's stack; leaving waits for an abort in progress.
Calls that wait without a thread (kern/syscall/parked.py) are told by the same functions.
Locks: a bucket's lock is a leaf; the variable's lock is taken without it.
"""

from typing import Callable, Literal

from lang import Atomic, Error, Ref, Uaddr, array, i32, struct, u32, u64
from kern.abi.errno import Errno
from kern.core.percore import core
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.shootdown import relax
from kern.proc.proc import Proc
from kern.sync.condvar import CondVar
from kern.sync.kthread import current_kthread
from kern.sync.spinlock import IrqsOffLock, SpinLock
from kern.syscall.dispatch import is_abort_requested
from kern.syscall.parked import abort_parked

BUCKETS: u64 = 64
MANY: u32 = 0xFFFF_FFFF


@struct
class AbortableSleep:
    cv: Ref[CondVar]
    link: ListLink["AbortableSleep"]
    proc: Ref[Proc] | None                  # not counted: the sleeping thread holds one
    sysc: Uaddr
    fd: i32                                 # that the call is about, or -1
    aborted: Atomic[bool]
    in_progress: Atomic[u32]                # aborters that still use this

    def __enter__(self) -> "AbortableSleep":
        kthread = current_kthread()
        borrows = kthread.borrowing > 0     # another's address space: not where the call is, nor whose it is
        self.proc = None if kthread.is_ktask else kthread.home if borrows else core.mine.cur_proc
        self.sysc = kthread.sysc
        self.fd = kthread.fd
        bucket = bucket_of(self.proc)
        with bucket.lock.irqs_off():
            bucket.sleeps.push_back(self)
        # Registered first, then looked: an abort that came before is seen here, a later one finds us.
        p = self.proc
        if p is not None and (p.gives_calls_up.load() or not borrows and is_abort_requested(self.sysc)):
            self.aborted.store(True)
        return self

    def wait(self, held: IrqsOffLock) -> None:
        """Wait on the variable. Raises EINTR if this call is to give up: also when it was woken and what it waits for is there, so that
        a dead process takes nothing from the living. May raise ENOMEM. The lock is held again."""
        self.check()
        self.cv.wait(held)
        self.check()

    def check(self) -> None:
        """Raise EINTR if this call is to give up."""
        if self.aborted.load():
            raise Error(Errno.EINTR, "the call was aborted")

    def __exit__(self) -> None:
        bucket = bucket_of(self.proc)
        with bucket.lock.irqs_off():
            bucket.sleeps.remove(self)
        while self.in_progress.load() != 0:
            relax()


@struct(align=64)
class Bucket:
    lock: SpinLock
    sleeps: IntrusiveList[AbortableSleep, Literal["link"]]


buckets = array(BUCKETS, Bucket)


def bucket_of(p: Proc | None) -> Bucket:
    if p is None:
        return buckets[0]
    return buckets[u64(p.pid) % BUCKETS]


def abort_call(p: Proc, sysc: Uaddr) -> bool:
    """Make p's call with the structure at `sysc` give up, if it sleeps abortably. Returns whether one did."""
    return abort_parked(p, lambda call: call.sysc == sysc, 1) > 0 or abort_where(p, lambda sleep: sleep.sysc == sysc, 1) > 0


def abort_fd_calls(p: Proc, fd: i32) -> u32:
    """Make all of p's abortable sleeps in calls on descriptor `fd` give up. Returns how many did."""
    return abort_parked(p, lambda call: call.fd == fd, MANY) + abort_where(p, lambda sleep: sleep.fd == fd, MANY)


def abort_all_calls(p: Proc) -> None:
    """Make all of p's abortable sleeps give up. The process gives its calls up, so no new one begins."""
    abort_parked(p, lambda call: True, MANY)
    abort_where(p, lambda sleep: True, MANY)


def abort_where(p: Proc, chosen: Callable[[AbortableSleep], bool], most: u32) -> u32:
    """Abort up to `most` sleeps of a process; how many there were."""
    count: u32 = 0
    while count < most and (sleep := claim(p, chosen)) is not None:
        # Under the variable's lock: between the sleeper's check and its wait it would miss the broadcast.
        sleep.cv.lock_and_broadcast()
        sleep.in_progress.sub(1)
        count += 1
    return count


def claim(p: Proc, chosen: Callable[[AbortableSleep], bool]) -> AbortableSleep | None:
    """Find a sleep that is not aborted yet, and keep it from going away."""
    bucket = bucket_of(p)
    with bucket.lock.irqs_off():
        sleep = bucket.sleeps.first()
        while sleep is not None:
            if sleep.proc is p and chosen(sleep) and not sleep.aborted.load():
                sleep.aborted.store(True)
                sleep.in_progress.add(1)
                return sleep
            sleep = bucket.sleeps.after(sleep)
    return None
