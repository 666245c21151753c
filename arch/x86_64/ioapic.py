# SPDX-License-Identifier: GPL-2.0-or-later
"""The board's interrupt controllers: which line goes to which vector on which core.

ISA interrupts are edge-triggered and active high unless the firmware says otherwise (MADT overrides). All lines start masked.
Intel 82093AA. Locks: none; lines are routed at boot or with interrupts off by one core at a time.
"""

from lang import Paddr, Ptr, array, u32, u64, volatile_load, volatile_store
from arch import acpi, smp
from kern.mm.kmap import map_mmio

SELECT: u64 = 0
WINDOW: u64 = 0x10
VERSION: u32 = 1
TABLE: u32 = 0x10
MASKED: u32 = 1 << 16
DELIVERY_NMI: u32 = 4 << 8
ACTIVE_LOW: u32 = 1 << 13
LEVEL: u32 = 1 << 15
USUAL_ADDRESS: u32 = 0xFEC0_0000

registers = array(8, u64)                   # kernel addresses, by index in acpi.ioapics
line_counts = array(8, u32)


def init() -> None:
    """Map each controller and mask all its lines. May raise."""
    if acpi.ioapic_count == 0:
        acpi.add_ioapic(USUAL_ADDRESS, 0)
    for i in range(acpi.ioapic_count):
        registers[i] = u64(map_mmio(Paddr(u64(acpi.ioapics[i].address)), 4096))
        line_counts[i] = ((read(i, VERSION) >> 16) & 0xFF) + 1
        for line in range(line_counts[i]):
            write(i, TABLE + line * 2, MASKED)


def read(controller: u32, register: u32) -> u32:
    volatile_store(Ptr[u32](registers[controller] + SELECT), register)
    return volatile_load(Ptr[u32](registers[controller] + WINDOW))


def write(controller: u32, register: u32, value: u32) -> None:
    volatile_store(Ptr[u32](registers[controller] + SELECT), register)
    volatile_store(Ptr[u32](registers[controller] + WINDOW), value)


def line_of(irq: u32) -> u32:
    """Where an ISA interrupt arrives."""
    for i in range(acpi.override_count):
        if acpi.overrides[i].source == irq:
            return acpi.overrides[i].line
    return irq


def trigger_of(line: u32) -> u32:
    for i in range(acpi.override_count):
        entry = acpi.overrides[i]
        if entry.line == line:
            return (ACTIVE_LOW if entry.active_low else u32(0)) | (LEVEL if entry.level else u32(0))
    return 0


def route_nmi(line: u32, target: u32) -> bool:
    """Unmask a line towards core `target`, as an interrupt that cannot be masked there. False if no controller has that line."""
    for i in range(acpi.ioapic_count):
        first = acpi.ioapics[i].first_line
        if line >= first and line < first + line_counts[i]:
            entry = TABLE + (line - first) * 2
            write(i, entry + 1, smp.apic_id_of(target) << 24)
            write(i, entry, DELIVERY_NMI)
            return True
    return False


def route(line: u32, vector: u64, target: u32) -> None:
    """Unmask a line towards `vector` on core `target`. Nothing if no controller has that line."""
    for i in range(acpi.ioapic_count):
        first = acpi.ioapics[i].first_line
        if line >= first and line < first + line_counts[i]:
            entry = TABLE + (line - first) * 2
            write(i, entry + 1, smp.apic_id_of(target) << 24)
            write(i, entry, u32(vector) | trigger_of(line))
