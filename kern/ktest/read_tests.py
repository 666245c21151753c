# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading without locks, on real cores: sequence locks and RCU. On a machine with one core there is nobody to read against."""

from typing import Literal

from lang import Array, Atomic, Error, array, container_of, free, new, struct, u64
from arch import smp
from kern.core.kmsg import send_routine
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm.shootdown import relax
from kern.sync.rcu import RcuHead, call_rcu, rcu_barrier, reading, synchronize_rcu
from kern.sync.rculist import RcuLink, RcuList
from kern.sync.rendez import sleep_ns
from kern.sync.seqlock import SeqLock
from kern.sync.spinlock import SpinLock
from kern.time.clock import NS_PER_MS

CHANGES: u64 = 20_000
WALKS: u64 = 2_000
ITEMS: u64 = 8
ALIVE: u64 = 0xA11_7E


@struct
class Guarded:
    seq: SeqLock
    values: Array[u64] = array(4)


@struct
class Item:
    link: RcuLink["Item"]
    rcu: RcuHead
    state: u64


guarded = Guarded()
entered = Atomic[u64](0)
released = Atomic[u64](0)
over = Atomic[u64](0)
called = Atomic[u64](0)
bad = Atomic[u64](0)
items = RcuList[Item, Literal["link"]]()
items_lock = SpinLock()
head = RcuHead()


def change_values(count: u64, unused1: u64, unused2: u64) -> None:
    for _ in range(count):
        with guarded.seq.writing():
            for i in range(u64(4)):
                guarded.values[i] += i + 1
    over.store(1)


def read_values() -> u64:
    """One reading, which is of one moment."""
    while True:
        start = guarded.seq.begin_read()
        base = guarded.values[0]
        whole = guarded.values[1] == 2 * base and guarded.values[2] == 3 * base and guarded.values[3] == 4 * base
        if not guarded.seq.must_retry(start):
            check(whole, f"torn at {base}")
            return base
        relax()


@kernel_tests
class SeqLockReads(KernelTest):
    """A reader on one core meets every state of a writer on another, and never half of one."""

    name: str = "read.seqlock"

    def run(self) -> None:
        if smp.core_count() < 2:
            return
        over.store(0)
        send_routine(1, change_values, CHANGES, 0, 0)
        while over.load() == 0:
            read_values()
        equal(read_values(), CHANGES, "changes that were seen in the end")


def stay_in_section(unused0: u64, unused1: u64, unused2: u64) -> None:
    with reading():
        with reading():
            entered.store(1)
        while released.load() == 0:
            relax()
        over.store(1)


def note_call(head: RcuHead) -> None:
    called.store(1 + over.load())


@kernel_tests
class RcuWaits(KernelTest):
    """A callback waits for a section that began before it, and for no other."""

    name: str = "read.rcu_waits"

    def run(self) -> None:
        synchronize_rcu()                   # nobody reads: at once
        if smp.core_count() < 2:
            return
        for flag in (entered, released, over, called):
            flag.store(0)
        send_routine(1, stay_in_section, 0, 0, 0)
        while entered.load() == 0:
            relax()
        call_rcu(head, note_call)
        sleep_ns(5 * NS_PER_MS)
        equal(called.load(), 0, "calls while the section lasts")
        released.store(1)
        rcu_barrier()
        equal(called.load(), 2, "called, and after the section")


def walk_items(count: u64, unused1: u64, unused2: u64) -> None:
    for _ in range(count):
        with reading():
            item = items.first()
            while item is not None:
                if item.state != ALIVE:
                    bad.add(1)
                item = items.after(item)
    over.store(1)


def drop_item(head: RcuHead) -> None:
    item = container_of(Item, "rcu", head)
    item.state = 0
    free(item)


@kernel_tests
class RcuWalks(KernelTest):
    """A list is walked on one core while another takes items out, frees them, and puts new ones in."""

    name: str = "read.rcu_list"

    def run(self) -> None:
        over.store(0)
        bad.store(0)
        for _ in range(ITEMS):
            items.push_front(new(Item, state=ALIVE))
        if smp.core_count() < 2:
            over.store(1)
        else:
            send_routine(1, walk_items, WALKS, 0, 0)
        rounds: u64 = 0
        while over.load() == 0:
            replace_one()
            rounds += 1
            if rounds % 64 == 0:
                rcu_barrier()               # so that memory does not run out under a slow reader
        while (item := items.first()) is not None:
            items.remove(item)
            call_rcu(item.rcu, drop_item)
        rcu_barrier()
        equal(bad.load(), 0, "freed items that were met")


def replace_one() -> None:
    """The last one goes, a new first comes."""
    try:
        made = new(Item, state=ALIVE)
    except Error:
        return
    with items_lock:
        last = items.first()
        while last is not None and (behind := items.after(last)) is not None:
            last = behind
        if last is not None:
            items.remove(last)
            call_rcu(last.rcu, drop_item)
        items.push_front(made)
