# SPDX-License-Identifier: GPL-2.0-or-later
"""The board's interrupt controller: which line goes to which core. All lines start masked, and go to the core they are routed to.
Of several, each for the harts of a NUMA node, it is the one that the console's line goes to; it does not reach all cores then.

One of three, as the device tree says; registers lie in the direct map:
- PLIC (RISC-V PLIC specification 1.0): each hart has a context with enable bits, a threshold, a register to claim from and to complete at;
- APLIC in direct mode (RISC-V AIA 1.0, 4.8): each hart has an interrupt delivery structure to claim from;
- APLIC in message mode (4.9): a line sends the message of its number to a hart's IMSIC (apic.py), where it is claimed.
Locks: none; lines are routed at boot.
"""

from lang import Ptr, array, u32, u64, volatile_load, volatile_store
from arch import acpi, apic, cpu, page_table, smp

# PLIC
PRIORITY: u64 = 0                           # 4 bytes a line
ENABLE: u64 = 0x2000                        # 0x80 bytes a context
ENABLE_STRIDE: u64 = 0x80
CONTEXT: u64 = 0x20_0000                    # 0x1000 bytes a context
CONTEXT_STRIDE: u64 = 0x1000
CLAIM: u64 = 4

# APLIC
DOMAIN_CONFIG: u64 = 0
DOMAIN_ON: u32 = 1 << 8
DOMAIN_MESSAGES: u32 = 1 << 2
SOURCE_CONFIG: u64 = 0x4                    # 4 bytes a line, from line 1
LEVEL_HIGH: u32 = 6
CLEAR_ENABLE: u64 = 0x1F00                  # a bit a line
SET_PENDING: u64 = 0x1CDC                   # takes a line's number
INPUTS: u64 = 0x1D00                        # a bit a line: whether it asks
SET_ENABLE: u64 = 0x1EDC                    # takes a line's number
TARGET: u64 = 0x3004                        # 4 bytes a line, from line 1
TARGET_HART: u32 = 18                       # first bit of the hart's index; below it the priority, or the message
DELIVERY: u64 = 0x4000                      # 32 bytes a hart: on, force, threshold, ...
DELIVERY_STRIDE: u64 = 32
THRESHOLD: u64 = 8
DELIVERY_CLAIM: u64 = 0x1C
CLAIMED_LINE: u32 = 16                      # first bit of the line in what was claimed

claim_at = array(256, u64)                  # by core: physical address of the register to claim from; 0: it gets no lines


def init() -> None:
    """Nothing is let through yet."""
    if acpi.aplic.base != 0:
        for word in range((u64(acpi.aplic.lines) + 32) // 32):
            write(acpi.aplic.base + CLEAR_ENABLE + word * 4, 0xFFFF_FFFF)
        write(acpi.aplic.base + DOMAIN_CONFIG, DOMAIN_ON | (DOMAIN_MESSAGES if sends_messages() else u32(0)))
    elif acpi.plic.base != 0:
        for line in range(u64(1), u64(acpi.plic.lines) + 1):
            write(acpi.plic.base + PRIORITY + line * 4, 0)


def describe() -> str:
    if sends_messages():
        return "aplic and imsic"
    return "aplic" if acpi.aplic.base != 0 else "plic"


def sends_messages() -> bool:
    return acpi.imsic.base != 0


def init_core(core: u32) -> None:
    """This core gets the lines that are routed to it, now or later."""
    if sends_messages():
        return
    index = acpi.index_of(acpi.aplic if acpi.aplic.base != 0 else acpi.plic, smp.hart_of(core))
    if index == acpi.NO_INDEX:
        return
    if acpi.aplic.base != 0:
        write(delivery_of(index) + THRESHOLD, 0)
        write(delivery_of(index), 1)
        claim_at[core] = delivery_of(index) + DELIVERY_CLAIM
        return
    for word in range(u64(0), (u64(acpi.plic.lines) + 32) // 32):
        write(acpi.plic.base + ENABLE + u64(index) * ENABLE_STRIDE + word * 4, 0)
    write(acpi.plic.base + CONTEXT + u64(index) * CONTEXT_STRIDE, 0)
    claim_at[core] = acpi.plic.base + CONTEXT + u64(index) * CONTEXT_STRIDE + CLAIM


def reaches(core: u32) -> bool:
    """Whether lines can go to this core, which runs."""
    return apic.takes_messages(core) if sends_messages() else claim_at[core] != 0


def reached_core(wanted: u32) -> u32:
    """That core, or one that lines can go to instead; none of those runs yet if it is that core and not reached."""
    if not reaches(wanted):
        for core in range(smp.core_count()):
            if reaches(core):
                return core
    return wanted


def read(address: u64) -> u32:
    return volatile_load(Ptr[u32](address + page_table.direct_map))


def write(address: u64, value: u32) -> None:
    volatile_store(Ptr[u32](address + page_table.direct_map), value)


def delivery_of(index: u32) -> u64:
    return acpi.aplic.base + DELIVERY + u64(index) * DELIVERY_STRIDE


def route(line: u32, target: u32) -> None:
    """Let a line through to core `target`. Nothing if there is no such line."""
    if acpi.aplic.base != 0:
        route_aplic(line, smp.hart_of(target))
        return
    index = acpi.index_of(acpi.plic, smp.hart_of(target))
    if acpi.plic.base == 0 or line == 0 or line > acpi.plic.lines or index == acpi.NO_INDEX:
        return
    place = acpi.plic.base + ENABLE + u64(index) * ENABLE_STRIDE + u64(line) // 32 * 4
    write(place, read(place) | (u32(1) << (line % 32)))
    write(acpi.plic.base + PRIORITY + u64(line) * 4, 1)


def route_aplic(line: u32, hart: u64) -> None:
    index = apic.message_target(hart) if sends_messages() else acpi.index_of(acpi.aplic, hart)
    if line == 0 or line > acpi.aplic.lines or index == acpi.NO_INDEX:
        return
    place = u64(line - 1) * 4
    write(acpi.aplic.base + SOURCE_CONFIG + place, LEVEL_HIGH)
    write(acpi.aplic.base + TARGET + place, index << TARGET_HART | (line if sends_messages() else u32(1)))
    write(acpi.aplic.base + SET_ENABLE, line)


def claim() -> u32:
    """Take the next line that asks for this core, or apic.IPI_LINE; 0 if none does."""
    if sends_messages():
        return apic.claim()
    place = claim_at[cpu.core_id()]
    claimed = read(place) if place != 0 else u32(0)
    return claimed >> CLAIMED_LINE if acpi.aplic.base != 0 else claimed


def complete(line: u32) -> None:
    """The line was served; if it still asks, it is to be claimed again."""
    if sends_messages():
        # A line sends one message when it rises. Not every emulator ignores a request for a line that is down, as 4.9.2 has it.
        if read(acpi.aplic.base + INPUTS + u64(line) // 32 * 4) >> (line % 32) & 1 != 0:
            write(acpi.aplic.base + SET_PENDING, line)
    elif acpi.aplic.base == 0:
        write(claim_at[cpu.core_id()], line)
