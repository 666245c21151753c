# SPDX-License-Identifier: LGPL-2.1-or-later
"""Losing vcores in the middle of work: a child is given our cores, by provisioning, while threads count under locks.

The kernel takes the cores at once; what ran on them must be recovered by the vcores that are left, and counts stay exact.
"""

from lang import Atomic, array, i32, u32, u64
from kern.abi.file import FdPair, SpawnFlag
from kern.abi.proc import Resource
from parlib.pdr import PdrLock
from parlib.sync import Mutex
from parlib.vcore import max_vcores, proc_info
from pthread import Thread, yield_now
from rt.args import environment
from rt.process import create, run, wait
from rt.time import now_ns
from syscalls import sys_null, sys_provision
from utest.harness import check, equal

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


def preemptions() -> u64:
    """How often a vcore of ours was taken so far."""
    return sum(proc_info().vcoremap[i].nr_preempts_done.load() for i in range(max_vcores()))


def test_preempted_while_counting() -> None:
    if max_vcores() < 2:
        return                              # the child would never get the one core that its parent counts on
    stop.store(u32(0))
    for i in range(WORKERS):
        threads[i].start(count_under_locks, u64(i))
    before = preemptions()
    for _ in range(ROUNDS):
        check(take_our_cores() == 0, "the child failed")
    stop.store(u32(1))
    for i in range(WORKERS):
        threads[i].join()
    equal(counted, expected.load(), "counted under a PdrLock")
    equal(counted_too, expected.load(), "counted under a Mutex")
    check(preemptions() > before, "no vcore was taken")


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
