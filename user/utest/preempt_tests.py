# SPDX-License-Identifier: LGPL-2.1-or-later
"""Losing vcores in the middle of work: a child is given our cores, by provisioning, while threads count under locks.

The kernel takes the cores at once; what ran on them must be recovered by the vcores that are left, and counts stay exact.
"""

from lang import Atomic, Ref, Uaddr, addr_of, array, i32, u16, u32, u64
from kern.abi.event import FIRST_DYNAMIC_EVENT, EventFlag, EventMsg, EventQueue, MailboxKind
from kern.abi.file import FdPair, SpawnFlag
from kern.abi.proc import Resource
from parlib.event import MOST_AT_ONCE, set_queue_handler, take_message, tell_again
from parlib.pdr import PdrLock
from parlib.queues import get_queue, mailbox_of, put_queue
from parlib.request import vcore_request_total
from parlib.sync import Mutex
from parlib.vcore import Vcore, max_vcores
from pthread import Thread, yield_now
from rt.args import environment
from rt.process import create, run, wait
from rt.time import now_ns
from syscalls import sys_null, sys_provision, sys_send_event
from utest.harness import check, equal
from utest.preempting import preemptions_made

WORKERS = 24
ROUNDS = 6

threads = array(64, Thread)
children = array(64, Thread)
stop = Atomic[u32](0)
pdr_lock = PdrLock()
mutex = Mutex()
counted: u64 = 0
counted_too: u64 = 0
expected = Atomic[u64](0)


def count_under_locks(number: u64) -> None:
    """Both counters go up by one each time, under a lock of each kind, with a call and a yield now and then."""
    global counted, counted_too
    rounds: u64 = 0
    while stop.load() == 0:
        with pdr_lock:
            counted += 1
        with mutex:
            counted_too += 1
        rounds += 1
        if rounds % 32 == number:
            sys_null()
        if rounds % 16 == 0:
            yield_now()
    expected.add(rounds)


def test_preempted_while_counting() -> None:
    if max_vcores() < 2:
        return                              # the child would never get the one core that its parent counts on
    stop.store(u32(0))
    for i in range(WORKERS):
        threads[i].start(count_under_locks, u64(i))
    before = preemptions_made()
    for _ in range(ROUNDS):
        check(take_our_cores() == 0, "the child failed")
    stop.store(u32(1))
    for i in range(WORKERS):
        threads[i].join()
    equal(counted, expected.load(), "counted under a PdrLock")
    equal(counted_too, expected.load(), "counted under a Mutex")
    check(preemptions_made() > before, "no vcore was taken")


# -- messages of vcores that are gone ---------------------------------------------------------------------------
QUEUES: u64 = 4

told_queues = array(4, Ref[EventQueue])     # queue v tells vcore v, and no other
posted = Atomic[u64](0)
came = Atomic[u64](0)
posted_sum = Atomic[u64](0)
came_sum = Atomic[u64](0)
came_elsewhere = Atomic[u64](0)             # handled on another vcore than the one that was told
stage = Atomic[u32](0)
POSTING: u32 = 0
WAITING: u32 = 1
OVER: u32 = 2


def count_messages(vcore: Vcore, queue: EventQueue) -> None:
    """The queues' handler."""
    msg = EventMsg()
    while True:
        for _ in range(MOST_AT_ONCE):
            if not take_message(mailbox_of(queue), msg):
                return
            came.add(1)
            came_sum.add(msg.arg3)
            if vcore.id != queue.vcore:
                came_elsewhere.add(1)
        if tell_again(vcore, queue):
            return


def post_indirections(number: u64) -> None:
    """To one vcore after the other; they look when somebody yields, which is seldom, so most lose their core with messages unread."""
    rounds: u64 = number
    while stage.load() != OVER:
        if stage.load() == POSTING:
            rounds += 1
            msg = EventMsg(ev_type=u16(FIRST_DYNAMIC_EVENT), arg3=rounds)
            posted.add(1)
            posted_sum.add(rounds)
            sys_send_event(Uaddr(addr_of(told_queues[rounds % min(QUEUES, u64(max_vcores()))])), msg, 0)
        if rounds % 64 == number or stage.load() == WAITING:
            yield_now()


def test_indirections_of_taken_vcores() -> None:
    """Nobody but one vcore is told of a message, and without an interrupt. When it is taken, those that are left look into its mailbox."""
    if max_vcores() < 2:
        return
    stage.store(POSTING)
    for v in range(QUEUES):
        told_queues[v] = get_queue(MailboxKind.UCQ, EventFlag.INDIR, u32(v))
        set_queue_handler(told_queues[v], count_messages)
    for i in range(WORKERS):
        threads[i].start(post_indirections, u64(i))
    before = preemptions_made()
    for number in range(20 * ROUNDS):       # until it has happened that others had to look
        if number >= ROUNDS and came_elsewhere.load() > 0:
            break
        check(take_our_cores() == 0, "the child failed")
    stage.store(WAITING)
    deadline = now_ns() + 20_000_000_000
    while came.load() < posted.load() and now_ns() < deadline:
        vcore_request_total(max_vcores())   # a vcore that had nothing to run may have been told before it ran again
        yield_now()
    stage.store(OVER)
    for i in range(WORKERS):
        threads[i].join()
    equal(came.load(), posted.load(), "messages")
    equal(came_sum.load(), posted_sum.load(), "their sum")
    check(preemptions_made() > before, "no vcore was taken")
    check(came_elsewhere.load() > 0, "no vcore has looked into the mailbox of one that was taken")
    print(f"{came.load()} messages, {came_elsewhere.load()} of them on another vcore; {preemptions_made() - before} preemptions")
    for queue in told_queues:
        put_queue(queue)


def take_our_cores() -> i32:
    """Run a child that has a right to all cores but one, and uses it."""
    arguments = array(2, str)
    arguments[0] = "utest"
    arguments[1] = "--take-cores"
    none = array(1, FdPair)
    pid = create("/bin/utest", arguments[:], environment(), none[:0], SpawnFlag.DUP_FDS)
    for core in range(u32(2), max_vcores() + 1):
        sys_provision(pid, Resource.CORES, core)
    run(pid)
    return wait(pid)


def spin_briefly(number: u64) -> None:
    until = now_ns() + 30_000_000
    while now_ns() < until:
        yield_now()


def take_cores() -> i32:
    """The child: busy on all the vcores that it can get, for a while."""
    count = min(u64(max_vcores()), len(children))
    for i in range(count):
        children[i].start(spin_briefly, i)
    for i in range(count):
        children[i].join()
    return 0
