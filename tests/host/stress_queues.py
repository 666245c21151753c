# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues between cores, for tests/host/test_stress.py: kernel and process through the UCQ and the CEQ, and the kernel's own Bcq.

Each has PRODUCERS that send numbered messages and CONSUMERS that keep a ledger of what they have got.
"""

from lang import RELAXED, Array, Atomic, Uaddr, addr_of, array, pause, struct, u16, u32, u64
from kern.abi.event import Ceq, CeqEvent, CeqOperation, EventMsg, Ucq
from kern.event.ceq import post_ceq
from kern.event.ucq import post_ucq
from kern.lib.bcq import Bcq, BcqSlot
from kern.mm.mmap import open_pages, pages_in_use, take_page
from kern.proc.proc import Proc
from parlib.ceq import RingSlot, ceq_get, ceq_init, ceq_is_empty
from parlib.ucq import ucq_get, ucq_init, ucq_is_empty

PRODUCERS: u64 = 3
CONSUMERS: u64 = 2
BACKLOG: u64 = 1500  # messages on their way: a dozen pages of a Ucq
WINDOW: u64 = 4096  # more than can be on their way; and a shift of 12
NR_IDS: u64 = 13
SHARED_ID: u64 = 12  # all producers'; the others have one each
RING: u64 = 2  # of NR_IDS ids: it overflows


@struct
class Cell:
    number: Atomic[u64]


@struct
class Ledger:
    """Messages of each producer are numbered from 1 on. Each comes once, and a consumer sees those of a producer in their order."""

    sent: Array[Cell] = array(3)  # by producer: its last number
    taken: Array[Cell] = array(2)  # by consumer: how many
    last: Array[Cell] = array(6)  # by consumer and producer: the last number it saw
    came: Array[Cell] = array(12288)  # by producer and number % WINDOW: the last that came

    def total_sent(self) -> u64:
        return self.sent[0].number.load() + self.sent[1].number.load() + self.sent[2].number.load()

    def total_taken(self) -> u64:
        return self.taken[0].number.load() + self.taken[1].number.load()

    def may_send(self, producer: u64) -> bool:
        """Producers wait for consumers that are far behind, and for one that stands still with a message while others go on."""
        number = self.next(producer)
        passed = self.came[producer * WINDOW + number % WINDOW].number.load() == before_it(number)
        taken = self.total_taken()
        if passed and self.total_sent() - taken < BACKLOG:
            return True
        pause()
        return False

    def next(self, producer: u64) -> u64:
        return self.sent[producer].number.load(order=RELAXED) + 1

    def took(self, consumer: u64, producer: u64, number: u64) -> None:
        assert producer < PRODUCERS, f"a message of producer {producer}"
        last = self.last[consumer * PRODUCERS + producer]
        assert number > last.number.load(order=RELAXED), f"{number} of producer {producer} after {last.number.load(order=RELAXED)}"
        last.number.store(number, order=RELAXED)
        before = self.came[producer * WINDOW + number % WINDOW].number.swap(number)
        assert before == before_it(number), f"{number} of producer {producer} came after {before}"
        self.taken[consumer].number.add(1)


def before_it(number: u64) -> u64:
    """The number whose place in the window this one takes."""
    return number - WINDOW if number > WINDOW else u64(0)


@struct
class Messages:
    """A Ucq: kernel threads post, vcores take; pages are mapped and unmapped under way."""

    ucq: Ucq
    p: Proc
    ledger: Ledger

    def open(self) -> None:
        open_pages()
        ucq_init(self.ucq, take_page(), take_page())

    def post(self, producer: u64) -> None:
        if self.ledger.may_send(producer):
            number = self.ledger.next(producer)
            msg = EventMsg(ev_type=u16(producer + 1), arg1=u16(number & 0xFFFF), arg2=u32(producer), arg3=number, arg4=~number)
            post_ucq(self.p, Uaddr(addr_of(self.ucq)), msg)
            self.ledger.sent[producer].number.store(number)

    def take(self, consumer: u64) -> bool:
        msg = EventMsg()
        if not ucq_get(self.ucq, msg):
            return False
        producer = u64(msg.arg2)
        assert u64(msg.ev_type) == producer + 1 and msg.arg4 == ~msg.arg3 and u64(msg.arg1) == msg.arg3 & 0xFFFF, "half a message"
        self.ledger.took(consumer, producer, msg.arg3)
        return True

    def close(self) -> None:
        """Take what is left. All messages have come then, and the process has the two pages it began with and those it counts."""
        while self.take(0):
            pass
        assert ucq_is_empty(self.ucq)
        pages = 2 + self.ucq.extra_pages.load()
        assert pages_in_use() == pages, f"{pages_in_use()} pages in use, {pages} of the queue"


@struct
class Tickets:
    """A Bcq of four slots."""

    queue: Bcq[u64]
    slots: Array[BcqSlot[u64]] = array(4)
    ledger: Ledger

    def open(self) -> None:
        self.queue.init(self.slots[0:4])

    def push(self, producer: u64) -> None:
        number = self.ledger.next(producer)
        if self.ledger.may_send(producer) and self.queue.push(producer << 56 | number):
            self.ledger.sent[producer].number.store(number)

    def pop(self, consumer: u64) -> bool:
        ticket = self.queue.pop()
        if ticket is None:
            return False
        self.ledger.took(consumer, ticket >> 56, ticket & (u64(1) << 56) - 1)
        return True

    def close(self) -> None:
        while self.pop(0):
            pass
        assert self.queue.is_empty()


@struct
class CeqMemory:
    events: Array[CeqEvent] = array(13)
    ring: Array[RingSlot] = array(2)


@struct
class Coalesced:
    """A Ceq that adds: what comes out under an id is in sum what went in under it, however it was joined.

    A producer posts a few messages under an id, then waits until they have come: the next one would hide that the last was lost.
    """

    ceq: Ceq
    memory: CeqMemory
    posted: Array[Cell] = array(13)  # by id
    came: Array[Cell] = array(13)
    messages: Atomic[u64]
    posts: Array[u64] = array(3)  # by producer
    bursts: Array[u64] = array(3)

    def open(self) -> None:
        ceq_init(self.ceq, addr_of(self.memory), u32(NR_IDS), u32(RING), CeqOperation.ADD)

    def post(self, producer: u64) -> None:
        burst = self.bursts[producer]
        number = producer * 4 + burst % 4
        if self.posts[producer] <= burst % 3:
            self.post_to(number, burst % 5 + 1)
            self.posts[producer] += 1
        elif self.came[number].number.load() == self.posted[number].number.load():
            self.post_to(SHARED_ID, 1)
            self.bursts[producer] += 1
            self.posts[producer] = 0
        else:
            pause()

    def post_to(self, number: u64, amount: u64) -> None:
        msg = EventMsg(ev_type=u16(number), arg2=u32(amount), arg3=number << 32 | 0xB10B)
        post_ceq(Uaddr(addr_of(self.ceq)), msg)
        self.posted[number].number.add(amount)

    def take(self) -> bool:
        msg = EventMsg()
        if not ceq_get(self.ceq, msg):
            return False
        number = u64(msg.ev_type)
        assert number < NR_IDS and msg.arg2 != 0 and msg.arg3 == (number << 32 | 0xB10B), f"no message: {number} {msg.arg2} {msg.arg3:#x}"
        self.came[number].number.add(u64(msg.arg2))
        self.messages.add(1)
        return True

    def close(self) -> None:
        while self.take():
            pass
        assert ceq_is_empty(self.ceq)
        for i in range(NR_IDS):
            came = self.came[i].number.load()
            posted = self.posted[i].number.load()
            assert came == posted, f"id {i}: {came} came of {posted}"
