# SPDX-License-Identifier: GPL-2.0-or-later
"""What the firmware told (the device tree), made neutral, and the first steps of the boot core.

Runs on one core with interrupts off; no locks. Up to `init_kernel_tables` physical memory is read through the boot tables' direct map,
which reaches 128 GiB.
"""

from lang import Paddr, Ptr, addr_of, extern_symbol, memset, panic, span_of, text, u8, u64
from arch import acpi, apic, cpu, ioapic, mmu, serial, smp, timer, trap, vga
from kern.arch_api import BootInfo, MemRange
from kern.boot.cmdline import option_in
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
    add_memory(0, mmu.SV39_DIRECT_MAP_SIZE)
    finish_ranges(info)
    largest = option_in(boot_info.cmdline.view, "mmu") != "sv39"
    mmu.init_kernel_tables(boot_info, u64(early_alloc(mmu.early_table_pages(boot_info) * PAGE)), largest)
    # What lies too high for the boot tables, and for three levels, is not touched before.
    add_memory(mmu.SV39_DIRECT_MAP_SIZE, mmu.direct_map_size())
    boot_info.memory_top = min(boot_info.memory_top, mmu.direct_map_size())
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
            memset(span_of(Ptr[u8](entry.end + mmu.direct_map), length), 0)
            return Paddr(entry.end)
    panic(f"too little memory: {length} bytes more are needed to boot")


def copy_cmdline() -> None:
    length = acpi.command_line.size
    if length > 1:
        boot_info.cmdline.append(span_of(Ptr[u8](acpi.command_line.at + mmu.direct_map), min(length - 1, u64(1023))))


def add_memory(first: u64, last: u64) -> None:
    """What the tree names of [first, last)."""
    for i in range(acpi.memory_count):
        entry = acpi.memory[i]
        start = max((entry.start + PAGE - 1) & ~(PAGE - 1), first)
        end = (entry.start + entry.size) & ~(PAGE - 1)
        boot_info.memory_top = max(boot_info.memory_top, end)
        end = min(end, last)
        add_range(start, end)
        # The firmware lies below the image, whether it says so or not.
        if start < image_start() and image_start() < end:
            exclude(start, image_start())
    for i in range(acpi.reserved_count):
        exclude(acpi.reserved[i].start, acpi.reserved[i].start + acpi.reserved[i].size)


def add_range(start: u64, end: u64) -> None:
    """Add to `usable`, in order of addresses."""
    if start >= end or boot_info.usable_count >= 62:
        return
    i = boot_info.usable_count
    while i > 0 and boot_info.usable[i - 1].start > start:
        boot_info.usable[i].start = boot_info.usable[i - 1].start
        boot_info.usable[i].end = boot_info.usable[i - 1].end
        i -= 1
    boot_info.usable[i].start = start
    boot_info.usable[i].end = end
    boot_info.usable_count += 1


def exclude(first: u64, last: u64) -> None:
    """Cut [first, last), widened to pages, out of `usable`."""
    start = first & ~(PAGE - 1)
    end = (last + PAGE - 1) & ~(PAGE - 1)
    count = boot_info.usable_count
    for i in range(count):
        entry = boot_info.usable[i]
        if entry.start < end and start < entry.end:
            rest = entry.end
            entry.end = max(start, entry.start)
            if end < rest:
                add_range_later(end, rest)
    sort_in_pending()


# `exclude` walks `usable` while a cut leaves a second half: that waits here until the walk is over.
pending = MemRange()


def add_range_later(start: u64, end: u64) -> None:
    pending.start = start
    pending.end = end


def sort_in_pending() -> None:
    add_range(pending.start, pending.end)
    pending.start = 0
    pending.end = 0


def finish_ranges(tree: u64) -> None:
    if boot_info.usable_count == 0:
        panic("the device tree names no memory")
    exclude(image_start(), addr_of(image_end) - mmu.IMAGE_OFFSET)
    exclude(tree, tree + acpi.tree_size)
