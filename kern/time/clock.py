# SPDX-License-Identifier: GPL-2.0-or-later
"""Time: nanoseconds since boot (monotonic, the same on all cores), and since 1970.

No locks.
"""

from lang import pause, u64
from arch import timer

NS_PER_SEC: u64 = 1_000_000_000
NS_PER_MS: u64 = 1_000_000
NS_PER_USEC: u64 = 1_000

boot_epoch_ns: u64 = 0                      # wall clock at now_ns() == 0


def init_clock() -> None:
    """Note the wall clock. Once, at boot, after the timer is calibrated."""
    global boot_epoch_ns
    boot_epoch_ns = timer.wall_clock_ns() - timer.now_ns()


def now_ns() -> u64:
    """Nanoseconds since boot."""
    return timer.now_ns()


def wall_ns() -> u64:
    """Nanoseconds since 1970, UTC."""
    return boot_epoch_ns + timer.now_ns()


def spin_ns(duration_ns: u64) -> None:
    """Wait without giving the core up: for device registers, a few microseconds at most."""
    end = timer.now_ns() + duration_ns
    while timer.now_ns() < end:
        pause()
