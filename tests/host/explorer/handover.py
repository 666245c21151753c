# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernel and process hand each other through memory: messages in an unbounded queue, and the end of a system call.

Both sides are the real ones: kern/event/ucq.py and user/parlib/ucq.py, kern/syscall/dispatch.py and user/parlib/blockon.py.
"""

from lang import ACQUIRE, Array, Atomic, Uaddr, addr_of, array, at, pause, struct, u8, u16, u32, u64, wrap
from kern.abi.event import UCQ_SLOTS, EventMsg, EventQueue, Ucq, UcqPage
from kern.abi.syscall import Syscall, SyscallFlag
from kern.event import send
from kern.event.ucq import post_ucq
from kern.mm import mmap
from kern.mm.umem import publish
from kern.proc.proc import Proc
from kern.syscall.dispatch import complete
from parlib.blockon import deregister, register_for
from parlib.pdr import PdrLock
from parlib.ucq import add_spare, ucq_get, ucq_init, ucq_is_empty

STAND_INS = "tests/host/machine"
PAGES: u64 = 6
PAGE: u64 = 4096


@struct
class Pages:
    """Memory for the pages of a queue."""

    room: Array[u8] = array(28672)  # PAGES, and one to align them

    @property
    def first(self) -> u64:
        return (addr_of(self.room) + PAGE - 1) // PAGE * PAGE

    def give(self, ucq: Ucq, used: u64) -> None:
        """The first two to `ucq`, with that many slots of the first one posted and read; the third is the next that the kernel maps."""
        first = self.first
        ucq_init(ucq, first, first + PAGE)
        mmap.next_page.store(first + 2 * PAGE)
        ucq.prod_idx.store(first + used)
        ucq.cons_idx.store(first + used)
        at(UcqPage, first).consumed.store(used)


@struct
class Messages:
    """Two of the kernel's threads post, one vcore takes: each message comes once, whole. The page is about to be full."""

    ucq: Ucq
    p: Proc
    pages: Pages
    PREEMPTIONS = 2
    STALE_READS = 1

    def setup(self) -> None:
        self.pages.give(self.ucq, UCQ_SLOTS - 1)  # one slot is left

    def post(self, number: u64) -> None:
        msg = EventMsg(ev_type=u16(number), arg2=u32(number), arg3=number, arg4=number)
        post_ucq(self.p, Uaddr(addr_of(self.ucq)), msg)

    def thread_one(self) -> None:
        self.post(1)

    def thread_two(self) -> None:
        self.post(2)

    def thread_vcore(self) -> None:
        seen: u64 = 0
        msg = EventMsg()
        while seen != 3:
            if ucq_get(self.ucq, msg):
                number = u64(msg.ev_type)
                assert u64(msg.arg2) == number and msg.arg3 == number and msg.arg4 == number, "half a message"
                assert number & ~u64(3) == 0 and seen & number == 0, "a message twice"
                seen |= number
            else:
                pause()

    def check(self) -> None:
        assert ucq_is_empty(self.ucq)


@struct
class TwoTakers:
    """The page is full, and the kernel puts one message on the next: of two vcores one takes it, and neither waits for another."""

    ucq: Ucq
    p: Proc
    pages: Pages
    taken: Atomic[u32]
    PREEMPTIONS = 2
    STALE_READS = 0

    def setup(self) -> None:
        self.pages.give(self.ucq, UCQ_SLOTS)
        self.ucq.prod_idx.add(1)  # who posts has asked for a slot of the full page before, and was refused

    def take(self) -> None:
        msg = EventMsg()
        while self.taken.load() == 0:
            if ucq_get(self.ucq, msg):
                assert msg.arg3 == 7, "half a message"
                self.taken.add(1)
            elif self.taken.load() == 0:
                pause()

    def thread_kernel(self) -> None:
        post_ucq(self.p, Uaddr(addr_of(self.ucq)), EventMsg(ev_type=u16(1), arg3=7))

    def thread_vcore(self) -> None:
        self.take()

    def thread_other(self) -> None:
        self.take()

    def check(self) -> None:
        assert self.taken.load() == 1 and ucq_is_empty(self.ucq)


@struct
class UsedAgain:
    """Pages that were read go back to the kernel, or are unmapped; none is lost on the way, nor is in two places."""

    ucq: Ucq
    p: Proc
    pages: Pages
    read_page: u64
    taken: Atomic[u32]
    PREEMPTIONS = 2
    STALE_READS = 0

    def setup(self) -> None:
        """One slot of the page is left. Two more wait to be used again, and one has been read; two of these the kernel had to map."""
        self.pages.give(self.ucq, UCQ_SLOTS - 1)
        first = self.pages.first
        at(UcqPage, first + PAGE).next.store(first + 2 * PAGE)
        self.read_page = first + 3 * PAGE
        self.ucq.extra_pages.store(2)
        mmap.next_page.store(first + 4 * PAGE)

    def thread_kernel(self) -> None:
        for number in range(u64(1), u64(3)):
            post_ucq(self.p, Uaddr(addr_of(self.ucq)), EventMsg(ev_type=u16(number)))

    def thread_vcore(self) -> None:
        msg = EventMsg()
        while self.taken.load() < 2:
            if ucq_get(self.ucq, msg):
                self.taken.add(1)
            elif self.taken.load() < 2 and ucq_is_empty(self.ucq):
                pause()

    def thread_other(self) -> None:
        """Has read a page to its end."""
        lock = at(PdrLock, addr_of(self.ucq.consumer_lock))
        page = at(UcqPage, self.read_page)
        lock.lock()
        add_spare(self.ucq, page, page)
        lock.unlock()

    def check(self) -> None:
        assert self.taken.load() == 2 and not ucq_get(self.ucq, EventMsg())
        current = self.ucq.prod_idx.load() // PAGE * PAGE
        count: u64 = 1
        for chain in (self.ucq.spare_page.load(), self.ucq.stock.load()):
            page = chain
            while page != 0:
                assert page != current and count < PAGES, "a page is in two places"
                page = at(UcqPage, page).next.load()
                count += 1
        assert count == 2 + self.ucq.extra_pages.load(), f"{count} pages, {self.ucq.extra_pages.load()} of them beyond two"


@struct
class Overtaken:
    """A vcore is about to take a message; another takes it, and all others of two pages, so that the first stands in the same place again,
    where nothing is now: it does not take what nobody has posted."""

    ucq: Ucq
    p: Proc
    pages: Pages
    PREEMPTIONS = 2
    STALE_READS = 0

    def setup(self) -> None:
        self.pages.give(self.ucq, 0)
        self.post()
        self.post()
        assert ucq_get(self.ucq, EventMsg()), "no message"

    def post(self) -> None:
        post_ucq(self.p, Uaddr(addr_of(self.ucq)), EventMsg())

    def thread_slow(self) -> None:
        _ = ucq_get(self.ucq, EventMsg())

    def thread_others(self) -> None:
        if not ucq_get(self.ucq, EventMsg()):
            return
        for _ in range(2):
            if not self.pass_rest():
                return
            self.post()
            if not ucq_get(self.ucq, EventMsg()):
                return

    def pass_rest(self) -> bool:
        """As if the rest of the page had been posted and read, if all before it was."""
        index = self.ucq.prod_idx.load()
        next = self.ucq.cons_idx.load()
        rest = UCQ_SLOTS - index % PAGE
        page = at(UcqPage, index // PAGE * PAGE)
        if page.consumed.load() != index % PAGE or not self.ucq.cons_idx.cas(next, next + rest):
            return False
        page.consumed.store(UCQ_SLOTS)
        self.ucq.prod_idx.add(rest)
        return True

    def check(self) -> None:
        assert ucq_is_empty(self.ucq)


@struct
class Completion:
    """A call ends while the process asks to be told: it sees DONE, or it is sent an event, and never both nor neither."""

    call: Syscall
    queue: EventQueue
    p: Proc
    registered: Atomic[u32]
    PREEMPTIONS = 3
    STALE_READS = 3

    def thread_kernel(self) -> None:
        sysc = Uaddr(addr_of(self.call))
        old = publish(sysc, 7)
        if wrap(u32, old) & SyscallFlag.UEVENT:
            complete(self.p, sysc)

    def thread_process(self) -> None:
        if register_for(self.call, self.queue):
            self.registered.store(1)
        else:
            self.look()

    def look(self) -> None:
        assert self.call.flags.load(order=ACQUIRE) & 1 == 1 and self.call.retval == 7, "done, and no result"

    def check(self) -> None:
        self.look()
        assert send.sent.load() == u64(self.registered.load()), f"{send.sent.load()} events, {self.registered.load()} asked for"
        assert self.call.flags.load() & SyscallFlag.K_LOCK == 0


@struct
class Withdrawal:
    """The process changes its mind: afterwards the event was sent whole, or never will be, and the kernel is through."""

    call: Syscall
    queue: EventQueue
    p: Proc
    events_after: Atomic[u64]
    PREEMPTIONS = 3

    def setup(self) -> None:
        register_for(self.call, self.queue)

    def thread_kernel(self) -> None:
        sysc = Uaddr(addr_of(self.call))
        old = publish(sysc, 7)
        if wrap(u32, old) & SyscallFlag.UEVENT:
            complete(self.p, sysc)

    def thread_process(self) -> None:
        deregister(self.call)
        self.events_after.store(send.sent.load())

    def check(self) -> None:
        assert send.sent.load() == self.events_after.load(), "an event after it was withdrawn"
