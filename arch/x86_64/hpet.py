# SPDX-License-Identifier: GPL-2.0-or-later
"""The high precision event timer, and what it is for here: to interrupt core 0 whatever that does, unless it is told in time not to.

One of its timers is wired to a line of the I/O interrupt controller that no device has, and that line to core 0 as a non-maskable
interrupt. IA-PC HPET specification 1.0a, chapter 2.3; found by ACPI's table of that name. No locks: core 0 alone uses it.
"""

from lang import Paddr, Ptr, u32, u64, volatile_load, volatile_store
from arch import acpi, ioapic
from kern.mm.kmap import map_mmio

CAPABILITIES: u64 = 0                       # high half: femtoseconds a tick; bits 8-12: the last timer's number
CONFIG: u64 = 0x10
COUNTER: u64 = 0xF0
TIMER_CONFIG: u64 = 0x100                   # 0x20 bytes a timer; high half: lines that it can be wired to
TIMER_COMPARATOR: u64 = 0x108
TIMER_STRIDE: u64 = 0x20
ENABLED: u64 = 1
INTERRUPTS: u64 = 1 << 2
NARROW: u64 = 1 << 8                        # compare 32 bits alone
ROUTE: u64 = 9                              # first bit of the line
FS_PER_NS: u64 = 1_000_000
NO_LINE: u32 = 0xFFFF_FFFF
FIRST_FREE_LINE: u32 = 16                   # below are the old ISA lines

registers: u64 = 0                          # kernel address; 0: not looked for yet, or not there
watching: bool = False
deadline: u64 = 0                           # the counter then


def read(register: u64) -> u64:
    return volatile_load(Ptr[u64](registers + register))


def write(register: u64, value: u64) -> None:
    volatile_store(Ptr[u64](registers + register), value)


def start_watchdog(timeout_ns: u64) -> bool:
    """Interrupt core 0 unmaskably in so long, unless `kick_watchdog` comes before. False if the board cannot. May raise ENOMEM."""
    global registers, watching
    if acpi.hpet == 0:
        return False
    if registers == 0:
        registers = u64(map_mmio(Paddr(acpi.hpet), 4096))
    line = usable_line()
    if line == NO_LINE or not ioapic.route_nmi(line, 0):
        return False
    write(CONFIG, read(CONFIG) | ENABLED)
    watching = True
    kick_watchdog(timeout_ns)
    write(TIMER_CONFIG, INTERRUPTS | u64(line) << ROUTE)  # edge-triggered, once, all 64 bits
    return True


def usable_line() -> u32:
    """The highest that the first timer can have, above the ISA devices'."""
    lines = read(TIMER_CONFIG) >> 32
    for line in range(u32(31), FIRST_FREE_LINE - 1, -1):
        if lines >> u64(line) & 1 != 0:
            return line
    return NO_LINE


def kick_watchdog(timeout_ns: u64) -> None:
    """So long from now on. On core 0."""
    global deadline
    if not watching:
        return
    deadline = read(COUNTER) + timeout_ns * FS_PER_NS // (read(CAPABILITIES) >> 32)
    write(TIMER_COMPARATOR, deadline)


def stop_watchdog() -> None:
    global watching
    if watching:
        watching = False
        write(TIMER_CONFIG, 0)


def watchdog_fired() -> bool:
    """In the handler of a non-maskable interrupt: whether this is why it came."""
    return watching and read(COUNTER) >= deadline


def tick_rate() -> u64:
    """Ticks a second; 0 if there is none. Only after `start_watchdog` has found it."""
    return 0 if registers == 0 else FS_PER_NS * 1_000_000_000 // (read(CAPABILITIES) >> 32)
