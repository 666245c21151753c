# SPDX-License-Identifier: GPL-2.0-or-later
"""The watchdog: a core that hangs in the kernel, interrupts on or off, makes the machine panic, with every core's backtrace.

Core 0 asks each other core now and then to run a routine message, and panics when one has not done so for the timeout. Core 0 itself is
watched by the board's timer, which interrupts it unmaskably unless it comes by in time; where there is none, by core 1, in the same way as
it watches the others. While it is on, a core that runs user code is interrupted a few times in each timeout; off, which is usual, never.
What a panic does is the boot option `panic=stop|reboot|exit`.
Locks: `lock`, a sleeping lock, over turning it on and off.
"""

from lang import Atomic, Error, PerCore, panic, struct, u32, u64
from arch import hpet, smp
from kern.abi.errno import Errno
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.sync.qlock import QLock
from kern.time.alarm import Alarm, set_alarm_on, unset_alarm
from kern.time.clock import NS_PER_MS, now_ns

SHORTEST_NS: u64 = 200 * NS_PER_MS
LONGEST_NS: u64 = 600_000 * NS_PER_MS
USUAL_NS: u64 = 15_000 * NS_PER_MS
LOOKS: u64 = 4                              # in each timeout


@struct
class Watched:
    """What is known of a core; its watcher alone writes all but `answered`."""

    asked: u64                              # number of the last message to it
    asked_ns: u64
    answered: Atomic[u64]                   # ... and of the last that it ran


watched = PerCore[Watched]()
timeout_ns: u64 = 0                         # 0: off
by_board: bool = False                      # the board's timer watches core 0
others_alarm = Alarm()                      # on core 0
core_0_alarm = Alarm()                      # on core 1
lock = QLock()


def start(wanted_ns: u64) -> None:
    """On from now, with this timeout. Raises EINVAL for one that makes no sense, ENODEV if nothing could watch core 0."""
    global timeout_ns, by_board
    if wanted_ns < SHORTEST_NS or wanted_ns > LONGEST_NS:
        raise Error(Errno.EINVAL, f"a timeout of {wanted_ns // NS_PER_MS} ms is not between 200 ms and 600 s")
    with lock:
        turn_off()
        by_board = hpet.start_watchdog(wanted_ns)
        if not by_board and smp.core_count() < 2:
            raise Error(Errno.ENODEV, "nothing can watch core 0: the board has no timer for it, and there is no other core")
        timeout_ns = wanted_ns
        for id in range(u32(0), smp.core_count()):
            watched[id].asked = watched[id].answered.load()
        others_alarm.handler = watch_others
        set_alarm_on(0, others_alarm, now_ns() + timeout_ns // LOOKS)
        if not by_board:
            core_0_alarm.handler = watch_core_0
            core_0_alarm.stays = True
            set_alarm_on(1, core_0_alarm, now_ns() + timeout_ns // LOOKS)


def stop() -> None:
    with lock:
        turn_off()


def turn_off() -> None:
    global timeout_ns
    timeout_ns = 0
    hpet.stop_watchdog()
    _ = unset_alarm(others_alarm)
    _ = unset_alarm(core_0_alarm)


def watch_others(alarm: Alarm) -> None:
    """On core 0, which is alive as long as this runs."""
    hpet.kick_watchdog(timeout_ns)
    for id in range(u32(1), smp.core_count()):
        look_after(id)
    look_again(alarm)


def watch_core_0(alarm: Alarm) -> None:
    look_after(0)
    look_again(alarm)


def look_again(alarm: Alarm) -> None:
    if timeout_ns > 0:
        set_alarm_on(core.mine.core_id, alarm, now_ns() + timeout_ns // LOOKS)


def look_after(id: u32) -> None:
    there = watched[id]
    now = now_ns()
    if there.answered.load() == there.asked:
        there.asked += 1
        there.asked_ns = now
        send_routine(id, answer, there.asked, 0, 0)
    elif timeout_ns > 0 and now - there.asked_ns > timeout_ns:
        panic(f"watchdog: core {id} has not come by for {(now - there.asked_ns) // NS_PER_MS} ms")


def answer(number: u64, unused1: u64, unused2: u64) -> None:
    watched.mine.answered.store(number)
