# SPDX-License-Identifier: GPL-2.0-or-later
"""Alarms: order, the right core, cancelling, and handlers that block."""

from lang import Atomic, Error, array, pause, u32, u64
from arch import smp
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.core.smp import call_on_core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.sync.completion import Completion
from kern.sync.rendez import sleep_ns
from kern.mm.shootdown import relax
from kern.time.alarm import Alarm, move_alarms_away, reset_alarm, set_alarm, set_alarm_again, set_alarm_in, set_alarm_on, unset_alarm
from kern.time.clock import NS_PER_MS, now_ns, spin_ns

COUNT: u64 = 8

fired = Atomic[u64](0)
early = Atomic[u64](0)
fired_on = Atomic[u64](0)
fire_order = array(COUNT, u64)
alarms = array(COUNT, Alarm)


def note_order(alarm: Alarm) -> None:
    if now_ns() < alarm.when_ns:
        early.add(1)
    fire_order[fired.add(1)] = alarm.arg


def note_core(alarm: Alarm) -> None:
    fired_on.store(u64(core.mine.core_id))
    fired.add(1)


def block_long(alarm: Alarm) -> None:
    try:
        sleep_ns(50 * NS_PER_MS)
    except Error:
        early.add(1)
    fired.add(1)


def fired_after(count: u64, wait_ms: u64) -> None:
    """Wait until so many have fired, at most so long."""
    deadline = now_ns() + wait_ms * NS_PER_MS
    while fired.load() < count and now_ns() < deadline:
        sleep_ns(NS_PER_MS)
    equal(fired.load(), count, "alarms that fired")


@kernel_tests
class AlarmOrder(KernelTest):
    """However they were set, alarms fire by their time, none before it."""

    name: str = "alarm.order"

    def run(self) -> None:
        fired.store(0)
        early.store(0)
        start = now_ns()
        for i in range(COUNT):
            place = i * 5 % COUNT           # a shuffle: 5 and 8 have no common divisor
            alarms[place].handler = note_order
            alarms[place].arg = place
            set_alarm(alarms[place], start + (place + 2) * 4 * NS_PER_MS)
        fired_after(COUNT, 5_000)
        for i in range(COUNT):
            equal(fire_order[i], i, "which fired")
        equal(early.load(), 0, "alarms that were early")


@kernel_tests
class AlarmElsewhere(KernelTest):
    """An alarm on another core's chain runs there."""

    name: str = "alarm.other_core"

    def run(self) -> None:
        target = smp.core_count() - 1
        fired.store(0)
        alarm = Alarm(handler=note_core)
        set_alarm_on(target, alarm, now_ns() + 2 * NS_PER_MS)
        try:
            fired_after(1, 5_000)
        finally:
            unset_alarm(alarm)
        equal(fired_on.load(), u64(target), "core")


@kernel_tests
class AlarmUnset(KernelTest):
    """After unset the handler does not run, however close the race."""

    name: str = "alarm.unset"

    def run(self) -> None:
        alarm = Alarm(handler=note_core)
        for i in range(u64(200)):
            fired.store(0)
            set_alarm_on(u32(i) % smp.core_count(), alarm, now_ns() + i * 1_000)
            spin_ns(i * 500)
            prevented = unset_alarm(alarm)
            count = fired.load()
            spin_ns(20_000)
            equal(fired.load(), count, "alarms that fired after unset")
            check(prevented != (count == 1), f"prevented: {prevented}, fired: {count}")


@kernel_tests
class AlarmReset(KernelTest):
    """An alarm can be moved, and fires once, at its last time."""

    name: str = "alarm.reset"

    def run(self) -> None:
        fired.store(0)
        alarm = Alarm(handler=note_core)
        start = now_ns()
        set_alarm(alarm, start + 5_000 * NS_PER_MS)
        check(reset_alarm(alarm, start + 20 * NS_PER_MS), "it was not set")
        fired_after(1, 4_000)
        check(now_ns() >= start + 20 * NS_PER_MS, "it was early")
        check(not unset_alarm(alarm), "it is still set")


periods = Completion()
PERIOD_NS: u64 = 2 * NS_PER_MS


def count_period(alarm: Alarm) -> None:
    alarm.arg -= 1
    if alarm.arg == 0:
        periods.done()
    else:
        set_alarm_again(alarm, PERIOD_NS)


@kernel_tests
class AlarmPeriods(KernelTest):
    """An alarm that is set relative to when it was due keeps its pace, however late its handler runs."""

    name: str = "alarm.periods"

    def run(self) -> None:
        alarm = Alarm(handler=count_period, arg=20)
        periods.expect(1)
        start = now_ns()
        set_alarm_in(alarm, PERIOD_NS)
        periods.wait()
        took = now_ns() - start
        check(took >= 20 * PERIOD_NS, f"20 periods of 2 ms took {took} ns")
        check(alarm.when_ns >= start + 20 * PERIOD_NS, "the last was too early")
        check(not unset_alarm(alarm), "it is still set")


@kernel_tests
class AlarmBlocks(KernelTest):
    """A handler that sleeps does not hold up the alarms behind it; unset waits for it."""

    name: str = "alarm.handler_blocks"

    def run(self) -> None:
        fired.store(0)
        early.store(0)
        slow = Alarm(handler=block_long)
        quick = Alarm(handler=note_core)
        start = now_ns()
        set_alarm(slow, start + NS_PER_MS)
        set_alarm(quick, start + 2 * NS_PER_MS)
        sleep_ns(20 * NS_PER_MS)
        equal(fired.load(), 1, "alarms that fired beside the slow one")
        check(not unset_alarm(slow), "the slow one was still set")
        equal(fired.load(), 2, "handlers that ended before unset did")
        unset_alarm(quick)


@kernel_tests
class Spin(KernelTest):
    """A busy wait takes at least as long as asked."""

    name: str = "clock.spin"

    def run(self) -> None:
        for _ in range(20):
            start = now_ns()
            spin_ns(100_000)
            check(now_ns() - start >= 100_000, "it was too short")


moving = Atomic[bool](False)
move_done = Completion()


def move_all(rounds: u64, unused1: u64, unused2: u64) -> None:
    """On a core other than 0, as it is given to a process again and again."""
    while moving.load():
        move_alarms_away()
        relax()
    move_done.done()


@kernel_tests
class AlarmMoves(KernelTest):
    """A core that a process is given has no alarms left: they ring on core 0, each once, and no timer goes off on the core any more."""

    name: str = "alarm.moves"

    def run(self) -> None:
        target = smp.core_count() - 1
        if target == 0:
            return
        fired.store(0)
        fired_on.store(99)
        start = now_ns()
        for i in range(COUNT):
            alarms[i].handler = note_core
            set_alarm_on(target, alarms[i], start + (60 + i) * NS_PER_MS)
        call_on_core(target, move_here, 0)
        equal(u64(alarms[0].chain), 0, "the core whose chain it is in")
        before = core[target].timer_irqs
        fired_after(COUNT, 5_000)
        equal(fired_on.load(), 0, "the core on which they rang")
        equal(core[target].timer_irqs - before, 0, "interrupts of the other core's timer")
        check(now_ns() >= start + 60 * NS_PER_MS, "they were early")


def move_here(unused: u64) -> None:
    move_alarms_away()


@kernel_tests
class AlarmStays(KernelTest):
    """An alarm that stays rings on its core though that is given away, and so does one that is set there for later afterwards."""

    name: str = "alarm.stays"

    def run(self) -> None:
        target = smp.core_count() - 1
        if target == 0:
            return
        fired.store(0)
        fired_on.store(99)
        start = now_ns()
        staying = Alarm(handler=note_core, stays=True)
        set_alarm_on(target, staying, start + 20 * NS_PER_MS)
        call_on_core(target, move_here, 0)
        later = Alarm(handler=note_core)
        set_alarm_on(target, later, start + 30 * NS_PER_MS)
        fired_after(2, 5_000)
        equal(fired_on.load(), u64(target), "the core on which they rang")
        unset_alarm(staying)
        unset_alarm(later)


@kernel_tests
class AlarmUnsetMoving(KernelTest):
    """An alarm that moves to another core meanwhile is found there and unset: it neither rings nor is it missed."""

    name: str = "alarm.unset_moving"

    def run(self) -> None:
        target = smp.core_count() - 1
        if target == 0:
            return
        fired.store(0)
        alarm = Alarm(handler=note_core)
        missed: u64 = 0
        moving.store(True)
        move_done.expect(1)
        send_routine(target, move_all, 0, 0, 0)
        for i in range(u64(2000)):
            set_alarm_on(target, alarm, now_ns() + 10_000 * NS_PER_MS)
            for _ in range(i % 50):
                pause()
            if not unset_alarm(alarm):
                missed += 1
        moving.store(False)
        move_done.wait()
        equal(missed, 0, "alarms that were not found")
        equal(fired.load(), 0, "alarms that rang")
