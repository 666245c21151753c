# SPDX-License-Identifier: LGPL-2.1-or-later
"""Single-core processes on whatever core there is: moved from one to the other, and woken together."""

from lang import Atomic, Uaddr, addr_of, array, as_bytes, f64, i32, popcount, struct, u32, u64
from kern.abi.event import EventFlag, EventMsg
from kern.abi.file import AT_FDCWD, FdPair, OpenMode
from parlib.event import enable_kevent, register_handler
from parlib.vcore import Vcore, max_vcores, proc_info
from rt import io
from rt.exit import exit_now
from rt.process import fork, spawn, wait
from rt.time import now_ns, sleep_usec
from syscalls import sys_close, sys_getpcoreid, sys_notify, sys_openat
from utest.harness import Suite, check, equal, run, suites

CROWD: u64 = 6
MESSAGES: u64 = 40                          # to each
STEPS = 20_000
BUSY_NS: u64 = 1_000_000_000
DEADLINE_NS: u64 = 20_000_000_000
TYPE: u32 = 33
RELIABLE = EventFlag.IPI | EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.WAKEUP

heard = Atomic[u64](0)
pids = array(CROWD, i32)
argv = array(3, str)
null = array(1, FdPair)


@struct
class Report:
    wrong: u64                              # results that were not what they had been the first time
    heard: u64
    cores: u64                              # a bit for each core that it was on


def hear(vcore: Vcore, msg: EventMsg) -> None:
    heard.add(msg.arg3)


def orbit(start: f64) -> f64:
    """Chaotic, so that one lost bit of any step changes the result."""
    x = start
    y = 1.0 - start
    for _ in range(STEPS):
        x = 3.9 * x * (1.0 - x)
        y = 3.8 * y * (1.0 - y) + x * 1e-9
        y = y - f64(i32(y))
    return x + y


def be_one_of_the_crowd(number: u64, ready: i32, told: i32) -> None:
    report = Report()
    register_handler(TYPE, hear)
    enable_kevent(TYPE, RELIABLE)
    start = 0.1 + f64(number) / 16.0
    expected = orbit(start)
    io.write_all(ready, "r")
    until = now_ns() + DEADLINE_NS
    while heard.load() < MESSAGES and now_ns() < until:
        if orbit(start) != expected:
            report.wrong += 1
        report.cores |= u64(1) << (u64(sys_getpcoreid()) % 64)
    report.heard = heard.load()
    io.write_all(told, as_bytes(report))


def test_moves() -> None:
    """What they compute and are told stays exact: copies of this process, more than there are cores, compute with floating point while a
    many-core process takes cores from them and gives them back, and messages come to each from here."""
    ready = io.pipe()
    told = io.pipe()
    for i in range(CROWD):
        pids[i] = fork()
        if pids[i] == 0:
            be_one_of_the_crowd(i, ready[1], told[1])
            exit_now(0)
    byte = Report()
    for _ in range(CROWD):
        equal(io.read(ready[0], as_bytes(byte)[:1]), 1, "a child is ready")
    taker = take_cores()
    for i in range(MESSAGES):
        for pid in pids:
            sys_notify(pid, TYPE, Uaddr(addr_of(EventMsg(arg3=1))))
        sleep_usec(2000)
        if i == MESSAGES // 2:
            equal(u64(wait(taker)), 0, "status of who takes cores")
            taker = take_cores()
    equal(u64(wait(taker)), 0, "status of who takes cores")
    moved: u64 = 0
    for _ in range(CROWD):
        report = Report()
        equal(io.read_full(told[0], as_bytes(report)), 24, "bytes of a report")
        equal(report.wrong, 0, "wrong results")
        equal(report.heard, MESSAGES, "messages")
        moved = max(moved, u64(popcount(report.cores)))
    for pid in pids:
        equal(u64(wait(pid)), 0, "status")
    check(moved > 1 or proc_info().core_count == 1, "none was ever moved")
    for end in (ready[0], ready[1], told[0], told[1]):
        sys_close(end)


def take_cores() -> i32:
    """A many-core process that has up to two cores for a while."""
    argv[0] = "hold"
    argv[1] = "2" if max_vcores() > 1 else "1"
    argv[2] = "0.15"
    file = sys_openat(AT_FDCWD, "/dev/null", OpenMode.WRITE | OpenMode.CLOEXEC, 0)
    null[0].first, null[0].second = file, 1
    pid = spawn("/bin/hold", argv[:], argv[:0], null[:])
    sys_close(file)
    return pid


def sleep_and_compute(until: u64, told: i32) -> None:
    """Busy for so long that whoever runs after us is late."""
    sleep_usec((until - min(until, now_ns())) // 1000)
    begun = Report(heard=now_ns())
    while now_ns() < begun.heard + BUSY_NS:
        begun.wrong += 1
    io.write_all(told, as_bytes(begun))


def test_woken_together() -> None:
    """Their sleeps end at the same moment, on the timer of one core, and each gets a core at once, as long as there are any."""
    told = io.pipe()
    count = min(u64(proc_info().core_count), CROWD)
    until = now_ns() + 300_000_000
    for i in range(count):
        pids[i] = fork()
        if pids[i] == 0:
            sleep_and_compute(until, told[1])
            exit_now(0)
    latest: u64 = 0
    for _ in range(count):
        report = Report()
        equal(io.read_full(told[0], as_bytes(report)), 24, "bytes of a report")
        latest = max(latest, report.heard)
    for pid in pids[:count]:
        equal(u64(wait(pid)), 0, "status")
    check(latest < until + BUSY_NS, f"the last of {count} was late by {(latest - until) // 1_000_000} ms")
    sys_close(told[0])
    sys_close(told[1])


@suites
class Moves(Suite):
    name: str = "moves"

    def run(self) -> None:
        run("moves.crowd", test_moves)
        run("moves.woken_together", test_woken_together)
