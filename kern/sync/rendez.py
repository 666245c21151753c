# SPDX-License-Identifier: GPL-2.0-or-later
"""Rendez: sleep until a predicate holds, with an optional deadline; abortable. Several may sleep on one.

The predicate is called with the rendez' lock held and interrupts off: it only looks.
Who makes it true calls `wakeup` afterwards; handlers may.
Locks: the condition variable's.
"""

from typing import Callable

from lang import addr_of, at, interrupt_context, struct, u64
from kern.sync.abort import AbortableSleep
from kern.sync.condvar import CondVar
from kern.time.alarm import Alarm, set_alarm, unset_alarm
from kern.time.clock import now_ns


@struct
class Rendez:
    cv: CondVar

    def sleep(self, ready: Callable[[u64], bool], arg: u64) -> None:
        """Sleep until `ready(arg)`. Raises EINTR if aborted, ENOMEM."""
        with AbortableSleep(cv=self.cv) as sleep:
            with self.cv.lock.irqs_off() as held:
                while not ready(arg):
                    sleep.wait(held)

    def sleep_until(self, ready: Callable[[u64], bool], arg: u64, deadline_ns: u64) -> bool:
        """Sleep until `ready(arg)` or the deadline; returns whether it is ready. Raises EINTR if aborted, ENOMEM."""
        alarm = Alarm(handler=wake_by_alarm, arg=addr_of(self))
        set_alarm(alarm, deadline_ns)
        try:
            with AbortableSleep(cv=self.cv) as sleep:
                with self.cv.lock.irqs_off() as held:
                    while not ready(arg):
                        if now_ns() >= deadline_ns:
                            return False
                        sleep.wait(held)
                    return True
        finally:
            unset_alarm(alarm)

    @interrupt_context
    def wakeup(self) -> None:
        """Make every sleeper look again. Callable from interrupt handlers."""
        self.cv.lock_and_broadcast()


def wake_by_alarm(alarm: Alarm) -> None:
    at(Rendez, alarm.arg).wakeup()


def never(arg: u64) -> bool:
    return False


def sleep_ns(duration_ns: u64) -> None:
    """Block the calling thread so long. Raises EINTR if its call is aborted, ENOMEM."""
    rendez = Rendez()
    rendez.sleep_until(never, 0, now_ns() + duration_ns)
