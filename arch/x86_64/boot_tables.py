# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own page tables, made once at boot from early memory. mmu.py says what is where. Runs on one core; no locks."""

from lang import addr_of, extern_symbol, struct, u64
from arch import cpu
from arch.mmu import KERNEL_BASE, KMAP_BASE, load_kernel
from arch.page_table import (
    ADDRESS,
    DIRECT_MAP,
    ENTRIES,
    GLOBAL,
    LARGE,
    LARGE_PAGE,
    NO_EXECUTE,
    PAGE,
    PRESENT,
    WRITABLE,
    table_at,
    use_kernel_root,
)
from kern.arch_api import BootInfo

HUGE_PAGE: u64 = 0x4000_0000
TOP_REACH: u64 = 0x80_0000_0000             # of one top-level entry

text_start = extern_symbol("text_start")
text_end = extern_symbol("text_end")
rodata_start = extern_symbol("rodata_start")
rodata_end = extern_symbol("rodata_end")
data_start = extern_symbol("data_start")
data_end = extern_symbol("data_end")
symbols_start = extern_symbol("symbols_start")
image_end = extern_symbol("image_end")


def init_kernel_tables(info: BootInfo, early_alloc: u64) -> None:
    """Build and load them. `early_alloc`: physical address of early_table_pages() zeroed pages."""
    tables = EarlyTables(next=early_alloc)
    root = tables.take()
    map_direct(tables, root, max(info.memory_top, u64(4) * HUGE_PAGE))
    table_at(root)[(u64(KMAP_BASE) >> 39) & (ENTRIES - 1)] = tables.take() | PRESENT | WRITABLE
    map_image(tables, root, addr_of(text_start), addr_of(text_end), PRESENT | GLOBAL)
    map_image(tables, root, addr_of(rodata_start), addr_of(rodata_end), PRESENT | GLOBAL | NO_EXECUTE)
    map_image(tables, root, addr_of(data_start), addr_of(data_end), PRESENT | WRITABLE | GLOBAL | NO_EXECUTE)
    map_image(tables, root, addr_of(symbols_start), addr_of(image_end), PRESENT | GLOBAL | NO_EXECUTE)
    use_kernel_root(root)
    load_kernel()


@struct
class EarlyTables:
    next: u64                               # physical address of the next unused page

    def take(self) -> u64:
        page = self.next
        self.next += PAGE
        return page

    def below(self, table: u64, index: u64) -> u64:
        """The table that an entry refers to, made if need be."""
        entries = table_at(table)
        if entries[index] & PRESENT == 0:
            entries[index] = self.take() | PRESENT | WRITABLE
        return entries[index] & ADDRESS


def early_table_pages(info: BootInfo) -> u64:
    """How many pages init_kernel_tables may need."""
    top = max(info.memory_top, u64(4) * HUGE_PAGE)
    image = addr_of(image_end) - addr_of(text_start)
    large = 0 if cpu.has_gigabyte_pages() else top // HUGE_PAGE + 1
    return 8 + top // TOP_REACH + 1 + large + image // LARGE_PAGE + 2


def map_direct(tables: EarlyTables, root: u64, top: u64) -> None:
    rights = PRESENT | WRITABLE | GLOBAL | NO_EXECUTE | LARGE
    gigabytes = cpu.has_gigabyte_pages()
    for start in range(u64(0), top, HUGE_PAGE):
        address = DIRECT_MAP + start
        pdpt = tables.below(root, (address >> 39) & (ENTRIES - 1))
        index = (address >> 30) & (ENTRIES - 1)
        if gigabytes:
            table_at(pdpt)[index] = start | rights
        else:
            directory = table_at(tables.below(pdpt, index))
            for i in range(ENTRIES):
                directory[i] = (start + i * LARGE_PAGE) | rights


def map_image(tables: EarlyTables, root: u64, start: u64, end: u64, rights: u64) -> None:
    for address in range(start & ~(PAGE - 1), end, PAGE):
        pdpt = tables.below(root, address >> 39 & (ENTRIES - 1))
        directory = tables.below(pdpt, address >> 30 & (ENTRIES - 1))
        table = tables.below(directory, address >> 21 & (ENTRIES - 1))
        table_at(table)[address >> 12 & (ENTRIES - 1)] = (address - KERNEL_BASE) | rights
