# SPDX-License-Identifier: GPL-2.0-or-later
"""What many cores meet at: readers and writers, pokes, checklists, bounded queues, counts, barriers of memory."""

from lang import Array, Atomic, addr_of, array, at, struct, u32, u64
from kern.core.core_set import CoreSet
from kern.lib.bcq import Bcq, BcqSlot
from kern.sync.atomics import add_not_zero, sub_and_test
from kern.sync.checklist import Checklist
from kern.sync.hashlock import SmallHashLocks
from kern.sync.membar import mb, rmb, wmb, wrmb
from kern.sync.poke import PokeTracker
from kern.sync.rwlock import RwLock

STAND_INS = "tests/host/machine"


@struct
class ReadersAndWriters:
    """Readers see whole updates; no update is lost; nobody sleeps for ever."""

    lock: RwLock
    a: u64
    b: u64
    PREEMPTIONS = 1
    STALE_READS = 1

    def thread_one(self) -> None:
        with self.lock.writing():
            self.a += 1
            self.b += 1

    def thread_two(self) -> None:
        with self.lock.writing():
            self.a += 1
            self.b += 1

    def thread_reader(self) -> None:
        with self.lock.reading():
            assert self.a == self.b, "half of an update"

    def check(self) -> None:
        assert self.a == 2 and self.b == 2
        assert self.lock.readers == 0 and not self.lock.written


@struct
class TryingReaders:
    """Two may read at once, nobody while one writes; who only tries gets in or not at once."""

    lock: RwLock
    value: u64
    reads: Atomic[u32]
    STALE_READS = 1

    def read(self) -> None:
        if self.lock.try_read():
            assert self.value % 2 == 0
            self.lock.leave_read()
            self.reads.add(1)

    def thread_one(self) -> None:
        self.read()

    def thread_two(self) -> None:
        self.read()

    def thread_writer(self) -> None:
        if self.lock.try_write():
            self.value += 1
            self.value += 1
            self.lock.leave_write()

    def check(self) -> None:
        assert self.lock.try_write()


@struct
class Poking:
    """Runs never overlap, and one begins after every poke."""

    tracker: PokeTracker
    posted: Atomic[u32]
    seen: u32  # a race, if two run at once

    def post(self) -> None:
        self.posted.add(1)
        self.tracker.poke(look, addr_of(self))

    def thread_one(self) -> None:
        self.post()

    def thread_two(self) -> None:
        self.post()

    def thread_three(self) -> None:
        self.post()

    def check(self) -> None:
        assert self.seen == 3, f"{self.seen} of 3 pokes were heard"


def look(address: u64) -> None:
    poking = at(Poking, address)
    poking.seen = poking.posted.load()


@struct
class CheckingIn:
    """Who waits sees what all have done before they checked in."""

    checklist: Checklist
    results: Array[u32] = array(2)

    def setup(self) -> None:
        cores = CoreSet()
        cores.add(0)
        cores.add(1)
        self.checklist.expect(cores)

    def thread_one(self) -> None:
        self.results[0] = 5
        self.checklist.check_in_as(0)

    def thread_two(self) -> None:
        self.results[1] = 6
        self.checklist.check_in_as(1)

    def thread_waiter(self) -> None:
        self.checklist.wait()
        assert self.results[0] == 5 and self.results[1] == 6


@struct
class BoundedQueue:
    """Each element comes out once, a sender's in order, whoever takes them."""

    queue: Bcq[u64]
    slots: Array[BcqSlot[u64]] = array(2)
    taken: Atomic[u64]
    sent: Atomic[u64]

    def setup(self) -> None:
        self.queue.init(self.slots[0:2])

    def send(self, value: u64) -> None:
        if self.queue.push(value):
            self.sent.add(value)

    def take(self) -> u64:
        value = self.queue.pop()
        if value is None:
            return 0
        self.taken.add(value)
        return value

    def thread_one(self) -> None:
        self.send(1)
        self.send(2)

    def thread_two(self) -> None:
        self.send(16)

    def thread_taker(self) -> None:
        before: u64 = 0
        for _ in range(2):
            value = self.take()
            assert value == 0 or value == 16 or value > before, "out of order"
            if value not in (0, 16):
                before = value

    def check(self) -> None:
        for _ in range(3):
            self.take()
        assert self.taken.load() == self.sent.load()


@struct
class ReusedSlots:
    """What a slot held is taken before it is filled anew; two takers never get the same."""

    queue: Bcq[u64]
    slots: Array[BcqSlot[u64]] = array(2)
    taken: Atomic[u64]
    sent: Atomic[bool]

    def setup(self) -> None:
        self.queue.init(self.slots[0:2])
        assert self.queue.push(1) and self.queue.push(8) and not self.queue.push(9)

    def take(self) -> None:
        value = self.queue.pop()
        if value is not None:
            self.taken.add(value)

    def thread_sender(self) -> None:
        if self.queue.push(64):
            self.sent.store(True)

    def thread_one(self) -> None:
        self.take()

    def thread_two(self) -> None:
        self.take()

    def check(self) -> None:
        self.take()
        assert self.taken.load() == (73 if self.sent.load() else 9)


@struct
class LastOneOut:
    """A count that has reached zero stays there, and one alone has brought it there."""

    count: Atomic[u64]
    last: Atomic[u32]
    PREEMPTIONS = 3

    def setup(self) -> None:
        self.count.store(1)

    def visit(self) -> None:
        if add_not_zero(self.count, 1):
            assert self.last.load() == 0
            self.leave()

    def leave(self) -> None:
        if sub_and_test(self.count, 1):
            self.last.add(1)

    def thread_owner(self) -> None:
        self.leave()

    def thread_one(self) -> None:
        self.visit()

    def thread_two(self) -> None:
        self.visit()

    def check(self) -> None:
        assert self.last.load() == 1 and self.count.load() == 0


@struct
class HashLocked:
    """The same key is the same lock."""

    locks: SmallHashLocks
    count: u64

    def bump(self) -> None:
        with self.locks.of(addr_of(self)):
            self.count += 1

    def thread_one(self) -> None:
        self.bump()

    def thread_two(self) -> None:
        self.bump()

    def check(self) -> None:
        assert self.count == 2


@struct
class MessagePassing:
    """Litmus test MP: wmb on one side, rmb on the other."""

    data: u32
    flag: u32
    ALLOWS_RACES = True

    def thread_writer(self) -> None:
        self.data = 1
        wmb()
        self.flag = 1

    def thread_reader(self) -> None:
        flag = self.flag
        rmb()
        assert flag == 0 or self.data == 1


@struct
class StoreBuffering:
    """Litmus test SB: wrmb on both sides, or one of them loses a wake-up."""

    x: u32
    y: u32
    a: u32
    b: u32
    ALLOWS_RACES = True

    def thread_one(self) -> None:
        self.x = 1
        wrmb()
        self.a = self.y

    def thread_two(self) -> None:
        self.y = 1
        wrmb()
        self.b = self.x

    def check(self) -> None:
        assert self.a == 1 or self.b == 1


@struct
class IndependentReads:
    """Litmus test IRIW: with mb two readers agree on the order of two writes."""

    x: u32
    y: u32
    first: Atomic[u32]
    second: Atomic[u32]
    ALLOWS_RACES = True
    PREEMPTIONS = 3

    def thread_x(self) -> None:
        self.x = 1

    def thread_y(self) -> None:
        self.y = 1

    def thread_one(self) -> None:
        x = self.x
        mb()
        self.first.store(x << 1 | self.y)

    def thread_two(self) -> None:
        y = self.y
        mb()
        self.second.store(y << 1 | self.x)

    def check(self) -> None:
        assert self.first.load() != 2 or self.second.load() != 2
