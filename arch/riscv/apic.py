# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts between cores, and what stands in for non-maskable ones, which this architecture does not have.

Where every hart has a controller for incoming messages (IMSIC: RISC-V AIA 1.0, chapter 3), a core interrupts another by a store to that
one's page, and lines of devices come as messages too (ioapic.py); else the firmware does it.
A request to stop, or to tell what a core does, is a flag of that core and an ordinary interrupt: a core that keeps interrupts off for good
does not answer it. No locks.
"""

from lang import Atomic, PerCore, Ptr, array, struct, u32, u64, volatile_store
from arch import acpi, cpu, page_table, smp
from kern.debug.panic import handle_nmi

# Registers of the hart's own controller, by number.
DELIVERY: u64 = 0x70
THRESHOLD: u64 = 0x72
ENABLE: u64 = 0xC0                          # a bit a message; 64-bit registers have even numbers
IPI_LINE: u32 = 0xFFFF_FFFF                 # what `claim` calls a message from another core


@struct(align=64)
class Requests:
    tell: Atomic[bool]                      # run handle_nmi


requests = PerCore[Requests]()
stopping = Atomic[bool](False)              # the next interrupt is for good
pages = array(256, u64)                     # by core: address in the direct map of where its messages go; 0: by the firmware


def init_core(core: u32) -> None:
    """This core takes all messages from now on; devices send only those of lines that were routed."""
    index = acpi.index_of(acpi.imsic, smp.hart_of(core))
    if acpi.imsic.base == 0 or index == acpi.NO_INDEX:
        return
    for register in range(u64(0), u64(ipi_message()) // 32 + 1, 2):
        cpu.write_message_register(ENABLE + register, 0xFFFF_FFFF_FFFF_FFFF)
    cpu.write_message_register(THRESHOLD, 0)
    cpu.write_message_register(DELIVERY, 1)
    where = acpi.GroupIndex()
    acpi.imsic_group_of(index, where)
    pages[core] = where.page + page_table.direct_map


def takes_messages(core: u32) -> bool:
    return pages[core] != 0


def ipi_message() -> u32:
    """The last one: lines have the first."""
    return acpi.imsic.lines


def message_target(hart: u64) -> u32:
    """How a line's target names the hart (AIA 4.9.1): its number among the harts of its group, the group's above."""
    index = acpi.index_of(acpi.imsic, hart)
    if index == acpi.NO_INDEX:
        return index
    where = acpi.GroupIndex()
    acpi.imsic_group_of(index, where)
    return where.number << acpi.imsic.hart_bits | where.member


def claim() -> u32:
    """The next message for this core, as a line or IPI_LINE; 0 if there is none."""
    message = cpu.claim_message()
    return IPI_LINE if message == ipi_message() else message


def send_vector(core: u32) -> None:
    """Interrupt a core, this one too."""
    if not takes_messages(core):
        cpu.sbi_call(1, smp.hart_of(core), 0, 0, cpu.SBI_IPI)
        return
    cpu.device_fence()                      # what we tell it by memory comes first
    volatile_store(Ptr[u32](pages[core]), ipi_message())


def stop_if_asked() -> None:
    """Does not return on a core that shall stop."""
    if stopping.load():
        cpu.halt_forever()


def serve_requests(pc: u64, frame: u64) -> None:
    """In the interrupt handler. `pc` and `frame`: what was interrupted."""
    stop_if_asked()
    if requests.mine.tell.swap(False):
        handle_nmi(pc, frame)
