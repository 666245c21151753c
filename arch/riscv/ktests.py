# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tests of the hardware that only the other architecture has: here they say why there is nothing to test, and a test of what
stands in its place.
"""

from lang import array, ptr_of, u64
from arch import apic, cpu
from kern.core.percore import core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.time.clock import NS_PER_SEC, now_ns, spin_ns


@kernel_tests
class Pit(KernelTest):
    name: str = "hw.pit"
    disabled: str = "the board has no interval timer beside the harts' own"

    def run(self) -> None:
        pass


@kernel_tests
class PicReception(KernelTest):
    name: str = "hw.pic_reception"
    disabled: str = "the board has no PIC; its controller's lines are tested by core.shared_irq"

    def run(self) -> None:
        pass


@kernel_tests
class IoapicRouting(KernelTest):
    name: str = "hw.ioapic_routing"
    disabled: str = "the board has no old lines whose place the firmware tells; its controller's lines are tested by core.shared_irq"

    def run(self) -> None:
        pass


@kernel_tests
class SoftwareInterrupt(KernelTest):
    """An interrupt that this core sends itself waits until interrupts are on."""

    name: str = "hw.lapic_status_bit"

    def run(self) -> None:
        saved = cpu.irqs_save()
        before = core.mine.ipis
        apic.send_vector(core.mine.core_id)
        spin_ns(100_000)
        early = core.mine.ipis - before
        cpu.irqs_restore(saved)
        end = now_ns() + NS_PER_SEC
        while core.mine.ipis == before and now_ns() < end:
            spin_ns(100)
        equal(early, 0, "interrupts that came while they were off")
        check(core.mine.ipis > before, "the interrupt never came")


@kernel_tests
class Registers(KernelTest):
    """A register that is not there is an answer and no fault; one that is there gives what is in it."""

    name: str = "hw.registers"

    def run(self) -> None:
        value = array(1, u64)
        check(cpu.read_register(0xC01, ptr_of(value[0])) and value[0] != 0, "the time cannot be read")
        check(not cpu.read_register(0x7C0, ptr_of(value[0])), "a register that is not there was read")
        check(not cpu.write_register(0xC01, 0), "a counter took a value")
