# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `alarm`: user alarms, first in a single-core process, then with threads."""

from lang import Atomic, array, pause, u64
from kern.abi.time import NS_PER_SEC, NS_PER_USEC
from parlib.alarm import Alarm
from parlib.current import in_vcore_context
from pthread import Thread
from rt.time import now_ns, sleep_usec
from utest.harness import Suite, check, equal, run, suites, until

PERIOD_NS: u64 = 2_000_000
ROUNDS: u64 = 50
LONG_NS: u64 = 60 * NS_PER_SEC
FIRST_NS: u64 = 3_000_000

rings = Atomic[u64](0)
outside = Atomic[u64](0)                    # rings that were not in vcore context
order = array(8, u64)
ring_count: u64 = 0
alarms = array(8, Alarm)
threads = array(8, Thread)


@suites
class Alarms(Suite):
    name: str = "alarm"

    def run(self) -> None:
        run("alarm.alarm", test_alarm)
        run("alarm.order", test_order)
        run("alarm.unset", test_unset)
        run("alarm.reset", test_reset)
        run("alarm.past", test_past)
        run("alarm.earlier_and_earlier", test_earlier_and_earlier)
        run("alarm.many_threads", test_many_threads)
        run("alarm.unset_against_ringing", test_unset_against_ringing)


def ring_again(alarm: Alarm) -> None:
    if not in_vcore_context():
        outside.add(1)
    if rings.add(1) + 1 < alarm.arg:
        alarm.set_later(PERIOD_NS)


def test_alarm() -> None:
    """A period that does not drift, while the process does nothing but compute."""
    rings.store(0)
    alarm = Alarm(handler=ring_again, arg=ROUNDS)
    start = now_ns()
    alarm.set_after(PERIOD_NS)
    while rings.load() < ROUNDS:
        pause()
        if now_ns() > start + 10 * ROUNDS * PERIOD_NS:
            break
    passed = now_ns() - start
    alarm.unset()
    equal(rings.load(), ROUNDS, "rings")
    equal(outside.load(), 0, "rings outside vcore context")
    check(passed >= ROUNDS * PERIOD_NS, f"{ROUNDS} periods of {PERIOD_NS} ns in {passed} ns")


def note_order(alarm: Alarm) -> None:
    global ring_count
    order[ring_count] = alarm.arg
    ring_count += 1
    rings.add(1)


def wait_for_rings(count: u64) -> None:
    until(lambda: rings.load() >= count)
    check(rings.load() >= count, f"{rings.load()} of {count} rings")


def test_order() -> None:
    """They ring by time, whichever way they were set."""
    for _ in range(50):
        if set_six() < FIRST_NS:            # else the first was due before the last was set: a host can stop us for so long
            break
    for i in range(u64(6)):
        equal(order[i], i, "place")


def set_six() -> u64:
    """Set six alarms in a mixed order, and wait until all have rung. How long the setting took."""
    global ring_count
    ring_count = 0
    rings.store(0)
    start = now_ns()
    for i in range(u64(6)):
        place = i * 5 % 6
        alarms[i].handler = note_order
        alarms[i].arg = place
        alarms[i].set_at(start + FIRST_NS + place * 500_000)
    took = now_ns() - start
    wait_for_rings(6)
    return took


def count_ring(alarm: Alarm) -> None:
    rings.add(1)


def test_unset() -> None:
    rings.store(0)
    alarm = Alarm(handler=count_ring)
    check(not alarm.unset(), "one that was never set was set")
    alarm.set_after(20_000_000)
    check(alarm.unset(), "one that was set was not")
    check(not alarm.unset(), "one that was unset was set")
    sleep_usec(40_000)
    equal(rings.load(), 0, "rings of an alarm that was unset")
    alarm.set_after(1_000_000)
    wait_for_rings(1)
    check(not alarm.unset(), "one that rang was set")


def test_reset() -> None:
    rings.store(0)
    alarm = Alarm(handler=count_ring)
    alarm.set_after(LONG_NS)
    start = now_ns()
    check(alarm.reset_after(5_000_000), "it was set")
    wait_for_rings(1)
    check(5_000_000 <= now_ns() - start < LONG_NS, "rang at the old time")
    check(not alarm.reset_after(1_000_000), "it was not set")
    wait_for_rings(2)


def test_past() -> None:
    rings.store(0)
    alarm = Alarm(handler=count_ring)
    alarm.set_at(now_ns() - 1000)
    wait_for_rings(1)
    alarm.set_at(0)
    wait_for_rings(2)


def test_earlier_and_earlier() -> None:
    """Each is due before all others: more calls than there is room for at once."""
    rings.store(0)
    for i in range(u64(8)):
        alarms[i].handler = count_ring
        alarms[i].set_after(LONG_NS - i * NS_PER_SEC)
    first = Alarm(handler=count_ring)
    start = now_ns()
    first.set_after(10_000_000)
    wait_for_rings(1)
    check(now_ns() - start < LONG_NS // 2, "the first one was late")
    for i in range(u64(8)):
        check(alarms[i].unset(), "one of those to come rang")
    equal(rings.load(), 1, "rings")


def set_and_wait(number: u64) -> None:
    """A thread's own alarms, on its stack."""
    for i in range(u64(20)):
        alarm = Alarm(handler=count_ring)
        alarm.set_after((number + i) % 5 * 100 * NS_PER_USEC)
        sleep_usec((i * number) % 7 * 80)
        alarm.unset()


def test_many_threads() -> None:
    rings.store(0)
    for i in range(u64(8)):
        threads[i].start(set_and_wait, i)
    for t in threads:
        t.join()
    check(rings.load() > 0, "none rang")
    before = rings.load()
    sleep_usec(10_000)
    equal(rings.load(), before, "rings of alarms that are gone")


def ring_for_good(alarm: Alarm) -> None:
    rings.add(1)
    alarm.set_after(20 * NS_PER_USEC)


def test_unset_against_ringing() -> None:
    """An alarm that sets itself again and again: when unset returns, that is over."""
    for i in range(u64(100)):
        alarm = Alarm(handler=ring_for_good)
        alarm.set_after(10 * NS_PER_USEC)
        sleep_usec(i % 10 * 10)
        alarm.unset()
        before = rings.load()
        until = now_ns() + 100 * NS_PER_USEC
        while now_ns() < until:
            pause()
        equal(rings.load(), before, "rings after unset")
        check(not alarm.is_set, "set after unset")
