# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands in page tables, and the ways through them: four levels. Intel SDM vol. 3, 4.5.

Tables are reached through the direct map, which shows all RAM at one distance. Nothing here flushes; callers serialise changes.
"""

from lang import Paddr, Ptr, inline, recursion, u32, u64
from kern.arch_api import PageFlag
from kern.mm.pages import alloc_zeroed, free_pages

DIRECT_MAP: u64 = 0xFFFF_8000_0000_0000     # where physical address 0 is seen

PAGE: u64 = 4096
LARGE_PAGE: u64 = 0x20_0000
ENTRIES: u64 = 512
LINE: u64 = 8                               # entries in a cache line

PRESENT: u64 = 1
WRITABLE: u64 = 2
USER: u64 = 4
WRITE_THROUGH: u64 = 8
CACHE_OFF: u64 = 16
ACCESSED: u64 = 32
DIRTY: u64 = 64
LARGE: u64 = 128
PAT: u64 = 128                              # of a leaf for 4 KiB, where the same bit means this
GLOBAL: u64 = 256
HELD: u64 = 512                             # ours: a page stands here although nobody may touch it (no rights)
NO_EXECUTE: u64 = 0x8000_0000_0000_0000
ADDRESS: u64 = 0x000F_FFFF_FFFF_F000

kernel_root: u64 = 0                        # physical address of the kernel's own top-level table
kernel_tables: u64 = 0                      # pages of tables made below it since boot; with the kernel map's lock


def use_kernel_root(root: u64) -> None:
    """The kernel's own tables are these from now on."""
    global kernel_root
    kernel_root = root


def table_at(physical: u64) -> Ptr[u64]:
    return Ptr[u64](physical + DIRECT_MAP)


@inline
def entry_bits(flags: PageFlag) -> u64:
    """The bits of a leaf entry. Without any right the page is held, not present."""
    if PageFlag.READ not in flags and PageFlag.WRITE not in flags and PageFlag.EXEC not in flags:
        return HELD
    bits = PRESENT | ACCESSED               # it is entered since somebody wants it: the processor need not note that
    if PageFlag.WRITE in flags:
        bits |= WRITABLE
    if PageFlag.USER in flags:
        bits |= USER
    if PageFlag.EXEC not in flags:
        bits |= NO_EXECUTE
    if PageFlag.UNCACHED in flags:
        bits |= CACHE_OFF | WRITE_THROUGH
    if PageFlag.WRITE_COMBINING in flags:
        bits |= PAT                         # cpu.py makes entry 4 of the table that
    return bits


def flags_at(root: u64, address: u64) -> PageFlag:
    place, size = find_leaf(root, address)
    if place == 0:
        return PageFlag(0)
    value = Ptr[u64](place)[0]
    if value & PRESENT == 0:
        return PageFlag(0)
    found = PageFlag.READ
    if value & WRITABLE != 0:
        found = found | PageFlag.WRITE
    if value & NO_EXECUTE == 0:
        found = found | PageFlag.EXEC
    if value & USER != 0:
        found = found | PageFlag.USER
    if value & CACHE_OFF != 0:
        found = found | PageFlag.UNCACHED
    if value & ACCESSED != 0:
        found = found | PageFlag.ACCESSED
    if value & DIRTY != 0:
        found = found | PageFlag.DIRTY
    if size == PAGE and value & PAT != 0:
        found = found | PageFlag.WRITE_COMBINING
    return found


@inline
def is_line_empty(table: Ptr[u64], i: u64) -> bool:
    """Whether nothing is in a cache line of entries, as in most of every upper table."""
    return (table[i] | table[i + 1] | table[i + 2] | table[i + 3] | table[i + 4] | table[i + 5] | table[i + 6] | table[i + 7]) == 0


@inline
def leaf_table(root: u64, address: u64) -> tuple[u64, u64]:
    """(address of the table of small pages, or 0 if there is none; first address that it, or what is there instead, does not reach)."""
    physical = root
    shift: u64 = 39
    while shift > 12:
        value = table_at(physical)[(address >> shift) & (ENTRIES - 1)]
        if value & (PRESENT | LARGE) != PRESENT:
            return 0, ((address >> shift) + 1) << shift
        physical = value & ADDRESS
        shift -= 9
    return physical + DIRECT_MAP, (address | LARGE_PAGE - 1) + 1


@inline
def find_entry(root: u64, address: u64) -> u64:
    """Address of the leaf entry of a small page, 0 if there is no table for it."""
    physical = root
    shift: u64 = 39
    while shift > 12:
        value = table_at(physical)[(address >> shift) & (ENTRIES - 1)]
        if value & (PRESENT | LARGE) != PRESENT:
            return 0
        physical = value & ADDRESS
        shift -= 9
    return physical + DIRECT_MAP + ((address >> 12) & (ENTRIES - 1)) * 8


def find_leaf(root: u64, address: u64) -> tuple[u64, u64]:
    """(address of the leaf entry of a page of any size, 0 if there is none; the page's size)."""
    physical = root
    shift: u64 = 39
    while True:
        place = physical + DIRECT_MAP + ((address >> shift) & (ENTRIES - 1)) * 8
        value = Ptr[u64](place)[0]
        if shift == 12 or value & (PRESENT | LARGE) == PRESENT | LARGE:
            return place, u64(1) << shift
        if value & PRESENT == 0:
            return 0, 0
        physical = value & ADDRESS
        shift -= 9


def make_entry(root: u64, address: u64, user: u64) -> Ptr[u64]:
    """The leaf entry; makes the tables above it. May raise ENOMEM; tables that were made stay."""
    return make_entry_at(root, address, user, 12)


def make_entry_at(root: u64, address: u64, user: u64, level: u64) -> Ptr[u64]:
    """The entry for a page of 2**level bytes."""
    global kernel_tables
    physical = root
    shift: u64 = 39
    while shift > level:
        table = table_at(physical)
        index = (address >> shift) & (ENTRIES - 1)
        if table[index] & PRESENT == 0:
            table[index] = u64(alloc_zeroed(0)) | PRESENT | WRITABLE | user
            if root == kernel_root:
                kernel_tables += 1
        physical = table[index] & ADDRESS
        shift -= 9
    return Ptr[u64](physical + DIRECT_MAP + ((address >> level) & (ENTRIES - 1)) * 8)


def take_out(root: u64, address: u64) -> Paddr | None:
    place = find_entry(root, address)
    if place == 0:
        return None
    entry = Ptr[u64](place)
    value = entry[0]
    if value & (PRESENT | HELD) == 0:
        return None
    entry[0] = 0
    return Paddr(value & ADDRESS)


@recursion(5)                               # levels of tables
def free_table(physical: u64, level: u32) -> None:
    if level > 1:
        table = table_at(physical)
        for first in range(u64(0), ENTRIES, LINE):
            if is_line_empty(table, first):
                continue
            for i in range(first, first + LINE):
                if table[i] & (PRESENT | LARGE) == PRESENT:
                    free_table(table[i] & ADDRESS, level - 1)
    free_pages(Paddr(physical), 0)
