# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where uthreads wait for a sync object: two words that belong to the 2LS, which so decides who is woken first.

A mutex, a condition variable or a semaphore has one, under a lock of its own; the lock is held at every call here but `init`. By default
it is a list in the order of arrival; a 2LS that overrides the `sync_…` operations of `sched.Scheduler` keeps whatever it likes in the two
words. All zero is a fresh one, so that a sync object needs no constructor.
"""

from lang import Ref, must_use, struct
from parlib import sched
from parlib.uthread import Uthread


@struct(size=16)
class UthSync:
    """What Akaros calls uth_sync_t."""

    head: Ref[Uthread] | None               # linked by `next` and `prev`, with the default operations
    tail: Ref[Uthread] | None

    def init(self) -> None:
        """Make it fresh, whatever was there. Not needed for memory that is zero."""
        sched.current.sync_init(self)

    def destroy(self) -> None:
        """Its object is about to go; nobody waits."""
        sched.current.sync_destroy(self)

    def enqueue(self, uthread: Uthread) -> None:
        """Add a thread that is saved."""
        if sched.keeps_waiters:
            sched.current.sync_enqueue(self, uthread)
        else:
            fifo_push(self, uthread)

    def get_next(self) -> Uthread | None:
        """Take out the thread that is to be woken next."""
        return sched.current.sync_get_next(self) if sched.keeps_waiters else fifo_pop(self)

    @must_use
    def get_uth(self, uthread: Uthread) -> bool:
        """Take out this thread; False if it is not in there (any more): then it is somebody else's to wake."""
        return sched.current.sync_get_uth(self, uthread) if sched.keeps_waiters else fifo_remove(self, uthread)

    def forget(self, uthread: Uthread) -> None:
        """Take out this thread, if it is in there, which is none any more."""
        if self.get_uth(uthread):
            pass

    def swap(self, other: "UthSync") -> None:
        """Exchange all waiters of two."""
        if sched.keeps_waiters:
            sched.current.sync_swap(self, other)
        else:
            fifo_swap(self, other)

    def is_empty(self) -> bool:
        return sched.current.sync_is_empty(self) if sched.keeps_waiters else self.head is None


# -- in the order of arrival ----------------------------------------------------------------------------------------
def fifo_push(sync: UthSync, uthread: Uthread) -> None:
    tail = sync.tail
    uthread.next = None
    uthread.prev = tail
    uthread.waits_in = sync
    if tail is None:
        sync.head = uthread
    else:
        tail.next = uthread
    sync.tail = uthread


def fifo_pop(sync: UthSync) -> Uthread | None:
    head = sync.head
    if head is not None:
        follower = head.next
        sync.head = follower
        if follower is None:
            sync.tail = None
        else:
            follower.prev = None
        head.waits_in = None
    return head


@must_use
def fifo_remove(sync: UthSync, uthread: Uthread) -> bool:
    """In constant time, wherever it is."""
    if uthread.waits_in is not sync:
        return False
    before = uthread.prev
    after = uthread.next
    if before is None:
        sync.head = after
    else:
        before.next = after
    if after is None:
        sync.tail = before
    else:
        after.prev = before
    uthread.waits_in = None
    return True


def fifo_swap(one: UthSync, other: UthSync) -> None:
    """As long as there are waiters: each must know where it is, so that a time-out that comes now looks for it in vain."""
    one.head, other.head = other.head, one.head
    one.tail, other.tail = other.tail, one.tail
    claim(one)
    claim(other)


def claim(sync: UthSync) -> None:
    uthread = sync.head
    while uthread is not None:
        uthread.waits_in = sync
        uthread = uthread.next
