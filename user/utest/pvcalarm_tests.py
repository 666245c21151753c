# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `pvcalarm`: alarms of each vcore, by the clock and by time used, and SIGPROF; after Akaros' pvcalarm.c."""

from lang import Atomic, Errno, Error, array, pause, u32, u64
from kern.abi.signal import Signal
from parlib.control import control
from parlib.current import my_uthread
from parlib.pvcalarm import PvcMethod, disable_pvcalarms, enable_pvcalarms, online_cycles
from parlib.signal import MaskChange, handle, sigprocmask
from parlib.signal_state import SignalInfo, bit
from parlib.request import vcore_request_total
from parlib.vcore import Vcore, max_vcores, vcore_is_mapped
from pthread import Thread, yield_now
from pthread.profalarm import disable_profalarm, enable_profalarm
from rt.time import now_ns, sleep_usec
from utest.harness import Suite, check, equal, run, suites

INTERVAL_NS: u64 = 3_000_000
ROUNDS: u64 = 20
WORKERS: u64 = 6
PATIENCE_NS: u64 = 20_000_000_000

counts = array(256, Atomic[u64])            # by vcore, then by worker
threads = array(WORKERS, Thread)
addresses = array(WORKERS, u64)
strangers = Atomic[u64](0)


@suites
class PvcAlarms(Suite):
    name: str = "pvcalarm"

    def run(self) -> None:
        run("pvcalarm.pvcalarms", test_pvcalarms)
        run("pvcalarm.real", test_real)
        run("pvcalarm.refusals", test_refusals)
        run("pvcalarm.sigperf", test_sigperf)


def count_on(vcore: Vcore) -> None:
    counts[vcore.id].add(1)


def nothing(number: u64) -> None:
    """To become an MCP."""


def lowest() -> u64:
    """Of the vcores that have a core: the kernel may have kept some for others."""
    return min((counts[i].load() for i in range(max_vcores()) if vcore_is_mapped(i)), default=0)


def ring_on_all(method: PvcMethod) -> u64:
    """Until each vcore has been called ROUNDS times; how long that took."""
    for i in range(max_vcores()):
        counts[i].store(0)
    threads[0].start(nothing, 0)
    threads[0].join()
    control.never_yield = True
    vcore_request_total(max_vcores())
    start = now_ns()
    enable_pvcalarms(method, INTERVAL_NS, count_on)
    while lowest() < ROUNDS and now_ns() < start + PATIENCE_NS:
        sleep_usec(1000)
    passed = now_ns() - start
    disable_pvcalarms()
    before = lowest()
    sleep_usec(2 * INTERVAL_NS // 1000)
    equal(lowest(), before, "calls after it was disabled")
    control.never_yield = False
    return passed


def test_pvcalarms() -> None:
    """By time used: no vcore is called more often than it has had time for."""
    used = array(256, u64)
    for i in range(max_vcores()):
        used[i] = online_cycles(i)
    passed = ring_on_all(PvcMethod.PROF)
    check(lowest() >= ROUNDS, f"a vcore was called {lowest()} times")
    check(passed >= ROUNDS * INTERVAL_NS, f"{ROUNDS} intervals in {passed} ns")


def test_real() -> None:
    passed = ring_on_all(PvcMethod.REAL)
    check(lowest() >= ROUNDS, f"a vcore was called {lowest()} times")
    check(passed >= ROUNDS * INTERVAL_NS, f"{ROUNDS} intervals in {passed} ns")


def test_refusals() -> None:
    refused = Errno.OK
    enable_pvcalarms(PvcMethod.REAL, INTERVAL_NS, count_on)
    try:
        enable_pvcalarms(PvcMethod.REAL, INTERVAL_NS, count_on)
    except Error as error:
        refused = error.errno
    check(refused == Errno.EBUSY, "enabled twice")
    disable_pvcalarms()
    refused = Errno.OK
    try:
        disable_pvcalarms()
    except Error as error:
        refused = error.errno
    check(refused == Errno.EINVAL, "disabled twice")


def note_prof(signal: u32, info: SignalInfo) -> None:
    """For the thread that runs."""
    number = my_uthread().arg
    if number < WORKERS:
        counts[number].add(1)
    else:
        strangers.add(1)


def work(number: u64) -> None:
    """Use time until enough signals came."""
    sigprocmask(MaskChange.UNBLOCK, bit(Signal.PROF))
    until = now_ns() + PATIENCE_NS
    while counts[number].load() < ROUNDS // 2 and now_ns() < until:
        before = counts[number].load()
        while counts[number].load() == before and now_ns() < until:
            for _ in range(100):
                pause()
            if u64(max_vcores()) < WORKERS:
                yield_now()
    sigprocmask(MaskChange.BLOCK, bit(Signal.PROF))


def test_sigperf() -> None:
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.PROF))
    handle(Signal.PROF, note_prof)
    strangers.store(0)
    for i in range(WORKERS):
        counts[i].store(0)
    enable_profalarm(INTERVAL_NS)
    for i in range(WORKERS):
        threads[i].start(work, i)
    for i in range(WORKERS):
        threads[i].join()
    disable_profalarm()
    for i in range(WORKERS):
        check(counts[i].load() >= ROUNDS // 2, f"thread {i} got {counts[i].load()} signals")
    equal(strangers.load(), 0, "signals to threads that block them")
    sigprocmask(MaskChange.SET, before)
