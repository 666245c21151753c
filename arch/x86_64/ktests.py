# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tests of the hardware that only this architecture has: the old PIC and PIT, the local controller's registers."""

from lang import Atomic, array, interrupt_context, ptr_of, u32, u64
from arch import apic, cpu, ioapic, timer, trap
from kern.core.percore import core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.time.clock import NS_PER_MS, NS_PER_SEC, now_ns, spin_ns

MEASURE_NS: u64 = 40 * NS_PER_MS            # the counter goes round in 54.9 ms
TRIES: u32 = 5
PIT_LINE: u32 = 0
SPURIOUS_LINE: u32 = 7                      # whose vector the PIC gives when it has nothing (Intel 8259A)
PIC_VECTOR: u32 = 0x20
HANG_NS: u64 = 10 * NS_PER_SEC
MSR_PKRS: u32 = 0x6E1                       # has 32 bits where there is one (Intel SDM vol. 4)

arrived = Atomic[u64](0)                    # on the core that was asked for
strays = Atomic[u64](0)


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
    """An interrupt of the old PIC arrives on core 0 while its line is open, and not when it is closed. A spurious one is none."""

    name: str = "hw.pic_reception"

    def run(self) -> None:
        before = apic.pic_interrupts(PIT_LINE)
        apic.open_pic(PIT_LINE)
        timer.pit_alarm(2000)
        end = now_ns() + HANG_NS
        while apic.pic_interrupts(PIT_LINE) == before and now_ns() < end:
            spin_ns(10_000)
        apic.close_pic()
        check(apic.pic_interrupts(PIT_LINE) > before, "no interrupt came")
        count = apic.pic_interrupts(PIT_LINE)
        timer.pit_alarm(2000)
        spin_ns(5 * NS_PER_MS)
        equal(apic.pic_interrupts(PIT_LINE), count, "interrupts through a closed line")
        spurious = apic.pic_interrupts(SPURIOUS_LINE)
        saved = cpu.irqs_save()
        apic.send_vector(apic.id(), PIC_VECTOR + SPURIOUS_LINE)
        while not apic.is_requested(PIC_VECTOR + SPURIOUS_LINE) and now_ns() < end:
            spin_ns(100)
        taken = core.mine.device_irqs
        cpu.irqs_on()
        while apic.is_requested(PIC_VECTOR + SPURIOUS_LINE) and now_ns() < end:
            spin_ns(100)
        cpu.irqs_off()
        check(core.mine.device_irqs > taken, "the vector of the PIC's last line does not interrupt")
        apic.end_of_interrupt()             # it was the local controller that gave it, not the PIC
        cpu.irqs_restore(saved)
        equal(apic.pic_interrupts(SPURIOUS_LINE), spurious, "interrupts of which the PIC knows nothing")


@kernel_tests
class IoapicRouting(KernelTest):
    """An old line's interrupt arrives where the firmware's tables say that the board has it, on the core that asked; and then no more."""

    name: str = "hw.ioapic_routing"

    def run(self) -> None:
        target = core.mine.core_id
        trap.register_irq(PIT_LINE, count_interrupt, u64(target), target)
        end = now_ns() + HANG_NS
        before = arrived.load()
        elsewhere = strays.load()
        timer.pit_alarm(2000)
        while arrived.load() + strays.load() == before + elsewhere and now_ns() < end:
            spin_ns(10_000)
        trap.unregister_irq(PIT_LINE, count_interrupt, u64(target))
        check(arrived.load() > before, f"no interrupt came by line {ioapic.line_of(PIT_LINE)}")
        equal(strays.load(), elsewhere, "interrupts of another core")
        count = arrived.load()
        timer.pit_alarm(2000)
        spin_ns(5 * NS_PER_MS)
        equal(arrived.load(), count, "interrupts that nobody handles any more")


@interrupt_context
def count_interrupt(target: u64) -> None:
    if u64(core.mine.core_id) == target:
        arrived.add(1)
    else:
        strays.add(1)


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
