# SPDX-License-Identifier: GPL-2.0-or-later
"""The local interrupt controller of each core: by memory (xAPIC) or by registers of the core (x2APIC, where there is one).

Also puts the old PIC aside: remapped, in case something spurious comes, and masked. Intel SDM vol. 3, chapter 11.
Registers belong to their core; sending is two writes in xAPIC mode, so it runs with interrupts off. No locks.
"""

from lang import Atomic, Paddr, Ptr, array, pause, ptr_of, u8, u16, u32, u64, volatile_load, volatile_store
from arch import acpi, cpu, trap
from kern.mm.kmap import map_mmio

REG_ID: u64 = 0x20
REG_EOI: u64 = 0xB0
REG_SPURIOUS: u64 = 0xF0
REG_REQUESTED: u64 = 0x200                  # 8 registers of 32 vectors
REG_ERROR: u64 = 0x280
REG_COMMAND: u64 = 0x300
REG_COMMAND_HIGH: u64 = 0x310
REG_LVT_TIMER: u64 = 0x320
REG_LVT_LINT0: u64 = 0x350
REG_LVT_LINT1: u64 = 0x360
REG_LVT_ERROR: u64 = 0x370
REG_TIMER_INITIAL: u64 = 0x380
REG_TIMER_CURRENT: u64 = 0x390
REG_TIMER_DIVIDE: u64 = 0x3E0
REG_PRIORITY: u64 = 0x80

MSR_X2APIC: u32 = 0x800
MSR_X2APIC_COMMAND: u32 = 0x830
BASE_ENABLED: u64 = 1 << 11
BASE_X2APIC: u64 = 1 << 10
SOFTWARE_ENABLED: u32 = 1 << 8
MASKED: u32 = 1 << 16
DELIVERY_NMI: u32 = 4 << 8
DELIVERY_INIT: u32 = 5 << 8
DELIVERY_EXTERNAL: u32 = 7 << 8             # ask the PIC for the vector
DELIVERY_STARTUP: u32 = 6 << 8
LEVEL_ASSERT: u32 = 1 << 14
PENDING: u32 = 1 << 12
DIVIDE_BY_16: u32 = 3


PIC_COMMAND: u16 = 0x20
PIC_MASK: u16 = 0x21
PIC_LINES: u32 = 8                          # of the first one; the second stays masked

x2apic: bool = False
registers: u64 = 0                          # kernel address of the memory-mapped ones
pic_counts = array(8, u64)                  # by line of the first PIC
stopping = Atomic[bool](False)              # the next NMI is for good


def init_boot_core() -> None:
    """Choose the mode, map the registers, put the PIC aside, set this core's controller up. May raise."""
    global x2apic, registers
    mask_pic()
    x2apic = cpu.has_x2apic()
    if not x2apic:
        registers = u64(map_mmio(Paddr(acpi.local_apic), 4096))
    init_core()


def init_core() -> None:
    """Enable this core's controller: NMI at LINT1 as the board wires it, LINT0 (the PIC) off, timer masked."""
    base = cpu.read_msr(cpu.MSR_APIC_BASE) | BASE_ENABLED
    if x2apic:
        base |= BASE_X2APIC
    cpu.write_msr(cpu.MSR_APIC_BASE, base)
    write(REG_PRIORITY, 0)
    write(REG_LVT_TIMER, MASKED)
    write(REG_LVT_LINT0, MASKED)
    write(REG_LVT_LINT1, DELIVERY_NMI)
    write(REG_LVT_ERROR, u32(trap.APIC_ERROR_VECTOR))
    write(REG_ERROR, 0)
    write(REG_TIMER_DIVIDE, DIVIDE_BY_16)
    write(REG_SPURIOUS, SOFTWARE_ENABLED | u32(trap.SPURIOUS_VECTOR))
    end_of_interrupt()


def read(register: u64) -> u32:
    if x2apic:
        return u32(cpu.read_msr(MSR_X2APIC + u32(register >> 4)) & 0xFFFF_FFFF)
    return volatile_load(Ptr[u32](registers + register))


def write(register: u64, value: u32) -> None:
    if x2apic:
        cpu.write_msr(MSR_X2APIC + u32(register >> 4), u64(value))
    else:
        volatile_store(Ptr[u32](registers + register), value)


def id() -> u32:
    """This core's hardware id."""
    return read(REG_ID) if x2apic else read(REG_ID) >> 24


def end_of_interrupt() -> None:
    write(REG_EOI, 0)


def clear_error() -> None:
    write(REG_ERROR, 0)


def send(apic_id: u32, command: u32) -> None:
    """Send one interrupt command to a core by its hardware id, this one too."""
    if x2apic:
        cpu.write_msr(MSR_X2APIC_COMMAND, (u64(apic_id) << 32) | u64(command))
        return
    saved = cpu.irqs_save()
    while read(REG_COMMAND) & PENDING != 0:
        pause()
    write(REG_COMMAND_HIGH, apic_id << 24)
    write(REG_COMMAND, command)
    cpu.irqs_restore(saved)


def send_vector(apic_id: u32, vector: u32) -> None:
    send(apic_id, vector | LEVEL_ASSERT)


def send_nmi(apic_id: u32) -> None:
    send(apic_id, DELIVERY_NMI | LEVEL_ASSERT)


def send_init(apic_id: u32) -> None:
    send(apic_id, DELIVERY_INIT | LEVEL_ASSERT)


def send_startup(apic_id: u32, page: u64) -> None:
    """Start a core that got INIT, in real mode at physical address `page`, below 1 MiB."""
    send(apic_id, DELIVERY_STARTUP | LEVEL_ASSERT | u32(page >> 12))


def stop_if_asked() -> None:
    """In the NMI handler: does not return on a core that shall stop."""
    if stopping.load():
        cpu.halt_forever()


def mask_pic() -> None:
    """Vectors 0x20-0x2f, then all lines off."""
    cpu.out8(0x20, 0x11)
    cpu.out8(0xA0, 0x11)
    cpu.out8(0x21, 0x20)
    cpu.out8(0xA1, 0x28)
    cpu.out8(0x21, 4)
    cpu.out8(0xA1, 2)
    cpu.out8(0x21, 1)
    cpu.out8(0xA1, 1)
    cpu.out8(0x21, 0xFF)
    cpu.out8(0xA1, 0xFF)


def open_pic(line: u32) -> None:
    """Let one line of the first PIC through to this core, whose local controller then passes the PIC's interrupts on. Core 0."""
    write(REG_LVT_LINT0, DELIVERY_EXTERNAL)
    cpu.out8(PIC_MASK, ~(u8(1) << u8(line)))


def close_pic() -> None:
    cpu.out8(PIC_MASK, 0xFF)
    write(REG_LVT_LINT0, MASKED)


def take_pic(line: u32) -> None:
    """An interrupt of the PICs. One that is not in service is spurious, and wants no acknowledgement (Intel 8259A)."""
    if line >= PIC_LINES:
        return
    cpu.out8(PIC_COMMAND, 0x0B)             # read the register of what is in service
    if cpu.in8(PIC_COMMAND) >> u8(line) & 1 == 0:
        return
    pic_counts[line] += 1
    cpu.out8(PIC_COMMAND, 0x20)


def pic_interrupts(line: u32) -> u64:
    """How many came by that line of the first PIC."""
    return volatile_load(ptr_of(pic_counts[line]))


def is_sending() -> bool:
    """Whether the last command has not left this controller yet; in x2APIC mode sending has no such state."""
    return not x2apic and read(REG_COMMAND) & PENDING != 0


def is_requested(vector: u32) -> bool:
    """Whether an interrupt has arrived at this core and not been taken yet."""
    return read(REG_REQUESTED + u64(vector // 32) * 0x10) >> (vector % 32) & 1 != 0
