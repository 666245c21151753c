# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands in page tables, and the ways through them: four levels (Sv48) where the processor has them, else three (Sv39). Privileged ISA
20211203, 4.3 to 4.5.

Tables are reached through the direct map, which shows all RAM at one distance. Pages enter as accessed, and as dirty unless they are
CLEAN: a core that does not set the bits itself faults instead (4.3.1), and kern/mm/fault.py sets them. Nothing here flushes; callers
serialise changes.
"""

from lang import Paddr, Ptr, inline, recursion, u32, u64
from kern.arch_api import PageFlag
from kern.mm.pages import alloc_zeroed, free_pages

SV39_DIRECT_MAP: u64 = 0xFFFF_FFC0_0000_0000
SV39_DIRECT_MAP_SIZE: u64 = 0x20_0000_0000
SV48_DIRECT_MAP: u64 = 0xFFFF_8000_0000_0000
SV48_DIRECT_MAP_SIZE: u64 = 0x4000_0000_0000

PAGE: u64 = 4096
LARGE_PAGE: u64 = 0x20_0000
ENTRIES: u64 = 512
LINE: u64 = 8                               # entries in a cache line
SV39_SHIFT: u64 = 30                        # of the index into the top-level table
SV48_SHIFT: u64 = 39

PRESENT: u64 = 1
READABLE: u64 = 2
WRITABLE: u64 = 4
EXECUTABLE: u64 = 8
USER: u64 = 16
GLOBAL: u64 = 32
ACCESSED: u64 = 64
DIRTY: u64 = 128
HELD: u64 = 256                             # ours: a page stands here although nobody may touch it (no rights)
LEAF: u64 = 14                              # any right makes an entry a leaf
FRAME: u64 = 0x003F_FFFF_FFFF_FC00          # the page's number in an entry

kernel_root: u64 = 0                        # physical address of the kernel's own top-level table
kernel_tables: u64 = 0                      # pages of tables made below it since boot; with the kernel map's lock
direct_map: u64 = SV39_DIRECT_MAP           # where physical address 0 is seen
top_shift: u64 = SV39_SHIFT


def use_kernel_root(root: u64, has_four_levels: bool) -> None:
    """The kernel's own tables are these from now on, and all others have as many levels. They are loaded."""
    global kernel_root, direct_map, top_shift
    kernel_root = root
    if has_four_levels:
        direct_map, top_shift = SV48_DIRECT_MAP, SV48_SHIFT


def direct_map_size() -> u64:
    """How much memory it can show."""
    return SV48_DIRECT_MAP_SIZE if top_shift == SV48_SHIFT else SV39_DIRECT_MAP_SIZE


def table_at(physical: u64) -> Ptr[u64]:
    return Ptr[u64](physical + direct_map)


def entry_of(physical: u64) -> u64:
    """A physical address as it stands in an entry."""
    return physical >> 2


def target_of(entry: u64) -> u64:
    """The physical address in an entry."""
    return (entry & FRAME) << 2


@inline
def entry_bits(flags: PageFlag) -> u64:
    """The bits of a leaf entry. Without any right the page is held, not present. Whether it is cached is the board's business."""
    if PageFlag.READ not in flags and PageFlag.WRITE not in flags and PageFlag.EXEC not in flags:
        return HELD
    bits = PRESENT | READABLE | ACCESSED
    if PageFlag.CLEAN not in flags:
        bits |= DIRTY
    if PageFlag.WRITE in flags:
        bits |= WRITABLE
    if PageFlag.EXEC in flags:
        bits |= EXECUTABLE
    if PageFlag.USER in flags:
        bits |= USER
    return bits


def flags_at(root: u64, address: u64) -> PageFlag:
    place, _ = find_leaf(root, address)
    if place == 0:
        return PageFlag(0)
    value = Ptr[u64](place)[0]
    if value & PRESENT == 0:
        return PageFlag(0)
    found = PageFlag.READ
    if value & WRITABLE != 0:
        found = found | PageFlag.WRITE
    if value & EXECUTABLE != 0:
        found = found | PageFlag.EXEC
    if value & USER != 0:
        found = found | PageFlag.USER
    if value & ACCESSED != 0:
        found = found | PageFlag.ACCESSED
    if value & DIRTY != 0:
        found = found | PageFlag.DIRTY
    return found


@inline
def is_line_empty(table: Ptr[u64], i: u64) -> bool:
    """Whether nothing is in a cache line of entries, as in most of every upper table."""
    return (table[i] | table[i + 1] | table[i + 2] | table[i + 3] | table[i + 4] | table[i + 5] | table[i + 6] | table[i + 7]) == 0


@inline
def leaf_table(root: u64, address: u64) -> tuple[u64, u64]:
    """(address of the table of small pages, or 0 if there is none; first address that it, or what is there instead, does not reach)."""
    physical = root
    shift: u64 = top_shift
    while shift > 12:
        value = table_at(physical)[(address >> shift) & (ENTRIES - 1)]
        if value & (PRESENT | LEAF) != PRESENT:
            return 0, ((address >> shift) + 1) << shift
        physical = target_of(value)
        shift -= 9
    return physical + direct_map, (address | LARGE_PAGE - 1) + 1


@inline
def find_entry(root: u64, address: u64) -> u64:
    """Address of the leaf entry of a small page, 0 if there is no table for it."""
    physical = root
    shift = top_shift
    while shift > 12:
        value = table_at(physical)[(address >> shift) & (ENTRIES - 1)]
        if value & (PRESENT | LEAF) != PRESENT:
            return 0
        physical = target_of(value)
        shift -= 9
    return physical + direct_map + ((address >> 12) & (ENTRIES - 1)) * 8


def find_leaf(root: u64, address: u64) -> tuple[u64, u64]:
    """(address of the leaf entry of a page of any size, 0 if there is none; the page's size)."""
    physical = root
    shift = top_shift
    while True:
        place = physical + direct_map + ((address >> shift) & (ENTRIES - 1)) * 8
        value = Ptr[u64](place)[0]
        if shift == 12 or value & PRESENT != 0 and value & LEAF != 0:
            return place, u64(1) << shift
        if value & PRESENT == 0:
            return 0, 0
        physical = target_of(value)
        shift -= 9


def make_entry(root: u64, address: u64) -> Ptr[u64]:
    """The leaf entry; makes the tables above it. May raise ENOMEM; tables that were made stay."""
    return make_entry_at(root, address, 12)


def make_entry_at(root: u64, address: u64, level: u64) -> Ptr[u64]:
    """The entry for a page of 2**level bytes."""
    global kernel_tables
    physical = root
    shift = top_shift
    while shift > level:
        table = table_at(physical)
        index = (address >> shift) & (ENTRIES - 1)
        if table[index] & PRESENT == 0:
            table[index] = entry_of(u64(alloc_zeroed(0))) | PRESENT
            if root == kernel_root:
                kernel_tables += 1
        physical = target_of(table[index])
        shift -= 9
    return Ptr[u64](physical + direct_map + ((address >> level) & (ENTRIES - 1)) * 8)


def take_out(root: u64, address: u64) -> Paddr | None:
    place = find_entry(root, address)
    if place == 0:
        return None
    entry = Ptr[u64](place)
    value = entry[0]
    if value & (PRESENT | HELD) == 0:
        return None
    entry[0] = 0
    return Paddr(target_of(value))


@recursion(5)                               # levels of tables
def free_table(physical: u64, level: u32) -> None:
    if level > 1:
        table = table_at(physical)
        for first in range(u64(0), ENTRIES, LINE):
            if is_line_empty(table, first):
                continue
            for i in range(first, first + LINE):
                if table[i] & (PRESENT | LEAF) == PRESENT:
                    free_table(target_of(table[i]), level - 1)
    free_pages(Paddr(physical), 0)
