# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages to a process when memory is short, or has just been given back: what cannot be posted is refused, and nobody waits for it.

The queue is the real one, both sides: kern/event/ucq.py and user/parlib/ucq.py. All its pages are shared, as after a fork, so that
whoever writes to one first needs memory; so does whoever needs a page more.
"""

from lang import Array, Atomic, Error, Uaddr, addr_of, array, at, pause, sizeof, struct, u8, u16, u64
from kern.abi.event import UCQ_SLOTS, Ceq, CeqEvent, CeqOperation, EventMsg, Ucq, UcqPage
from kern.event.ceq import post_ceq
from kern.event.ucq import post_ucq
from kern.mm import mmap
from kern.mm.umem import memory
from kern.proc.proc import Proc
from parlib.ceq import ceq_get, ceq_init, ceq_is_empty
from parlib.ucq import ucq_get, ucq_init, ucq_is_empty

STAND_INS = ("tests/host/shortage", "tests/host/machine")
PAGE: u64 = 4096


@struct
class Queue:
    """Two of the kernel's threads post, and one vcore takes all that was posted."""

    p: Proc
    delivered: Atomic[u64]  # by bits: those messages that were not refused
    done: Atomic[u64]  # how many threads are through
    seen: u64
    room: Array[u8] = array(28672)  # six pages, and one to align them

    def place(self) -> u64:
        return (addr_of(self.room) + PAGE - 1) // PAGE * PAGE

    def ucq(self) -> Ucq:
        """The first page; the current one, the spare one and those that the kernel maps are behind it."""
        return at(Ucq, self.place())

    def begin(self, used: u64, left: u64, has_spare: bool) -> None:
        """`used` slots of the page were used before, and there is memory for `left` pages."""
        first = self.place() + PAGE
        ucq = self.ucq()
        ucq_init(ucq, first, first + PAGE if has_spare else 0)
        ucq.prod_idx.store(first + used)
        ucq.cons_idx.store(first + used)
        at(UcqPage, first).consumed.store(used)
        mmap.next_page.store(first + 2 * PAGE)
        memory.base = self.place()
        memory.left.store(left)

    def post(self, number: u64) -> None:
        try:
            post_ucq(self.p, Uaddr(self.place()), EventMsg(ev_type=u16(number), arg3=number))
            self.delivered.or_(number)
        except Error:
            pass

    def post_last(self, number: u64) -> None:
        self.post(number)
        self.done.add(1)

    def take(self) -> bool:
        msg = EventMsg()
        if not ucq_get(self.ucq(), msg):
            return False
        number = u64(msg.ev_type)
        assert msg.arg3 == number and self.seen & number == 0, "half a message, or one twice"
        self.seen |= number
        return True

    def take_all(self) -> None:
        while self.done.load() < 2 or not ucq_is_empty(self.ucq()):
            if not self.take() and self.done.load() < 2:
                pause()

    def end(self) -> None:
        """Once there is memory again, so are messages."""
        assert self.seen == self.delivered.load(), f"seen {self.seen}, posted {self.delivered.load()}"
        memory.left.store(8)
        self.post(8)
        assert self.take() and self.seen & 8 != 0 and not self.take(), "a message lost after a shortage"


@struct
class NoMemory:
    """There is none at all: both are refused."""

    queue: Queue

    def setup(self) -> None:
        self.queue.begin(0, 0, True)

    def thread_one(self) -> None:
        self.queue.post_last(1)

    def thread_two(self) -> None:
        self.queue.post_last(2)

    def thread_vcore(self) -> None:
        self.queue.take_all()

    def check(self) -> None:
        assert self.queue.delivered.load() == 0
        self.queue.end()


@struct
class NoPageForSlots:
    """The queue can be written to, the page of its slots cannot."""

    queue: Queue

    def setup(self) -> None:
        self.queue.begin(5, 1, True)

    def thread_one(self) -> None:
        self.queue.post_last(1)

    def thread_two(self) -> None:
        self.queue.post_last(2)

    def thread_vcore(self) -> None:
        self.queue.take_all()

    def check(self) -> None:
        assert memory.dug.load() == 0, "the kernel's own memory was taken, though nothing had begun"
        self.queue.end()


@struct
class LastSlot:
    """One slot is left, and no memory for the page behind it, which is there."""

    queue: Queue
    STALE_READS = 0

    def setup(self) -> None:
        self.queue.begin(UCQ_SLOTS - 1, 2, True)

    def thread_one(self) -> None:
        self.queue.post_last(1)

    def thread_two(self) -> None:
        self.queue.post_last(2)

    def thread_vcore(self) -> None:
        self.queue.take_all()

    def check(self) -> None:
        assert self.queue.delivered.load() in (1, 2), "one of them has a slot"
        self.queue.end()


@struct
class NoSpare:
    """The page is full, no other is there, and there is no memory for one."""

    queue: Queue
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.queue.begin(UCQ_SLOTS, 2, False)

    def thread_one(self) -> None:
        self.queue.post_last(1)

    def thread_two(self) -> None:
        self.queue.post_last(2)

    def thread_vcore(self) -> None:
        self.queue.take_all()

    def check(self) -> None:
        self.queue.end()


@struct
class ForkedMeanwhile:
    """The process forks, at any moment, and no memory is left then: who has taken a slot fills it all the same."""

    queue: Queue
    STALE_READS = 0

    def setup(self) -> None:
        self.queue.begin(5, 2, True)

    def thread_one(self) -> None:
        self.queue.post_last(1)

    def thread_fork(self) -> None:
        memory.left.store(0)
        memory.is_forked()
        self.queue.done.add(1)

    def thread_vcore(self) -> None:
        self.queue.take_all()

    def check(self) -> None:
        self.queue.end()


@struct
class ForkedAtTheEnd:
    """The same while the page is turned."""

    queue: Queue
    STALE_READS = 0

    def setup(self) -> None:
        self.queue.begin(UCQ_SLOTS, 3, True)

    def thread_one(self) -> None:
        self.queue.post_last(1)

    def thread_fork(self) -> None:
        memory.left.store(0)
        memory.is_forked()
        self.queue.done.add(1)

    def thread_vcore(self) -> None:
        self.queue.take_all()

    def check(self) -> None:
        self.queue.end()


@struct
class PageGone:
    """While somebody posts, others fill the page and two more, and the process reads all, and unmaps that page: the message comes."""

    queue: Queue
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.queue.begin(UCQ_SLOTS - 1, 8, True)

    def thread_one(self) -> None:
        self.queue.post_last(1)

    def thread_others(self) -> None:
        self.queue.post(2)
        self.queue.post(4)
        second = self.queue.place() + 2 * PAGE
        ucq = self.queue.ucq()
        # As if all of the second page had been posted, and read, unless the other's message is there.
        if ucq.prod_idx.cas(second + 1, second + UCQ_SLOTS):
            self.queue.post(16)
            assert self.queue.take() and self.queue.take()
            ucq.cons_idx.store(second + UCQ_SLOTS)
            at(UcqPage, second).consumed.store(UCQ_SLOTS)
            assert self.queue.take()
            _ = self.queue.take()
        self.queue.done.add(1)

    def check(self) -> None:
        while self.queue.take():
            pass
        assert self.queue.delivered.load() & 7 == 7, "a message was refused, though there is memory"
        self.queue.end()


@struct
class ForkedCoalescing:
    """The process forks while a message is posted to a coalescing queue, or before, and no memory is left: nobody waits for the ring."""

    done: Atomic[u64]
    delivered: Atomic[u64]
    seen: u64
    room: Array[u8] = array(16384)  # three pages, and one to align them
    STALE_READS = 0

    def place(self) -> u64:
        return (addr_of(self.room) + PAGE - 1) // PAGE * PAGE

    def ceq(self) -> Ceq:
        """The queue, its events and its ring are on a page each."""
        return at(Ceq, self.place())

    def setup(self) -> None:
        ceq_init(self.ceq(), self.place() + 2 * PAGE - 2 * sizeof(CeqEvent), 2, 2, CeqOperation.OR)
        memory.base = self.place()
        memory.left.store(2)

    def post(self, number: u16) -> None:
        try:
            post_ceq(Uaddr(self.place()), EventMsg(ev_type=number, arg2=1))
            self.delivered.or_(u64(1) << u64(number))
        except Error:
            pass

    def thread_one(self) -> None:
        self.post(0)
        self.post(1)
        self.done.add(1)

    def thread_fork(self) -> None:
        memory.left.store(0)
        memory.is_forked()
        self.done.add(1)

    def thread_vcore(self) -> None:
        while self.done.load() < 2 or not ceq_is_empty(self.ceq()):
            if not self.take() and self.done.load() < 2:
                pause()

    def take(self) -> bool:
        msg = EventMsg()
        if not ceq_get(self.ceq(), msg):
            return False
        self.seen |= u64(1) << u64(msg.ev_type)
        return True

    def check(self) -> None:
        assert self.seen & self.delivered.load() == self.delivered.load(), f"seen {self.seen}, posted {self.delivered.load()}"
        memory.left.store(8)
        for number in range(u16(2)):
            self.seen = 0
            self.post(number)
            assert self.take() and self.seen == u64(1) << u64(number), "a message lost after a shortage"
