# SPDX-License-Identifier: LGPL-2.1-or-later
"""Time without system calls: the cycle counter and what ProcInfo says of it. Sleeping is a system call."""

from lang import at, cycle_counter, u64
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
