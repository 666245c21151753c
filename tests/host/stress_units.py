# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/host/test_stress.py runs on real threads: the same units that the explorer runs, for as long as one likes."""

from typing import Literal

from lang import RELAXED, Atomic, addr_of, at, container_of, free, new, struct, u32, u64
from kern.sync.kref import Kref
from kern.sync.poke import PokeTracker
from kern.sync.rcu import RcuHead, call_rcu, reading, run_callbacks
from kern.sync.rculist import RcuLink, RcuList
from kern.sync.rwlock import RwLock
from kern.sync.semaphore import Semaphore
from kern.sync.seqlock import SeqLock
from kern.sync.spinlock import SpinLock
from parlib.deque import LOST, NOTHING, Deque
from parlib.mcs import McsLock, McsNode, McsPdrLock
from parlib.pdr import PdrLock


@struct
class Counted:
    """A count that is not atomic, under each kind of lock."""

    spin: SpinLock
    mcs: McsLock
    pdr: PdrLock
    mcs_pdr: McsPdrLock
    signal: Semaphore
    count: u64

    def by_spin(self) -> None:
        with self.spin:
            self.count += 1

    def by_mcs(self) -> None:
        node = McsNode()
        self.mcs.lock(node)
        self.count += 1
        self.mcs.unlock(node)

    def by_pdr(self) -> None:
        with self.pdr:
            self.count += 1

    def by_mcs_pdr(self) -> None:
        with self.mcs_pdr:
            self.count += 1

    def by_semaphore(self) -> None:
        self.signal.down()
        self.count += 1
        self.signal.up()


@struct
class Sequenced:
    seq: SeqLock
    a: u64
    b: u64
    c: u64

    def change(self) -> None:
        with self.seq.writing():
            self.a += 1
            self.b += 2
            self.c += 3

    def read(self) -> None:
        while True:
            start = self.seq.begin_read()
            a = self.a
            b = self.b
            c = self.c
            if not self.seq.must_retry(start):
                break
        assert b == 2 * a and c == 3 * a, f"torn: {a} {b} {c}"


@struct
class Thing:
    refs: Kref
    alive: u64


@struct
class Referenced:
    """One thing comes and goes; who gets a reference finds it alive."""

    thing: Thing

    def use(self) -> None:
        if self.thing.refs.get_not_zero():
            assert self.thing.alive == 1, "a reference to what is gone"
            self.put()

    def renew(self) -> None:
        """The owner's: make it, and give its own reference back."""
        if self.thing.refs.value() == 0 and self.thing.alive == 0:
            self.thing.alive = 1
            self.thing.refs.init(1)
            self.put()

    def put(self) -> None:
        if self.thing.refs.put():
            self.thing.alive = 0


@struct
class Record:
    link: RcuLink["Record"]
    rcu: RcuHead
    state: u64


def drop_record(head: RcuHead) -> None:
    record = container_of(Record, "rcu", head)
    record.state = 0
    free(record)


@struct
class Listed:
    items: RcuList[Record, Literal["link"]]

    def walk(self) -> None:
        with reading():
            item = self.items.first()
            while item is not None:
                assert item.state == 0xA11_7E, "freed while it was walked"
                item = self.items.after(item)

    def replace(self) -> None:
        """One thread's: a new first, the old one goes."""
        first = self.items.first()
        if first is not None:
            self.items.remove(first)
            call_rcu(first.rcu, drop_record)
        self.items.push_front(new(Record, state=0xA11_7E))
        run_callbacks()


@struct
class Broken:
    """What the harness itself is tested with."""

    count: Atomic[u64]
    lock: SpinLock

    def fails_at_100(self) -> None:
        assert self.count.add(1) < 100, "as it should"

    def works(self) -> None:
        self.count.load()

    def unlocked(self) -> None:
        seen = self.count.load(order=RELAXED)
        self.count.store(seen + 1, order=RELAXED)


@struct
class Crowd:
    """Readers and writers, and pokes."""

    rw: RwLock
    a: u64
    b: u64
    tracker: PokeTracker
    posted: Atomic[u64]
    seen: u64
    inside: Atomic[u32]

    def write(self) -> None:
        with self.rw.writing():
            self.a += 1
            self.b += 1

    def read(self) -> None:
        with self.rw.reading():
            assert self.a == self.b, f"torn: {self.a} and {self.b}"

    def poke(self) -> None:
        self.posted.add(1)
        self.tracker.poke(look, addr_of(self))


def look(address: u64) -> None:
    crowd = at(Crowd, address)
    assert crowd.inside.add(1) == 0, "two runs at once"
    crowd.seen = crowd.posted.load()
    crowd.inside.sub(1)


@struct
class Stolen:
    """An owner adds numbers and takes some back, thieves take the rest; what all have got adds up to what was added."""

    deque: Deque
    added: u64
    taken: u64
    stolen: Atomic[u64]
    number: u64

    def own(self) -> None:
        self.number += 1
        if self.deque.push(self.number * 2):
            self.added += self.number * 2
        if self.number % 3 == 0:
            self.taken += self.deque.take()

    def rob(self) -> None:
        found = self.deque.steal()
        if found != LOST and found != NOTHING:
            self.stolen.add(found)
