# SPDX-License-Identifier: GPL-2.0-or-later
"""Page tables: three levels (Sv39), 4 KiB pages for user space and the kernel map, large ones for the direct map.

Upper half, the same in every address space (its top-level entries are copied from the kernel's root, so all of them exist
before the first address space does):
    0xffffffc0_00000000   all RAM, and at least the first 4 GiB, writable, never executable
    0xffffffe0_00000000   the kernel map (kern/mm/kmap.py)
    0xffffffff_80000000   the kernel image: text read-execute, constants read-only, data read-write
No page is ever both writable and executable. Direct map and image are global: they never change. Accessed and dirty bits are always set:
the kernel does not use them, and not every core sets them itself. A core may remember that there was no translation, so
entering one flushes it here. Nothing here flushes other cores, and callers serialise changes.
"""

from lang import Kaddr, Paddr, Ptr, Uaddr, addr_of, extern, extern_symbol, struct, u32, u64
from arch import cpu
from kern.arch_api import BootInfo, PageFlag
from kern.mm.pages import alloc_zeroed, free_pages

DIRECT_MAP: u64 = 0xffff_ffc0_0000_0000
DIRECT_MAP_SIZE: u64 = 0x20_0000_0000
KERNEL_BASE: u64 = 0xffff_ffff_8000_0000
IMAGE_OFFSET: u64 = 0xffff_ffff_0000_0000   # of the image: virtual - physical
KMAP_BASE = Kaddr(0xffff_ffe0_0000_0000)
KMAP_END = Kaddr(0xffff_ffe4_0000_0000)
KMAP_TABLES: u64 = 16                       # top-level entries, made at boot

PAGE: u64 = 4096
LARGE_PAGE: u64 = 0x20_0000
HUGE_PAGE: u64 = 0x4000_0000
ENTRIES: u64 = 512
TOP_SHIFT: u64 = 30
SATP_SV39: u64 = 8 << 60

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
FRAME: u64 = 0x003f_ffff_ffff_fc00          # the page's number in an entry

text_start = extern_symbol("text_start")
text_end = extern_symbol("text_end")
rodata_start = extern_symbol("rodata_start")
rodata_end = extern_symbol("rodata_end")
data_start = extern_symbol("data_start")
data_end = extern_symbol("data_end")
symbols_start = extern_symbol("symbols_start")
image_end = extern_symbol("image_end")

kernel_root: u64 = 0                        # physical address of the kernel's own top-level table


@extern("asm_flush_page")
def flush_local_page(address: u64) -> None:
    """This core forgets one page's translation."""
    ...


@extern("asm_flush_all")
def flush_local_all() -> None:
    """This core forgets all translations."""
    ...


@struct
class AddressSpace:
    root: u64                               # physical address of the top-level table; 0: none yet


def phys_to_virt(address: Paddr) -> Kaddr:
    return Kaddr(u64(address) + DIRECT_MAP)


def virt_to_phys(address: Kaddr) -> Paddr:
    """Of the direct map or the kernel image only."""
    if u64(address) >= KERNEL_BASE:
        return Paddr(u64(address) - IMAGE_OFFSET)
    return Paddr(u64(address) - DIRECT_MAP)


def load(space: AddressSpace) -> None:
    cpu.write_satp(SATP_SV39 | space.root >> 12)


def load_kernel() -> None:
    cpu.write_satp(SATP_SV39 | kernel_root >> 12)


def new_space(space: AddressSpace) -> None:
    """Give `space` an empty user half. May raise ENOMEM."""
    root = u64(alloc_zeroed(0))
    table = table_at(root)
    kernel = table_at(kernel_root)
    for i in range(ENTRIES // 2, ENTRIES):
        table[i] = kernel[i]
    space.root = root


def destroy_space(space: AddressSpace) -> None:
    """Free the page tables of the user half. The pages mapped are the caller's; no core has the space loaded."""
    if space.root == 0:
        return
    table = table_at(space.root)
    for i in range(ENTRIES // 2):
        if table[i] & PRESENT != 0:
            free_table(target_of(table[i]), 2)
    free_pages(Paddr(space.root), 0)
    space.root = 0


def free_table(physical: u64, level: u32) -> None:
    if level > 1:
        table = table_at(physical)
        for i in range(ENTRIES):
            if table[i] & PRESENT != 0:
                free_table(target_of(table[i]), level - 1)
    free_pages(Paddr(physical), 0)


def map_page(space: AddressSpace, address: Uaddr, page: Paddr, flags: PageFlag) -> None:
    """Enter a user page, over whatever was there. May raise ENOMEM."""
    entry = make_entry(space.root, u64(address))
    entry[0] = entry_of(u64(page)) | entry_bits(flags)
    flush_local_page(u64(address))


def unmap_page(space: AddressSpace, address: Uaddr) -> Paddr | None:
    return take_out(space.root, u64(address))


def protect_page(space: AddressSpace, address: Uaddr, flags: PageFlag) -> bool:
    place = find_entry(space.root, u64(address))
    if place == 0:
        return False
    entry = Ptr[u64](place)
    if entry[0] & (PRESENT | HELD) == 0:
        return False
    entry[0] = (entry[0] & FRAME) | entry_bits(flags)
    return True


def lookup(space: AddressSpace, address: Uaddr) -> Paddr | None:
    place = find_entry(space.root, u64(address))
    if place == 0:
        return None
    value = Ptr[u64](place)[0]
    if value & (PRESENT | HELD) == 0:
        return None
    return Paddr(target_of(value))


def lookup_flags(space: AddressSpace, address: Uaddr) -> PageFlag:
    place = find_entry(space.root, u64(address))
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
    return found


def map_kernel_page(address: Kaddr, page: Paddr, flags: PageFlag) -> None:
    """Enter a page into the kernel map. Caller holds: the kernel map's lock. May raise ENOMEM."""
    entry = make_entry(kernel_root, u64(address))
    entry[0] = entry_of(u64(page)) | entry_bits(flags)
    flush_local_page(u64(address))


def unmap_kernel_page(address: Kaddr) -> Paddr | None:
    return take_out(kernel_root, u64(address))


def is_kernel_mapped(address: u64) -> bool:
    """Whether kernel code may read there without a fault."""
    if address < DIRECT_MAP or kernel_root == 0:
        return address >= KERNEL_BASE
    table = table_at(kernel_root)
    shift = TOP_SHIFT
    while True:
        value = table[(address >> shift) & (ENTRIES - 1)]
        if value & PRESENT == 0:
            return False
        if value & LEAF != 0:
            return True
        table = table_at(target_of(value))
        shift -= 9


def table_at(physical: u64) -> Ptr[u64]:
    return Ptr[u64](physical + DIRECT_MAP)


def entry_of(physical: u64) -> u64:
    """A physical address as it stands in an entry."""
    return physical >> 2


def target_of(entry: u64) -> u64:
    """The physical address in an entry."""
    return (entry & FRAME) << 2


def entry_bits(flags: PageFlag) -> u64:
    """The bits of a leaf entry. Without any right the page is held, not present. Whether it is cached is the board's business."""
    if PageFlag.READ not in flags and PageFlag.WRITE not in flags and PageFlag.EXEC not in flags:
        return HELD
    bits = PRESENT | READABLE | ACCESSED | DIRTY
    if PageFlag.WRITE in flags:
        bits |= WRITABLE
    if PageFlag.EXEC in flags:
        bits |= EXECUTABLE
    if PageFlag.USER in flags:
        bits |= USER
    return bits


def find_entry(root: u64, address: u64) -> u64:
    """Address of the leaf entry, 0 if there is no table for it."""
    physical = root
    shift = TOP_SHIFT
    while shift > 12:
        value = table_at(physical)[(address >> shift) & (ENTRIES - 1)]
        if value & PRESENT == 0:
            return 0
        physical = target_of(value)
        shift -= 9
    return physical + DIRECT_MAP + ((address >> 12) & (ENTRIES - 1)) * 8


def make_entry(root: u64, address: u64) -> Ptr[u64]:
    """The leaf entry; makes the tables above it. May raise ENOMEM; tables that were made stay."""
    physical = root
    shift = TOP_SHIFT
    while shift > 12:
        table = table_at(physical)
        index = (address >> shift) & (ENTRIES - 1)
        if table[index] & PRESENT == 0:
            table[index] = entry_of(u64(alloc_zeroed(0))) | PRESENT
        physical = target_of(table[index])
        shift -= 9
    return Ptr[u64](physical + DIRECT_MAP + ((address >> 12) & (ENTRIES - 1)) * 8)


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


# The kernel's own tables, made once at boot from early memory.

def init_kernel_tables(info: BootInfo, early_alloc: u64) -> None:
    """Build and load them. `early_alloc`: physical address of early_table_pages() zeroed pages."""
    global kernel_root
    tables = EarlyTables(next=early_alloc)
    root = tables.take()
    map_direct(root, max(info.memory_top, u64(4) * HUGE_PAGE))
    for i in range(KMAP_TABLES):
        tables.below(root, ((u64(KMAP_BASE) >> TOP_SHIFT) + i) & (ENTRIES - 1))
    rights = PRESENT | READABLE | GLOBAL | ACCESSED | DIRTY
    map_image(tables, root, addr_of(text_start), addr_of(text_end), rights | EXECUTABLE)
    map_image(tables, root, addr_of(rodata_start), addr_of(rodata_end), rights)
    map_image(tables, root, addr_of(data_start), addr_of(data_end), rights | WRITABLE)
    map_image(tables, root, addr_of(symbols_start), addr_of(image_end), rights)
    kernel_root = root
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
            entries[index] = entry_of(self.take()) | PRESENT
        return target_of(entries[index])


def early_table_pages(info: BootInfo) -> u64:
    """How many pages init_kernel_tables may need."""
    image = addr_of(image_end) - addr_of(text_start)
    return 1 + KMAP_TABLES + 1 + image // LARGE_PAGE + 2


def map_direct(root: u64, top: u64) -> None:
    rights = PRESENT | READABLE | WRITABLE | GLOBAL | ACCESSED | DIRTY
    for start in range(u64(0), min(top, DIRECT_MAP_SIZE), HUGE_PAGE):
        table_at(root)[((DIRECT_MAP + start) >> TOP_SHIFT) & (ENTRIES - 1)] = entry_of(start) | rights


def map_image(tables: EarlyTables, root: u64, start: u64, end: u64, rights: u64) -> None:
    for address in range(start & ~(PAGE - 1), end, PAGE):
        directory = tables.below(root, address >> TOP_SHIFT & (ENTRIES - 1))
        table = tables.below(directory, address >> 21 & (ENTRIES - 1))
        table_at(table)[address >> 12 & (ENTRIES - 1)] = entry_of(address - IMAGE_OFFSET) | rights
