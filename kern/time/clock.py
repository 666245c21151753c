# SPDX-License-Identifier: GPL-2.0-or-later
"""Time: nanoseconds since boot (monotonic, the same on all cores), and since 1970.

No locks.
"""

from lang import cycle_counter, pause, u64
from arch import timer

NS_PER_SEC: u64 = 1_000_000_000
NS_PER_MS: u64 = 1_000_000
NS_PER_USEC: u64 = 1_000

overhead: u64 = 0                           # cycles that reading the counter takes
boot_epoch_ns: u64 = 0                      # wall clock at now_ns() == 0


def init_clock() -> None:
    """Note the wall clock. Once, at boot, after the timer is calibrated."""
    global boot_epoch_ns, overhead
    overhead = measure_overhead()
    boot_epoch_ns = timer.wall_clock_ns() - timer.now_ns()


def measure_overhead() -> u64:
    least: u64 = 0xFFFF_FFFF
    for _ in range(100):
        start = cycle_counter()
        least = min(least, cycle_counter() - start)
    return least


def timing_overhead() -> u64:
    """Cycles between two readings of the counter that follow at once."""
    return overhead


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
