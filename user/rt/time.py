# SPDX-License-Identifier: LGPL-2.1-or-later
"""Time without system calls: the cycle counter and what ProcInfo says of it. Sleeping is a system call, busy waiting is none."""

from lang import at, cycle_counter, pause, u64
from kern.abi.proc import PROCINFO_ADDR, ProcInfo
from kern.abi.time import NS_PER_SEC, NS_PER_USEC
from syscalls import sys_block


def tsc_to_ns(cycles: u64) -> u64:
    """Nanoseconds that so many cycles take; exact to the cycle, for any span of time."""
    freq = at(ProcInfo, PROCINFO_ADDR).tsc_freq
    seconds = cycles // freq
    return seconds * NS_PER_SEC + (cycles % freq) * NS_PER_SEC // freq


def ns_to_tsc(ns: u64) -> u64:
    freq = at(ProcInfo, PROCINFO_ADDR).tsc_freq
    seconds = ns // NS_PER_SEC
    return seconds * freq + (ns % NS_PER_SEC) * freq // NS_PER_SEC


def now_tsc() -> u64:
    return cycle_counter()


def now_ns() -> u64:
    """Nanoseconds of a clock that never steps back; since the machine started."""
    return tsc_to_ns(cycle_counter())


def wall_ns() -> u64:
    """Nanoseconds since 1970, UTC."""
    info = at(ProcInfo, PROCINFO_ADDR)
    return info.wall_base_ns + tsc_to_ns(cycle_counter() - info.wall_base_tsc)


def sleep_usec(usec: u64) -> None:
    """Block the calling thread for at least so long."""
    sys_block(usec)


def sleep_ns(ns: u64) -> None:
    sleep_usec((ns + NS_PER_USEC - 1) // NS_PER_USEC)


def sleep(seconds: u64) -> None:
    sleep_usec(seconds * 1_000_000)


# -- without giving up the core -----------------------------------------------------------------------------------
def timing_overhead() -> u64:
    """Cycles that reading the counter takes: what a measurement is too long by."""
    return at(ProcInfo, PROCINFO_ADDR).timing_overhead


def measured(start_cycles: u64, end_cycles: u64) -> u64:
    """Cycles between two readings, without what reading takes."""
    passed = end_cycles - start_cycles
    overhead = timing_overhead()
    return passed - overhead if passed > overhead else u64(0)


def ndelay(ns: u64) -> None:
    """Spin for at least so long. In any context."""
    until = cycle_counter() + ns_to_tsc(ns) + 1
    while cycle_counter() < until:
        pause()


def udelay(usec: u64) -> None:
    ndelay(usec * NS_PER_USEC)


def tsc_to_usec(cycles: u64) -> u64:
    return tsc_to_ns(cycles) // NS_PER_USEC


def usec_to_tsc(usec: u64) -> u64:
    return ns_to_tsc(usec * NS_PER_USEC)
