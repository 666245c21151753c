# SPDX-License-Identifier: GPL-2.0-or-later
"""The board's interrupt controller (PLIC): which line goes to which core. All lines start masked.

Each hart that runs a supervisor has a context, found in the device tree, with enable bits, a threshold, and a register to claim from and
to complete at. Registers lie in the direct map. RISC-V PLIC specification 1.0. Locks: none; lines are routed at boot.
"""

from lang import Ptr, u32, u64, volatile_load, volatile_store
from arch import acpi, cpu, mmu, smp

PRIORITY: u64 = 0                           # 4 bytes a line
ENABLE: u64 = 0x2000                        # 0x80 bytes a context
ENABLE_STRIDE: u64 = 0x80
CONTEXT: u64 = 0x20_0000                    # 0x1000 bytes a context
CONTEXT_STRIDE: u64 = 0x1000
CLAIM: u64 = 4


def init() -> None:
    """Nothing is let through yet."""
    if acpi.plic == 0:
        return
    for line in range(u64(1), u64(acpi.plic_lines) + 1):
        write(PRIORITY + line * 4, 0)


def init_core(hart: u64) -> None:
    """The lines of this core's context are off; those that are switched on later come through."""
    context = acpi.plic_context_of(hart)
    if context == acpi.NO_CONTEXT:
        return
    for word in range(u64(0), (u64(acpi.plic_lines) + 32) // 32):
        write(ENABLE + u64(context) * ENABLE_STRIDE + word * 4, 0)
    write(CONTEXT + u64(context) * CONTEXT_STRIDE, 0)


def read(offset: u64) -> u32:
    return volatile_load(Ptr[u32](acpi.plic + mmu.direct_map + offset))


def write(offset: u64, value: u32) -> None:
    volatile_store(Ptr[u32](acpi.plic + mmu.direct_map + offset), value)


def route(line: u32, target: u32) -> None:
    """Let a line through to core `target`. Nothing if there is no such line."""
    context = acpi.plic_context_of(smp.hart_of(target))
    if acpi.plic == 0 or line == 0 or line > acpi.plic_lines or context == acpi.NO_CONTEXT:
        return
    place = ENABLE + u64(context) * ENABLE_STRIDE + u64(line) // 32 * 4
    write(place, read(place) | (u32(1) << (line % 32)))
    write(PRIORITY + u64(line) * 4, 1)


def own_claim() -> u64:
    return CONTEXT + u64(acpi.plic_context_of(smp.hart_of(cpu.core_id()))) * CONTEXT_STRIDE + CLAIM


def claim() -> u32:
    """Take the next line that asks for this core; 0 if none does."""
    return read(own_claim()) if acpi.plic != 0 else u32(0)


def complete(line: u32) -> None:
    write(own_claim(), line)
