# SPDX-License-Identifier: GPL-2.0-or-later
"""Time: the time counter, which runs at the rate that the device tree names, the same on all harts; the core's one-shot timer,
set directly where the core has one for the kernel (Sstc), else through the firmware; and the board's clock.

No locks; set at boot, then read.
"""

from lang import Ptr, cycle_counter, mul_high, pause, u32, u64, volatile_load
from arch import acpi, cpu, page_table
from kern.debug import log

NS_PER_SEC: u64 = 1_000_000_000
NEVER: u64 = 0xFFFF_FFFF_FFFF_FFFF
CLOCK_LOW: u64 = 0                          # goldfish clock: reading the low half latches the high one
CLOCK_HIGH: u64 = 4

start_cycles: u64 = 0                       # counter at now_ns() == 0
frequency: u64 = 0                          # cycles a second; 0 before `init`
ns_scale: u64 = 0                           # ns = cycles * ns_scale >> 32
own_timers: bool = False                    # all cores may set their timer without the firmware


def init() -> None:
    """Set up the boot core's timer."""
    global start_cycles, frequency, ns_scale, own_timers
    frequency = acpi.timebase
    ns_scale = (NS_PER_SEC << 32) // frequency
    start_cycles = cycle_counter()
    own_timers = cpu.has_own_timer()
    init_core()
    log.info(f"time counter: {frequency // 1000} kHz; timers are set {'directly' if own_timers else 'by the firmware'}")


def init_core() -> None:
    """Arm nothing."""
    set_core_timer(0)


def now_ns() -> u64:
    """Since boot, the same on all cores; 0 until the rate is known."""
    if frequency == 0:
        return 0
    return cycles_to_ns(cycle_counter() - start_cycles)


def cycles_to_ns(cycles: u64) -> u64:
    return (mul_high(cycles, ns_scale) << 32) | ((cycles * ns_scale) >> 32)


def ns_to_cycles(ns: u64) -> u64:
    """Rounded up: an interrupt must not come before its time."""
    return ns // NS_PER_SEC * frequency + (ns % NS_PER_SEC * frequency + NS_PER_SEC - 1) // NS_PER_SEC


def bus_freq() -> u64:
    """The time counter is what the timer compares with."""
    return frequency


def tsc_freq() -> u64:
    """Cycles of the counter a second."""
    return frequency


def spin_ns(duration_ns: u64) -> None:
    end = now_ns() + duration_ns
    while now_ns() < end:
        pause()


def set_core_timer(when_ns: u64) -> None:
    """One interrupt at `when_ns` on this core (soon, if that is past), instead of any set before. 0: none."""
    when = start_cycles + ns_to_cycles(when_ns) if when_ns != 0 else NEVER
    if own_timers:
        cpu.set_own_timer(when)
    else:
        cpu.sbi_call(when, 0, 0, 0, cpu.SBI_TIME)


def wall_clock_ns() -> u64:
    """Nanoseconds since 1970, UTC. 0 where the board has no clock."""
    if acpi.clock == 0:
        return 0
    low = volatile_load(Ptr[u32](acpi.clock + page_table.direct_map + CLOCK_LOW))
    return u64(volatile_load(Ptr[u32](acpi.clock + page_table.direct_map + CLOCK_HIGH))) << 32 | u64(low)
