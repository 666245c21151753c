# SPDX-License-Identifier: GPL-2.0-or-later
"""ACPI, as far as the kernel needs it: cores and interrupt controllers (MADT), NUMA nodes (SRAT), power off, reset, power button
(FADT, \\_S5).

Tables are read in place, through the direct map, once at boot; all fields are unaligned bytes. No AML is interpreted: the
\\_S5 package is found by its name in the DSDT, which is how its encoding allows it. ACPI 6.4, chapters 5.2, 4.8, 7.4.2.
No locks: everything is set at boot, then only read.
"""

from typing import Callable

from lang import Ptr, array, struct, u8, u16, u32, u64
from arch import cpu, page_table, trap
from kern.debug import log

MAX_CORES: u32 = 256
MAX_IOAPICS: u32 = 8
MAX_OVERRIDES: u32 = 24
ENABLED: u32 = 1

PM1_POWER_BUTTON: u16 = 1 << 8
PM1_SCI_ENABLED: u16 = 1
PM1_SLEEP: u16 = 1 << 13
SPACE_IO: u8 = 1
SPACE_MEMORY: u8 = 0
FADT_RESET_SUPPORTED: u32 = 1 << 10


@struct
class IoApicInfo:
    address: u32
    first_line: u32                         # global interrupt number of its first input


@struct
class Override:
    """An ISA interrupt that does not arrive where one would think."""

    source: u32
    line: u32
    active_low: bool
    level: bool


@struct
class Fadt:
    """What power management needs, out of the table."""

    sci: u32
    smi_command: u16
    acpi_enable: u8
    pm1a_event: u16
    pm1a_control: u16
    pm1b_control: u16
    pm1_event_len: u8
    pm_timer: u16                           # port; 0 if there is none
    has_reset: bool
    reset_space: u8
    reset_address: u64
    reset_value: u8
    dsdt: u64
    has_s5: bool
    s5_a: u16
    s5_b: u16


core_apic_ids = array(MAX_CORES, u32)       # in the MADT's order, as far as they are usable
core_count: u32 = 0
ioapics = array(MAX_IOAPICS, IoApicInfo)
ioapic_count: u32 = 0
overrides = array(MAX_OVERRIDES, Override)
override_count: u32 = 0
local_apic: u64 = 0xFEE0_0000               # physical
fadt = Fadt()
hpet: u64 = 0                               # physical address of its registers; 0 if there is none
power_button_handler: Callable[[], None] | None = None
power_button_pressed: bool = False          # before anybody handled it
srat: u64 = 0                               # the table of who is near whom

apic_nodes = array(MAX_CORES, u32)          # NUMA node, by the place in core_apic_ids


def byte(address: u64) -> u8:
    return Ptr[u8](address + page_table.DIRECT_MAP)[0]


def half(address: u64) -> u16:
    return u16(byte(address)) | (u16(byte(address + 1)) << 8)


def word(address: u64) -> u32:
    return u32(half(address)) | (u32(half(address + 2)) << 16)


def quad(address: u64) -> u64:
    return u64(word(address)) | (u64(word(address + 4)) << 32)


def has_signature(address: u64, name: str) -> bool:
    for i in range(len(name)):
        if byte(address + i) != name[i]:
            return False
    return True


def init(rsdp_hint: u64) -> None:
    """Find and read the tables. Without them there is one core, and the interrupt controllers where they usually are."""
    rsdp = rsdp_hint if rsdp_hint != 0 and has_signature(rsdp_hint, "RSD PTR ") else find_rsdp()
    if rsdp == 0:
        log.warn("no ACPI tables")
        return
    if byte(rsdp + 15) >= 2 and quad(rsdp + 24) != 0:
        read_root(quad(rsdp + 24), 8)
    else:
        read_root(u64(word(rsdp + 16)), 4)
    if srat != 0:
        read_srat(srat)                     # it may stand before the cores' own table
    if fadt.dsdt != 0:
        find_s5(fadt.dsdt)
    log.info(f"ACPI: {core_count} cores, {ioapic_count} interrupt controllers")


def find_rsdp() -> u64:
    """Where a BIOS leaves it: the first KiB of the extended data area, or its own 128 KiB."""
    extended = u64(half(0x40E)) << 4
    if extended != 0:
        for address in range(extended, extended + 1024, 16):
            if has_signature(address, "RSD PTR "):
                return address
    for address in range(u64(0xE_0000), 0x10_0000, 16):
        if has_signature(address, "RSD PTR "):
            return address
    return 0


def read_root(root: u64, width: u64) -> None:
    global srat, hpet
    length = u64(word(root + 4))
    for place in range(root + 36, root + length, width):
        table = quad(place) if width == 8 else u64(word(place))
        if has_signature(table, "APIC"):
            read_madt(table)
        elif has_signature(table, "FACP"):
            read_fadt(table)
        elif has_signature(table, "SRAT"):
            srat = table
        elif has_signature(table, "HPET") and byte(table + 40) == SPACE_MEMORY:
            hpet = quad(table + 44)         # IA-PC HPET specification 1.0a, 3.2.4


def read_srat(table: u64) -> None:
    """Processor affinity (ACPI 6.4, 5.2.16.1 and 5.2.16.3)."""
    end = table + u64(word(table + 4))
    place = table + 48
    while place + 2 <= end:
        length = u64(byte(place + 1))
        if length < 2:
            break
        match byte(place):
            case 0:
                if word(place + 4) & ENABLED:
                    set_node(u32(byte(place + 3)), u32(byte(place + 2)) | (word(place + 8) & 0xFFFF_FF00))
            case 2:
                if word(place + 12) & ENABLED:
                    set_node(word(place + 8), word(place + 4))
            case _:
                pass
        place += length


def set_node(apic_id: u32, node: u32) -> None:
    for i in range(core_count):
        if core_apic_ids[i] == apic_id:
            apic_nodes[i] = node


def node_of(apic_id: u32) -> u32:
    """The NUMA node of a core; 0 if nothing is said."""
    for i in range(core_count):
        if core_apic_ids[i] == apic_id:
            return apic_nodes[i]
    return 0


def read_madt(table: u64) -> None:
    global local_apic
    local_apic = u64(word(table + 36))
    end = table + u64(word(table + 4))
    place = table + 44
    while place + 2 <= end:
        length = u64(byte(place + 1))
        if length < 2:
            break
        match byte(place):
            case 0:
                add_core(u32(byte(place + 3)), word(place + 4))
            case 1:
                add_ioapic(word(place + 4), word(place + 8))
            case 2:
                add_override(u32(byte(place + 3)), word(place + 4), half(place + 8))
            case 5:
                local_apic = quad(place + 4)
            case 9:
                # Cores with small ids may be listed in both forms.
                if word(place + 4) >= 255:
                    add_core(word(place + 4), word(place + 8))
            case _:
                pass
        place += length


def add_core(apic_id: u32, flags: u32) -> None:
    global core_count
    if flags & ENABLED == 0 or apic_id == 0xFF or core_count == MAX_CORES:
        return
    core_apic_ids[core_count] = apic_id
    core_count += 1


def add_ioapic(address: u32, first_line: u32) -> None:
    global ioapic_count
    if ioapic_count < MAX_IOAPICS:
        ioapics[ioapic_count].address = address
        ioapics[ioapic_count].first_line = first_line
        ioapic_count += 1


def add_override(source: u32, line: u32, flags: u16) -> None:
    global override_count
    if override_count < MAX_OVERRIDES:
        entry = overrides[override_count]
        entry.source = source
        entry.line = line
        entry.active_low = flags & 3 == 3
        entry.level = flags & 12 == 12
        override_count += 1


def read_fadt(table: u64) -> None:
    length = word(table + 4)
    fadt.dsdt = u64(word(table + 40))
    fadt.sci = u32(half(table + 46))
    fadt.smi_command = u16(word(table + 48) & 0xFFFF)
    fadt.acpi_enable = byte(table + 52)
    fadt.pm1a_event = u16(word(table + 56) & 0xFFFF)
    fadt.pm1a_control = u16(word(table + 64) & 0xFFFF)
    fadt.pm1b_control = u16(word(table + 68) & 0xFFFF)
    fadt.pm_timer = u16(word(table + 76) & 0xFFFF)
    fadt.pm1_event_len = byte(table + 88)
    if length >= 129 and word(table + 112) & FADT_RESET_SUPPORTED != 0:
        fadt.has_reset = True
        fadt.reset_space = byte(table + 116)
        fadt.reset_address = quad(table + 120)
        fadt.reset_value = byte(table + 128)
    if length >= 148 and quad(table + 140) != 0:
        fadt.dsdt = quad(table + 140)


def find_s5(dsdt: u64) -> None:
    """The values that mean "off", from NAME(_S5_) PACKAGE(length, count, a, b, ...)."""
    end = dsdt + u64(word(dsdt + 4)) - 8
    for place in range(dsdt + 36, end):
        if has_signature(place, "_S5_") and byte(place + 4) == 0x12:
            at_element = place + 5
            at_element += 1 + u64(byte(at_element) >> 6)  # the package's length, 1 to 4 bytes
            at_element += 1                 # its number of elements
            fadt.s5_a = small_integer(at_element)
            at_element += 2 if byte(at_element) == 0x0A else 1
            fadt.s5_b = small_integer(at_element)
            fadt.has_s5 = True
            return


def small_integer(place: u64) -> u16:
    """An AML byte constant: a prefix and the byte, or the opcodes Zero and One."""
    return u16(byte(place + 1)) if byte(place) == 0x0A else u16(byte(place))


def enter_acpi_mode() -> None:
    """Take the power registers over from the firmware; gives up after a while."""
    if fadt.pm1a_control == 0 or cpu.in16(fadt.pm1a_control) & PM1_SCI_ENABLED != 0:
        return
    if fadt.smi_command == 0 or fadt.acpi_enable == 0:
        return
    cpu.out8(fadt.smi_command, fadt.acpi_enable)
    for _ in range(100000):
        if cpu.in16(fadt.pm1a_control) & PM1_SCI_ENABLED != 0:
            return


def enable_power_button() -> None:
    """Have the button raise the system control interrupt. May raise."""
    if fadt.pm1a_event == 0 or fadt.pm1_event_len < 4:
        return
    enter_acpi_mode()
    trap.register_irq(fadt.sci, system_control_interrupt, 0, 0)
    cpu.out16(fadt.pm1a_event, PM1_POWER_BUTTON)
    cpu.out16(fadt.pm1a_event + u16(fadt.pm1_event_len) // 2, PM1_POWER_BUTTON)


def system_control_interrupt(unused: u64) -> None:
    global power_button_pressed
    status = cpu.in16(fadt.pm1a_event)
    cpu.out16(fadt.pm1a_event, status)      # writing ones clears
    if status & PM1_POWER_BUTTON != 0:
        handler = power_button_handler
        if handler is not None:
            handler()
        else:
            power_button_pressed = True


def on_power_button(handler: Callable[[], None]) -> None:
    """`handler` runs in interrupt context when the button is pressed; at once if it was while the machine booted."""
    global power_button_handler
    saved = cpu.irqs_save()
    power_button_handler = handler
    if power_button_pressed:
        handler()
    cpu.irqs_restore(saved)


def power_off() -> None:
    """Enter S5. Returns if that does not work."""
    if not fadt.has_s5:
        return
    enter_acpi_mode()
    cpu.out16(fadt.pm1a_control, (fadt.s5_a << 10) | PM1_SLEEP)
    if fadt.pm1b_control != 0:
        cpu.out16(fadt.pm1b_control, (fadt.s5_b << 10) | PM1_SLEEP)


def reset() -> None:
    """Write the reset register. Returns if that does not work."""
    if not fadt.has_reset:
        return
    if fadt.reset_space == SPACE_IO:
        cpu.out8(u16(fadt.reset_address & 0xFFFF), fadt.reset_value)
    elif fadt.reset_space == SPACE_MEMORY:
        Ptr[u8](fadt.reset_address + page_table.DIRECT_MAP)[0] = fadt.reset_value
