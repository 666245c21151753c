# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's and parlib's own units, several threads against each other. tests/host/machine stands in for cores and kernel threads."""

from typing import Literal

from lang import ACQUIRE, RELAXED, RELEASE, Array, Atomic, Ref, array, container_of, free, new, struct, u32, u64
from kern.abi.seqcount import SeqCounter
from kern.sync.kref import Kref
from kern.sync.rcu import RcuHead, call_rcu, reading, run_callbacks, synchronize_rcu
from kern.sync.rculist import RcuLink, RcuList
from kern.sync.semaphore import Semaphore
from kern.sync.seqlock import SeqLock
from kern.sync.spinlock import SpinLock
from kern.sync.condvar import CondVar
from kern.sync.qlock import QLock
from parlib.mcs import McsLock, McsNode, McsPdrLock
from parlib.pdr import PdrLock

STAND_INS = "tests/host/machine"


@struct
class Spinning:
    """Two holders never meet, and each sees what the other did."""

    lock: SpinLock
    count: u64

    def bump(self) -> None:
        with self.lock:
            self.count += 1

    def thread_one(self) -> None:
        self.bump()

    def thread_two(self) -> None:
        self.bump()

    def thread_three(self) -> None:
        if self.lock.try_lock():
            self.count += 1
            self.lock.unlock()

    def check(self) -> None:
        assert 2 <= self.count <= 3


@struct
class SeqCounting:
    """A reader sees both values of one update."""

    counter: SeqCounter
    a: u64
    b: u64
    ALLOWS_RACES = True  # what is read may change meanwhile; it is then not used
    PREEMPTIONS = 3

    def thread_writer(self) -> None:
        for i in range(u64(1), u64(3)):
            self.counter.begin_write()
            self.a = i
            self.b = i
            self.counter.end_write()

    def thread_reader(self) -> None:
        while True:
            start = self.counter.begin_read()
            a = self.a
            b = self.b
            if not self.counter.must_retry(start):
                break
        assert a == b and a == start // 2, f"torn: {a} and {b} at {start}"


@struct
class SeqLocking:
    """The same with two writers."""

    seq: SeqLock
    a: u64
    b: u64
    ALLOWS_RACES = True

    def change(self) -> None:
        with self.seq.writing():
            self.a += 1
            self.b += 1

    def thread_one(self) -> None:
        self.change()

    def thread_two(self) -> None:
        self.change()

    def thread_reader(self) -> None:
        while True:
            start = self.seq.begin_read()
            a = self.a
            b = self.b
            if not self.seq.must_retry(start):
                break
        assert a == b, f"torn: {a} and {b}"


@struct
class Thing:
    refs: Kref
    value: u64


@struct
class References:
    """An object found by `get_not_zero` stays until it is put; the last one out sees all that was done to it."""

    thing: Thing
    freed: Atomic[u32]
    PREEMPTIONS = 3

    def setup(self) -> None:
        self.thing.refs.init(1)

    def put(self) -> None:
        if self.thing.refs.put():
            self.thing.value = 99  # a data race, if anybody's use of it is not over
            self.freed.store(1)

    def thread_owner(self) -> None:
        self.thing.value = 5
        self.put()

    def thread_finder(self) -> None:
        if self.thing.refs.get_not_zero():
            assert self.freed.load() == 0, "a reference to what is freed"
            self.put()

    def thread_other(self) -> None:
        if self.thing.refs.get_not_zero():
            assert self.freed.load() == 0, "a reference to what is freed"
            self.put()

    def check(self) -> None:
        assert self.freed.load() == 1


@struct
class McsLocking:
    lock: McsLock
    nodes: Array[McsNode] = array(3)
    count: u64

    def bump(self, node: McsNode) -> None:
        self.lock.lock(node)
        self.count += 1
        self.lock.unlock(node)

    def thread_one(self) -> None:
        self.bump(self.nodes[0])

    def thread_two(self) -> None:
        self.bump(self.nodes[1])

    def thread_three(self) -> None:
        self.bump(self.nodes[2])

    def check(self) -> None:
        assert self.count == 3


@struct
class McsPdrLocking:
    lock: McsPdrLock
    count: u64
    STALE_READS = 1

    def bump(self) -> None:
        with self.lock:
            self.count += 1

    def thread_one(self) -> None:
        self.bump()

    def thread_two(self) -> None:
        self.bump()

    def thread_three(self) -> None:
        self.bump()

    def check(self) -> None:
        assert self.count == 3


@struct
class PdrLocking:
    lock: PdrLock
    count: u64

    def bump(self) -> None:
        with self.lock:
            self.count += 1

    def thread_one(self) -> None:
        self.bump()

    def thread_two(self) -> None:
        self.bump()
        if self.lock.try_lock():
            self.count += 1
            self.lock.unlock()

    def check(self) -> None:
        assert 2 <= self.count <= 3


@struct
class Signals:
    """Each `up` lets one `down` through, and none is lost."""

    semaphore: Semaphore
    passed: Atomic[u32]
    PREEMPTIONS = 1

    def thread_one(self) -> None:
        self.semaphore.down()
        self.passed.add(1)

    def thread_two(self) -> None:
        self.semaphore.down()
        self.passed.add(1)

    def thread_giver(self) -> None:
        self.semaphore.up()
        self.semaphore.up()


@struct
class Sleeping:
    """Who waits on a condition variable wakes when the condition has come true. (A rendez is that, with a deadline.)"""

    cv: CondVar
    ready: bool

    def thread_sleeper(self) -> None:
        with self.cv.lock.irqs_off() as held:
            while not self.ready:
                self.cv.wait(held)

    def thread_waker(self) -> None:
        with self.cv.lock.irqs_off():
            self.ready = True
        self.cv.lock_and_broadcast()


@struct
class SleepingLock:
    lock: QLock
    count: u64
    PREEMPTIONS = 1

    def bump(self) -> None:
        with self.lock:
            self.count += 1

    def thread_one(self) -> None:
        self.bump()

    def thread_two(self) -> None:
        self.bump()

    def thread_three(self) -> None:
        self.bump()

    def check(self) -> None:
        assert self.count == 3


@struct
class Record:
    link: RcuLink["Record"]
    rcu: RcuHead
    value: u64


def free_record(head: RcuHead) -> None:
    free(container_of(Record, "rcu", head))


@struct
class RcuReplacing:
    """A reader uses what it finds to the end of its section, though it is replaced and freed: freed memory is never read."""

    current: Atomic[Ref[Record] | None]

    def setup(self) -> None:
        self.current.store(new(Record, value=1))

    def thread_reader(self) -> None:
        for _ in range(2):
            with reading():
                found = self.current.load(order=ACQUIRE)
                assert found is not None and (found.value == 1 or found.value == 2)

    def thread_writer(self) -> None:
        made = new(Record, value=2)
        old = self.current.load(order=RELAXED)
        self.current.store(made, order=RELEASE)
        synchronize_rcu()
        if old is not None:
            free(old)


@struct
class RcuWalking:
    """A list is walked while an item goes and another comes."""

    items: RcuList[Record, Literal["link"]]

    def setup(self) -> None:
        self.items.push_front(new(Record, value=1))
        self.items.push_front(new(Record, value=2))

    def thread_reader(self) -> None:
        seen: u64 = 0
        with reading():
            item = self.items.first()
            while item is not None:
                seen += item.value
                item = self.items.after(item)
        assert seen & 1 == 1, "an item that was there all the while was not met"

    def thread_writer(self) -> None:
        first = self.items.first()
        assert first is not None
        self.items.remove(first)
        call_rcu(first.rcu, free_record)
        self.items.push_front(new(Record, value=4))
        run_callbacks()
