# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own page tables, made once at boot from early memory, for both numbers of levels at once: which of them the processor has
shows when they are loaded. mmu.py says what is where. Runs on one core; no locks.
"""

from lang import addr_of, extern_symbol, struct, u64
from arch import mmu
from arch.mmu import IMAGE_OFFSET, KMAP_BASE
from arch.page_table import (
    ACCESSED,
    DIRTY,
    ENTRIES,
    EXECUTABLE,
    GLOBAL,
    LARGE_PAGE,
    PAGE,
    PRESENT,
    READABLE,
    SV39_DIRECT_MAP,
    SV39_DIRECT_MAP_SIZE,
    SV39_SHIFT,
    SV48_DIRECT_MAP,
    SV48_DIRECT_MAP_SIZE,
    SV48_SHIFT,
    WRITABLE,
    entry_of,
    table_at,
    target_of,
)
from kern.arch_api import BootInfo

HUGE_PAGE: u64 = 0x4000_0000
KMAP_TABLES: u64 = 16                       # top-level entries of the kernel map
DIRECT_RIGHTS: u64 = PRESENT | READABLE | WRITABLE | GLOBAL | ACCESSED | DIRTY

text_start = extern_symbol("text_start")
text_end = extern_symbol("text_end")
rodata_start = extern_symbol("rodata_start")
rodata_end = extern_symbol("rodata_end")
data_start = extern_symbol("data_start")
data_end = extern_symbol("data_end")
symbols_start = extern_symbol("symbols_start")
image_end = extern_symbol("image_end")


def init_kernel_tables(info: BootInfo, early_alloc: u64, largest: bool) -> None:
    """Build and load them. `early_alloc`: physical address of early_table_pages() zeroed pages. Not `largest`: three levels in any case."""
    tables = EarlyTables(next=early_alloc)
    upper = tables.take()
    top = max(info.memory_top, u64(4) * HUGE_PAGE)
    map_direct(upper, SV39_DIRECT_MAP, min(top, SV39_DIRECT_MAP_SIZE))
    for i in range(KMAP_TABLES):
        tables.below(upper, ((u64(KMAP_BASE) >> SV39_SHIFT) + i) & (ENTRIES - 1))
    rights = PRESENT | READABLE | GLOBAL | ACCESSED | DIRTY
    map_image(tables, upper, addr_of(text_start), addr_of(text_end), rights | EXECUTABLE)
    map_image(tables, upper, addr_of(rodata_start), addr_of(rodata_end), rights)
    map_image(tables, upper, addr_of(data_start), addr_of(data_end), rights | WRITABLE)
    map_image(tables, upper, addr_of(symbols_start), addr_of(image_end), rights)
    root = make_sv48_root(tables, upper, top)
    mmu.start(upper, root if largest else 0)


def make_sv48_root(tables: EarlyTables, upper: u64, top: u64) -> u64:
    """A fourth level above: the tables of three levels in its last entry, the direct map in its upper half's first ones."""
    root = tables.take()
    table_at(root)[ENTRIES - 1] = entry_of(upper) | PRESENT
    for start in range(u64(0), min(top, SV48_DIRECT_MAP_SIZE), ENTRIES * HUGE_PAGE):
        directory = tables.below(root, (SV48_DIRECT_MAP + start) >> SV48_SHIFT & (ENTRIES - 1))
        for address in range(start, min(top, start + ENTRIES * HUGE_PAGE), HUGE_PAGE):
            table_at(directory)[address >> SV39_SHIFT & (ENTRIES - 1)] = entry_of(address) | DIRECT_RIGHTS
    return root


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
            entries[index] = entry_of(self.take()) | PRESENT
        return target_of(entries[index])


def early_table_pages(info: BootInfo) -> u64:
    """How many pages init_kernel_tables may need."""
    image = addr_of(image_end) - addr_of(text_start)
    direct = 1 + info.memory_top // (ENTRIES * HUGE_PAGE)
    return 2 + KMAP_TABLES + 1 + image // LARGE_PAGE + 2 + direct


def map_direct(root: u64, at: u64, size: u64) -> None:
    for start in range(u64(0), size, HUGE_PAGE):
        table_at(root)[((at + start) >> SV39_SHIFT) & (ENTRIES - 1)] = entry_of(start) | DIRECT_RIGHTS


def map_image(tables: EarlyTables, upper: u64, start: u64, end: u64, rights: u64) -> None:
    for address in range(start & ~(PAGE - 1), end, PAGE):
        directory = tables.below(upper, address >> SV39_SHIFT & (ENTRIES - 1))
        table = tables.below(directory, address >> 21 & (ENTRIES - 1))
        table_at(table)[address >> 12 & (ENTRIES - 1)] = entry_of(address - IMAGE_OFFSET) | rights
