# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tests of the hardware that only this architecture has: the old PIC and PIT, the local controller's registers."""

from lang import array, ptr_of, u32, u64
from arch import apic, cpu, timer, trap
from kern.core.percore import core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.time.clock import NS_PER_MS, NS_PER_SEC, now_ns, spin_ns

MEASURE_NS: u64 = 40 * NS_PER_MS            # the counter goes round in 54.9 ms
TRIES: u32 = 5
PIT_LINE: u32 = 0
MSR_PKRS: u32 = 0x6E1                       # has 32 bits where there is one (Intel SDM vol. 4)


def pit_rate() -> u64:
    """Ticks a second, by the cycle counter."""
    start, first = pit_sample()
    spin_ns(MEASURE_NS)
    end, last = pit_sample()
    return (last - first & 0xFFFF) * NS_PER_SEC // (end - start)


def pit_sample() -> tuple[u64, u64]:
    """Time and ticks at one moment: of several tries the one that took the least."""
    best: u64 = 1 << 62
    time: u64 = 0
    ticks: u64 = 0
    for _ in range(20):
        begin = now_ns()
        count = timer.pit_ticks()
        took = now_ns() - begin
        if took < best:
            best, time, ticks = took, begin + took // 2, count
    return time, ticks


@kernel_tests
class Pit(KernelTest):
    """The interval timer counts at its rate, which is every PC's."""

    name: str = "hw.pit"

    def run(self) -> None:
        timer.start_pit()
        nearest: u64 = 1 << 62
        for _ in range(TRIES):              # an emulator may be stopped for longer than the counter takes to go round
            rate = pit_rate()
            nearest = min(nearest, max(rate, timer.PIT_RATE) - min(rate, timer.PIT_RATE))
        check(nearest < timer.PIT_RATE // 50, f"it is {nearest} ticks a second away from {timer.PIT_RATE}")


@kernel_tests
class PicReception(KernelTest):
    """An interrupt of the old PIC arrives on core 0 while its line is open, and not when it is closed."""

    name: str = "hw.pic_reception"

    def run(self) -> None:
        before = apic.pic_interrupts(PIT_LINE)
        apic.open_pic(PIT_LINE)
        timer.pit_alarm(2000)
        end = now_ns() + NS_PER_SEC
        while apic.pic_interrupts(PIT_LINE) == before and now_ns() < end:
            spin_ns(10_000)
        apic.close_pic()
        check(apic.pic_interrupts(PIT_LINE) > before, "no interrupt came")
        count = apic.pic_interrupts(PIT_LINE)
        timer.pit_alarm(2000)
        spin_ns(5 * NS_PER_MS)
        equal(apic.pic_interrupts(PIT_LINE), count, "interrupts through a closed line")


@kernel_tests
class LapicStatusBit(KernelTest):
    """An interrupt that this core sends itself is sent at once, and stands in its request register until interrupts are on."""

    name: str = "hw.lapic_status_bit"

    def run(self) -> None:
        saved = cpu.irqs_save()
        before = core.mine.ipis
        apic.send_vector(apic.id(), u32(trap.IPI_VECTOR))
        end = now_ns() + NS_PER_SEC
        while apic.is_sending() and now_ns() < end:
            spin_ns(100)
        sending = apic.is_sending()
        while not apic.is_requested(u32(trap.IPI_VECTOR)) and now_ns() < end:
            spin_ns(100)
        requested = apic.is_requested(u32(trap.IPI_VECTOR))
        early = core.mine.ipis - before
        cpu.irqs_restore(saved)
        while core.mine.ipis == before and now_ns() < end:
            spin_ns(100)
        check(not sending, "the interrupt is still being sent")
        check(requested, "the interrupt that was sent is not requested")
        equal(early, 0, "interrupts that came while they were off")
        check(core.mine.ipis > before, "the interrupt never came")


@kernel_tests
class Registers(KernelTest):
    """A register that is not there, or cannot hold a value, is an answer and no fault; one that is there gives what is in it."""

    name: str = "hw.registers"

    def run(self) -> None:
        value = array(1, u64)
        check(cpu.read_register(0x10, ptr_of(value[0])) and value[0] != 0, "the cycle counter cannot be read")
        check(not cpu.write_register(MSR_PKRS, 1 << 40), "a register that is not there took a value")
