# SPDX-License-Identifier: GPL-2.0-or-later
"""What the firmware told (the device tree), made neutral, and the first steps of the boot core.

Runs on one core with interrupts off; no locks. Up to `init_kernel_tables` physical memory is read through the boot tables' direct map,
which reaches 128 GiB.
"""

from lang import Paddr, Ptr, addr_of, extern_symbol, memset, panic, span_of, text, u8, u64
from arch import acpi, apic, boot_tables, cpu, ioapic, mmu, page_table, serial, smp, timer, trap, vga
from kern.arch_api import BootInfo
from kern.boot.cmdline import option_in
from kern.boot.memory_map import add_usable, exclude
from kern.debug import log
from kern.mm.kmap import alloc_stack

PAGE: u64 = 4096

text_start = extern_symbol("text_start")
image_end = extern_symbol("image_end")

boot_info = BootInfo()


def init_early(info: u64, kind: u64) -> BootInfo:
    """On the boot core: faults that are reported, BootInfo, final page tables, per-core data. `info`: device tree, `kind`: this hart."""
    cpu.init_core(0)
    trap.attach_core()
    smp.hart_ids[0] = kind
    if not acpi.init(info):
        panic(f"no device tree at {info:#x}")
    serial.init_early()
    copy_cmdline()
    add_memory(0, page_table.SV39_DIRECT_MAP_SIZE)
    finish_ranges(info)
    largest = option_in(boot_info.cmdline.view, "mmu") != "sv39"
    boot_tables.init_kernel_tables(boot_info, u64(early_alloc(boot_tables.early_table_pages(boot_info) * PAGE)), largest)
    # What lies too high for the boot tables, and for three levels, is not touched before.
    add_memory(page_table.SV39_DIRECT_MAP_SIZE, page_table.direct_map_size())
    boot_info.memory_top = min(boot_info.memory_top, page_table.direct_map_size())
    return boot_info


def init_devices() -> None:
    """With page allocator, heap and kernel map ready. May raise."""
    line = text(160)
    cpu.describe(line)
    log.info(f"processor: {line}")
    log.info(f"device tree: {acpi.core_count} cores, interrupts by {ioapic.describe()}")
    cpu.set_emergency_stack(alloc_stack())
    ioapic.init()
    apic.init_core(0)
    ioapic.init_core(0)
    timer.init()
    serial.init_interrupts()
    vga.clear()


def image_start() -> u64:
    """Physical."""
    return addr_of(text_start) - mmu.IMAGE_OFFSET


def early_alloc(size: u64) -> Paddr:
    """Memory, zeroed, page-aligned, taken out of `usable` for good. Only before the page allocator runs."""
    length = (size + PAGE - 1) & ~(PAGE - 1)
    for i in range(boot_info.usable_count):
        entry = boot_info.usable[boot_info.usable_count - 1 - i]
        if entry.end - entry.start >= length:
            entry.end -= length
            memset(span_of(Ptr[u8](entry.end + page_table.direct_map), length), 0)
            return Paddr(entry.end)
    panic(f"too little memory: {length} bytes more are needed to boot")


def copy_cmdline() -> None:
    length = acpi.command_line.size
    if length > 1:
        boot_info.cmdline.append(span_of(Ptr[u8](acpi.command_line.at + page_table.direct_map), min(length - 1, u64(1023))))


def add_memory(first: u64, last: u64) -> None:
    """What the tree names of [first, last)."""
    for entry in acpi.memory[: u64(acpi.memory_count)]:
        if entry.size <= ~entry.start:
            end = entry.start + entry.size
            boot_info.memory_top = max(boot_info.memory_top, end & ~(PAGE - 1))
            add_usable(boot_info, max(entry.start, first), min(end, last))
    # When all is added: the firmware lies below the image, whether it says so or not.
    for entry in acpi.memory[: u64(acpi.memory_count)]:
        if entry.start < image_start() and entry.size <= ~entry.start:
            exclude(boot_info, entry.start, min(entry.start + entry.size, image_start()))
    for i in range(acpi.reserved_count):
        exclude(boot_info, acpi.reserved[i].start, acpi.reserved[i].start + acpi.reserved[i].size)


def finish_ranges(tree: u64) -> None:
    if boot_info.usable_count == 0:
        panic("the device tree names no memory")
    exclude(boot_info, image_start(), addr_of(image_end) - mmu.IMAGE_OFFSET)
    exclude(boot_info, tree, tree + acpi.tree_size)
