# SPDX-License-Identifier: GPL-2.0-or-later
"""Time: the cycle counter, calibrated at boot, the core's one-shot timer, and the board's clock.

The counter runs at a constant rate, the same on all cores (as on every machine of the last decade, and in emulators).
Its rate comes from the processor (CPUID 0x15) or hypervisor if they tell, else it is measured against ACPI's timer or the
PIT, which run at the same rate on every PC; the local controller's timer is measured along with it. No locks; set at boot, then read.
"""

from lang import SEQ_CST, addr_of, cycle_counter, fence, mul_high, pause, struct, u8, u16, u32, u64
from arch import acpi, apic, cpu, trap
from kern.debug import log

NS_PER_SEC: u64 = 1_000_000_000
PIT_RATE: u64 = 1_193_182
PIT_CHANNEL0: u16 = 0x40
PIT_CHANNEL2: u16 = 0x42
PIT_COMMAND: u16 = 0x43
PIT_GATE: u16 = 0x61
PM_TIMER_RATE: u64 = 3_579_545
MEASURE_MS: u64 = 20
SAMPLE_TRIES: u32 = 20
TSC_DEADLINE_MODE: u32 = 2 << 17
LONGEST_COUNT: u64 = 0xFFFF_FFFF            # of the local timer's register
HYPERVISOR_FIRST: u32 = 0x4000_0000
HYPERVISOR_TIMING: u32 = 0x4000_0010        # eax: kHz of the counter
HYPERVISOR_LAST: u32 = 0x4000_FFFF

RTC_INDEX: u16 = 0x70
RTC_DATA: u16 = 0x71

start_cycles: u64 = 0                       # counter at now_ns() == 0
frequency: u64 = 0                          # cycles a second; 0 before `init`
ns_scale: u64 = 0                           # ns = cycles * ns_scale >> 32
cycle_scale: u64 = 0                        # cycles = ns * cycle_scale >> 30
apic_frequency: u64 = 0                     # of the local controller's timer, after its divider
deadline_mode: bool = False


def init() -> None:
    """Calibrate, and set up the boot core's timer."""
    global start_cycles, frequency, ns_scale, cycle_scale, deadline_mode
    measured = measure()
    told = told_frequency()
    frequency = told if told != 0 else measured
    ns_scale = (NS_PER_SEC << 32) // frequency
    cycle_scale = (frequency << 30) // NS_PER_SEC
    start_cycles = cycle_counter()
    deadline_mode = cpu.has_tsc_deadline()
    init_core()
    log.info(f"cycle counter: {frequency // 1_000_000} MHz, timer: {apic_frequency // 1_000_000} MHz")


def init_core() -> None:
    """Arm nothing, but choose the mode."""
    mode = TSC_DEADLINE_MODE if deadline_mode else u32(0)
    apic.write(apic.REG_LVT_TIMER, u32(trap.TIMER_VECTOR) | mode)
    fence(SEQ_CST)                          # in memory before the first deadline, which is written to a register (SDM 11.5.4.1)


def now_ns() -> u64:
    """Since boot, the same on all cores; 0 until the counter is calibrated."""
    if frequency == 0:
        return 0
    return cycles_to_ns(cycle_counter() - start_cycles)


def cycles_to_ns(cycles: u64) -> u64:
    return (mul_high(cycles, ns_scale) << 32) | ((cycles * ns_scale) >> 32)


def ns_to_cycles(ns: u64) -> u64:
    return (mul_high(ns, cycle_scale) << 34) | ((ns * cycle_scale) >> 30)


def bus_freq() -> u64:
    """Of the local controller's timer, after its divider."""
    return apic_frequency


def tsc_freq() -> u64:
    """Cycles of the counter a second."""
    return frequency


def spin_ns(duration_ns: u64) -> None:
    end = now_ns() + duration_ns
    while now_ns() < end:
        pause()


def set_core_timer(when_ns: u64) -> None:
    """One interrupt at `when_ns` on this core (soon, if that is past), instead of any set before. 0: none."""
    if deadline_mode:
        cpu.write_msr(cpu.MSR_TSC_DEADLINE, start_cycles + ns_to_cycles(when_ns) if when_ns != 0 else u64(0))
        return
    if when_ns == 0:
        apic.write(apic.REG_TIMER_INITIAL, 0)
        return
    now = now_ns()
    wait = when_ns - now if when_ns > now else u64(0)
    # A longer wait than the register holds (over a minute in QEMU) ends early; the alarm code sees that nothing is due, and sets it again.
    wait = min(wait, LONGEST_COUNT * NS_PER_SEC // apic_frequency)
    apic.write(apic.REG_TIMER_INITIAL, u32(max(wait * apic_frequency // NS_PER_SEC, u64(1))))


def told_frequency() -> u64:
    """What processor or hypervisor say, 0 if neither does."""
    words = cpu.CpuidWords()
    cpu.cpuid(0x15, 0, words)
    if words.eax != 0 and words.ebx != 0 and words.ecx != 0:
        return u64(words.ecx) * u64(words.ebx) // u64(words.eax)
    cpu.cpuid(1, 0, words)
    if words.ecx & (1 << 31) == 0:
        return 0
    cpu.raw_cpuid(HYPERVISOR_FIRST, 0, addr_of(words))
    if words.eax < HYPERVISOR_TIMING or words.eax > HYPERVISOR_LAST:
        return 0
    cpu.raw_cpuid(HYPERVISOR_TIMING, 0, addr_of(words))
    return u64(words.eax) * 1000


def measure() -> u64:
    """The counter's rate, by a reference clock; sets apic_frequency from the same two samples."""
    global apic_frequency
    apic.write(apic.REG_LVT_TIMER, apic.MASKED | u32(trap.TIMER_VECTOR))
    apic.write(apic.REG_TIMER_INITIAL, 0xFFFF_FFFF)
    start_reference()
    first = Sample()
    last = Sample()
    take_sample(first)
    rate = reference_rate()
    while (reference() - first.ticks) & reference_mask() < rate * MEASURE_MS // 1000:
        pause()
    take_sample(last)
    apic.write(apic.REG_TIMER_INITIAL, 0)
    ticks = (last.ticks - first.ticks) & reference_mask()
    apic_frequency = (first.countdown - last.countdown) * rate // ticks
    return (last.cycles - first.cycles) * rate // ticks


@struct
class Sample:
    """The three clocks at one moment."""

    cycles: u64
    ticks: u64                              # of the reference
    countdown: u64                          # of the local controller's timer


def take_sample(into: Sample) -> None:
    """Of several tries the one that took the least time: a virtual processor may be stopped between any two reads."""
    best: u64 = 0xFFFF_FFFF_FFFF_FFFF
    for _ in range(SAMPLE_TRIES):
        begin = cycle_counter()
        ticks = reference()
        countdown = apic.read(apic.REG_TIMER_CURRENT)
        took = cycle_counter() - begin
        if took < best:
            best = took
            into.cycles = begin + took // 2
            into.ticks = ticks
            into.countdown = u64(countdown)


# The reference clock: ACPI's timer where there is one, since one read tells its time; else the PIT's second channel.


def reference_rate() -> u64:
    return PM_TIMER_RATE if acpi.fadt.pm_timer != 0 else PIT_RATE


def reference_mask() -> u64:
    return 0xFF_FFFF if acpi.fadt.pm_timer != 0 else 0xFFFF


def start_reference() -> None:
    if acpi.fadt.pm_timer != 0:
        return
    start_pit()


def reference() -> u64:
    """Its time in ticks, modulo reference_mask() + 1."""
    if acpi.fadt.pm_timer != 0:
        return u64(cpu.in32(acpi.fadt.pm_timer)) & 0xFF_FFFF
    return pit_ticks()


# The interval timer (Intel 8254): channel 2 counts for us, channel 0 could interrupt.


def start_pit() -> None:
    """Let channel 2 go round and round."""
    cpu.out8(PIT_GATE, (cpu.in8(PIT_GATE) & 0xFC) | 1)
    cpu.out8(PIT_COMMAND, 0xB4)             # channel 2, both bytes, mode 2
    cpu.out8(PIT_CHANNEL2, 0)
    cpu.out8(PIT_CHANNEL2, 0)


def pit_ticks() -> u64:
    """Its ticks, modulo 65536."""
    cpu.out8(PIT_COMMAND, 0x80)             # latch
    low = cpu.in8(PIT_CHANNEL2)
    return 0xFFFF - (u64(low) | (u64(cpu.in8(PIT_CHANNEL2)) << 8))


def pit_alarm(ticks: u32) -> None:
    """One interrupt at the old PIC in so many ticks, if its line is open there."""
    cpu.out8(PIT_COMMAND, 0x30)             # channel 0, both bytes, mode 0
    cpu.out8(PIT_CHANNEL0, u8(ticks & 0xFF))
    cpu.out8(PIT_CHANNEL0, u8(ticks >> 8 & 0xFF))


# The board's clock (MC146818), read when it does not change.


def rtc(register: u8) -> u32:
    cpu.out8(RTC_INDEX, register)
    return u32(cpu.in8(RTC_DATA))


def wall_clock_ns() -> u64:
    """Nanoseconds since 1970, UTC, to the second. Slow."""
    while True:
        while rtc(0x0A) & 0x80 != 0:
            pause()
        second = rtc(0)
        result = read_rtc()
        if rtc(0x0A) & 0x80 == 0 and rtc(0) == second:
            return result * NS_PER_SEC


def read_rtc() -> u64:
    mode = rtc(0x0B)
    binary = mode & 4 != 0
    hour_register = rtc(4)
    hour = from_bcd(hour_register & 0x7F, binary)
    if mode & 2 == 0:                       # twelve hours, bit 7 is PM
        hour = hour % 12 + (12 if hour_register & 0x80 != 0 else 0)
    days = days_since_1970(2000 + from_bcd(rtc(9), binary), from_bcd(rtc(8), binary), from_bcd(rtc(7), binary))
    return ((days * 24 + hour) * 60 + from_bcd(rtc(2), binary)) * 60 + from_bcd(rtc(0), binary)


def from_bcd(value: u32, binary: bool) -> u64:
    return u64(value) if binary else u64((value >> 4) * 10 + (value & 15))


def days_since_1970(year: u64, month: u64, day: u64) -> u64:
    """Of the Gregorian calendar: years begin in March, so that the leap day is the last."""
    y = year if month > 2 else year - 1
    m = month - 3 if month > 2 else month + 9
    return y * 365 + y // 4 - y // 100 + y // 400 + (m * 153 + 2) // 5 + day - 1 - 719_468
