# SPDX-License-Identifier: GPL-2.0-or-later
"""What the boot loader told (PVH start information or multiboot2 tags), made neutral, and the first steps of the boot core.

PVH: Xen's docs/misc/pvh.pandoc and arch-x86/hvm/start_info.h. Multiboot2: specification 2.0, section 3.6.
Runs on one core with interrupts off; no locks. Up to `init_kernel_tables` the loader's structures are read through the
boot tables' direct map, which reaches 4 GiB.
"""

from lang import Paddr, Ptr, addr_of, at, extern_symbol, memset, panic, span_of, struct, text, u8, u32, u64
from arch import acpi, apic, boot_tables, cpu, ioapic, page_table, serial, timer, trap, vga
from kern.arch_api import BootInfo
from kern.boot.memory_map import add_usable, exclude
from kern.debug import log
from kern.mm.kmap import alloc_stack

KIND_PVH: u64 = 1
KIND_MULTIBOOT2: u64 = 2
PVH_MAGIC: u32 = 0x336E_C578
TYPE_RAM: u32 = 1

TAG_END: u32 = 0
TAG_CMDLINE: u32 = 1
TAG_MODULE: u32 = 3
TAG_MEMORY_MAP: u32 = 6
TAG_RSDP_OLD: u32 = 14
TAG_RSDP_NEW: u32 = 15

LOW_END: u64 = 0x10_0000
FOUR_GIB: u64 = 0x1_0000_0000
PAGE: u64 = 4096
BOOT_IST_SIZE: u64 = 32768                  # of each of the boot core's first IST stacks (boot.S)

image_start_phys = extern_symbol("image_start_phys")
image_end_phys = extern_symbol("image_end_phys")
boot_ist_stacks = extern_symbol("boot_ist_stacks")

boot_info = BootInfo()


@struct
class PvhStartInfo:
    magic: u32
    version: u32
    flags: u32
    module_count: u32
    modules: u64
    cmdline: u64
    rsdp: u64
    memory_map: u64                         # from version 1 on
    memory_map_entries: u32
    reserved: u32


@struct
class PvhModule:
    address: u64
    size: u64
    cmdline: u64
    reserved: u64


@struct
class MapEntry:
    """Of both loaders' memory maps."""

    address: u64
    size: u64
    kind: u32
    reserved: u32


@struct
class Mb2Tag:
    kind: u32
    size: u32


@struct
class Mb2Module:
    kind: u32
    size: u32
    start: u32
    end: u32


@struct
class Mb2Map:
    kind: u32
    size: u32
    entry_size: u32
    entry_version: u32


def init_early(info: u64, kind: u64) -> BootInfo:
    """On the boot core: faults that are reported, BootInfo, final page tables, per-core data."""
    serial.init_early()
    cpu.init_idt()
    cpu.init_core(0)
    for i in range(cpu.IST_STACKS):
        cpu.set_ist(i, addr_of(boot_ist_stacks) + (u64(i) + 1) * BOOT_IST_SIZE)
    trap.attach_core()
    if kind == KIND_PVH:
        read_pvh(at(PvhStartInfo, info + page_table.DIRECT_MAP))
    elif kind == KIND_MULTIBOOT2:
        read_multiboot2(info + page_table.DIRECT_MAP)
    finish_ranges()
    boot_tables.init_kernel_tables(boot_info, u64(early_alloc(boot_tables.early_table_pages(boot_info) * PAGE)))
    return boot_info


def init_devices() -> None:
    """With page allocator, heap and kernel map ready. May raise."""
    line = text(160)
    cpu.describe(line)
    log.info(f"processor: {line}")
    guard_ist_stacks()
    acpi.init(boot_info.rsdp)
    apic.init_boot_core()
    ioapic.init()
    acpi.enable_power_button()
    timer.init()
    serial.init_interrupts()
    vga.clear()


def guard_ist_stacks() -> None:
    """Give this core IST stacks with guard pages. Each is as big as any kernel stack: room for a few nested entries."""
    for i in range(cpu.IST_STACKS):
        cpu.set_ist(i, alloc_stack())


def early_alloc(size: u64) -> Paddr:
    """Memory below 4 GiB, zeroed, page-aligned, taken out of `usable` for good. Only before the page allocator runs."""
    length = (size + PAGE - 1) & ~(PAGE - 1)
    for i in range(boot_info.usable_count):
        entry = boot_info.usable[boot_info.usable_count - 1 - i]
        if entry.end <= FOUR_GIB and entry.end - entry.start >= length:
            entry.end -= length
            memset(span_of(Ptr[u8](entry.end + page_table.DIRECT_MAP), length), 0)
            return Paddr(entry.end)
    panic(f"too little memory: {length} bytes more are needed to boot")


def read_pvh(start: PvhStartInfo) -> None:
    if start.magic != PVH_MAGIC:
        panic(f"PVH start information has magic {start.magic:#x}")
    boot_info.rsdp = start.rsdp
    if start.cmdline != 0:
        copy_cmdline(start.cmdline + page_table.DIRECT_MAP)
    if start.version >= 1:
        for i in range(u64(start.memory_map_entries)):
            add_memory(at(MapEntry, start.memory_map + page_table.DIRECT_MAP + i * 24))
        for i in range(u64(start.memory_map_entries)):
            exclude_reserved(at(MapEntry, start.memory_map + page_table.DIRECT_MAP + i * 24))
    exclude(boot_info, addr_of(start) - page_table.DIRECT_MAP, addr_of(start) - page_table.DIRECT_MAP + 64)
    for i in range(u64(start.module_count)):
        module = at(PvhModule, start.modules + page_table.DIRECT_MAP + i * 32)
        add_module(module.address, module.address + module.size)


def read_multiboot2(base: u64) -> None:
    size = u64(Ptr[u32](base)[0])
    place = base + 8
    while place < base + size:
        tag = at(Mb2Tag, place)
        if tag.kind == TAG_END:
            break
        if tag.kind == TAG_CMDLINE:
            copy_cmdline(place + 8)
        elif tag.kind == TAG_MEMORY_MAP:
            read_mb2_map(at(Mb2Map, place))
        elif tag.kind == TAG_RSDP_NEW or (tag.kind == TAG_RSDP_OLD and boot_info.rsdp == 0):
            boot_info.rsdp = place + 8 - page_table.DIRECT_MAP
        place += (u64(tag.size) + 7) & ~u64(7)
    # Modules after the map: they are cut out of it.
    place = base + 8
    while place < base + size:
        tag = at(Mb2Tag, place)
        if tag.kind == TAG_END:
            break
        if tag.kind == TAG_MODULE:
            module = at(Mb2Module, place)
            add_module(u64(module.start), u64(module.end))
        place += (u64(tag.size) + 7) & ~u64(7)
    exclude(boot_info, base - page_table.DIRECT_MAP, base + size - page_table.DIRECT_MAP)


def read_mb2_map(map: Mb2Map) -> None:
    for offset in range(u64(16), u64(map.size), u64(map.entry_size)):
        add_memory(at(MapEntry, addr_of(map) + offset))
    for offset in range(u64(16), u64(map.size), u64(map.entry_size)):
        exclude_reserved(at(MapEntry, addr_of(map) + offset))


def copy_cmdline(address: u64) -> None:
    source = Ptr[u8](address)
    length: u64 = 0
    while length < 1023 and source[length] != 0:
        length += 1
    boot_info.cmdline.append(span_of(source, length))


def add_memory(entry: MapEntry) -> None:
    """An entry of the map; where entries overlap, one that is no memory counts (`exclude_reserved`)."""
    if entry.kind != TYPE_RAM or entry.size > ~entry.address:
        return
    end = entry.address + entry.size
    boot_info.memory_top = max(boot_info.memory_top, end & ~(PAGE - 1))
    # Split at 4 GiB, so that early_alloc has whole ranges to choose from.
    add_usable(boot_info, max(entry.address, LOW_END), min(end, FOUR_GIB))
    add_usable(boot_info, max(entry.address, FOUR_GIB), end)


def exclude_reserved(entry: MapEntry) -> None:
    """When all memory is added."""
    if entry.kind != TYPE_RAM:
        exclude(boot_info, entry.address, entry.address + min(entry.size, ~entry.address))


def add_module(start: u64, end: u64) -> None:
    if boot_info.module_count < 8:
        module = boot_info.modules[boot_info.module_count]
        module.start = start
        module.end = end
        boot_info.module_count += 1
    exclude(boot_info, start, end)


def finish_ranges() -> None:
    if boot_info.usable_count == 0:
        panic("the boot loader named no memory")
    exclude(boot_info, addr_of(image_start_phys), addr_of(image_end_phys))
