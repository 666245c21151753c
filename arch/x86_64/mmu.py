# SPDX-License-Identifier: GPL-2.0-or-later
"""Page tables: four levels, 4 KiB pages for user space and the kernel map, large ones for the direct map.

Upper half, the same in every address space (its top-level entries are copied from the kernel's root, so all of them exist
before the first address space does):
    0xffff8000_00000000   all RAM, and at least the first 4 GiB, writable, never executable
    0xffffc000_00000000   the kernel map (kern/mm/kmap.py)
    0xffffffff_80000000   the kernel image: text read-execute, constants read-only, data read-write
No page is ever both writable and executable. Direct map and image are global: they never change. The kernel map is not,
so that loading CR3 forgets all that may change. Nothing here flushes other cores, and callers serialise changes.
"""

from typing import Callable

from lang import Error, Kaddr, Paddr, Ptr, Span, Uaddr, addr_of, atomic, ctz, extern, extern_symbol, inline, recursion, struct, u8, u32, u64
from arch import cpu
from kern.abi.errno import Errno
from kern.arch_api import BootInfo, PageFlag, TakenPage
from kern.mm.pages import alloc_zeroed, free_pages

DIRECT_MAP: u64 = 0xFFFF_8000_0000_0000
KERNEL_BASE: u64 = 0xFFFF_FFFF_8000_0000
KMAP_BASE = Kaddr(0xFFFF_C000_0000_0000)
KMAP_END = Kaddr(0xFFFF_C080_0000_0000)     # one top-level entry

PAGE: u64 = 4096
LARGE_PAGE: u64 = 0x20_0000
HUGE_PAGE: u64 = 0x4000_0000
TOP_REACH: u64 = 0x80_0000_0000             # of one top-level entry
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
COMBINES_WRITES: bool = True                # pages of the kernel map may be WRITE_COMBINING
PAT: u64 = 128                              # of a leaf for 4 KiB, where the same bit means this
GLOBAL: u64 = 256
HELD: u64 = 512                             # ours: a page stands here although nobody may touch it (no rights)
NO_EXECUTE: u64 = 0x8000_0000_0000_0000
ADDRESS: u64 = 0x000F_FFFF_FFFF_F000

text_start = extern_symbol("text_start")
text_end = extern_symbol("text_end")
rodata_start = extern_symbol("rodata_start")
rodata_end = extern_symbol("rodata_end")
data_start = extern_symbol("data_start")
data_end = extern_symbol("data_end")
symbols_start = extern_symbol("symbols_start")
image_end = extern_symbol("image_end")

kernel_root: u64 = 0                        # physical address of the kernel's own top-level table
kernel_tables: u64 = 0                      # pages of tables made below it since boot; with the kernel map's lock


@extern("asm_invlpg")
def flush_local_page(address: u64) -> None:
    """This core forgets one page's translation."""
    ...


@extern("asm_clear_page")
def clear_page(page: Kaddr) -> None:
    """Fill a page with zeros."""
    ...


@extern("asm_copy_page")
def copy_page(to: Kaddr, source: Kaddr) -> None:
    """Make a page hold what another one does."""
    ...


@struct
class AddressSpace:
    root: u64                               # physical address of the top-level table; 0: none yet


def phys_to_virt(address: Paddr) -> Kaddr:
    return Kaddr(u64(address) + DIRECT_MAP)


def real_mode_memory() -> Span[u8]:
    """The first MiB, with what the firmware keeps there."""
    return Span[u8](u64(phys_to_virt(Paddr(0))), 1 << 20)


def virt_to_phys(address: Kaddr) -> Paddr:
    """Of the direct map or the kernel image only."""
    if u64(address) >= KERNEL_BASE:
        return Paddr(u64(address) - KERNEL_BASE)
    return Paddr(u64(address) - DIRECT_MAP)


def load(space: AddressSpace) -> None:
    cpu.write_cr3(space.root)


def load_kernel() -> None:
    cpu.write_cr3(kernel_root)


def outdate(space: AddressSpace) -> None:
    """Nothing: a core forgets a space's translations when it leaves it."""


def flush_local_all() -> None:
    """This core forgets all translations that may ever change."""
    cpu.write_cr3(cpu.read_cr3())


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
            free_table(table[i] & ADDRESS, 3)
    free_pages(Paddr(space.root), 0)
    space.root = 0


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


@inline
def is_line_empty(table: Ptr[u64], i: u64) -> bool:
    """Whether nothing is in a cache line of entries, as in most of every upper table."""
    return (table[i] | table[i + 1] | table[i + 2] | table[i + 3] | table[i + 4] | table[i + 5] | table[i + 6] | table[i + 7]) == 0


def map_page(space: AddressSpace, address: Uaddr, page: Paddr, flags: PageFlag) -> None:
    """Enter a user page, over whatever was there. May raise ENOMEM."""
    put_page(place_of(space, address), address, page, flags)


def place_of(space: AddressSpace, address: Uaddr) -> Ptr[u64]:
    place = find_entry(space.root, u64(address))
    if place != 0:
        return Ptr[u64](place)
    return make_entry(space.root, u64(address), USER)


def has_page(place: Ptr[u64]) -> bool:
    return place[0] & (PRESENT | HELD) != 0


def page_of(place: Ptr[u64]) -> Paddr:
    return Paddr(place[0] & ADDRESS)


def put_page(place: Ptr[u64], address: Uaddr, page: Paddr, flags: PageFlag) -> None:
    place[0] = u64(page) | entry_bits(flags)


def unmap_page(space: AddressSpace, address: Uaddr) -> Paddr | None:
    return take_out(space.root, u64(address))


def take_pages(space: AddressSpace, base: u64, end: u64, into: Span[TakenPage]) -> tuple[u64, u64]:
    """Take the pages in [base, end) out, as many as `into` has room for; (how many, where to go on)."""
    return change_pages(space, base, end, into, lambda entry: atomic(entry[0]).swap(0))


def share_pages(space: AddressSpace, base: u64, end: u64, into: Span[TakenPage]) -> tuple[u64, u64]:
    """Make pages in [base, end) read-only, as many as `into` has room for, and tell which; (how many, where to go on)."""
    return change_pages(space, base, end, into, lambda entry: atomic(entry[0]).and_(~WRITABLE))


def change_pages(space: AddressSpace, base: u64, end: u64, into: Span[TakenPage], change: Callable[[Ptr[u64]], u64]) -> tuple[u64, u64]:
    """`change` the entry of each page, and tell what it was: in one step, since the processor may be setting a bit in it."""
    count: u64 = 0
    address = base
    while address < end and count < len(into):
        table, next = leaf_table(space.root, address)
        stop = min(next, end)
        if table == 0:
            address = stop
        while address < stop and count < len(into):
            index = (address >> 12) % ENTRIES
            entry = Ptr[u64](table + index * 8)
            if entry[0] & (PRESENT | HELD) != 0:
                value = change(entry)
                into[count].address = address
                into[count].page = Paddr(value & ADDRESS)
                into[count].dirty = 1 if value & DIRTY != 0 else 0
                count += 1
            elif index % LINE == 0 and is_line_empty(Ptr[u64](table), index):
                address = min(address + LINE * PAGE, stop)
                continue
            address += PAGE
    return count, address


def next_page(space: AddressSpace, base: u64, end: u64) -> u64:
    """The lowest address in [base, end) where a page is mapped; `end` if there is none."""
    address = base
    while address < end:
        table, next = leaf_table(space.root, address)
        stop = min(next, end)
        if table == 0:
            address = stop
        while address < stop:
            if Ptr[u64](table + (address >> 12) % ENTRIES * 8)[0] & (PRESENT | HELD) != 0:
                return address
            address += PAGE
    return end


def take_dirty(space: AddressSpace, address: Uaddr) -> bool:
    """Whether the page there was written since it was entered CLEAN, or since this was asked last."""
    place = find_entry(space.root, u64(address))
    return place != 0 and atomic(Ptr[u64](place)[0]).and_(~DIRTY) & DIRTY != 0


def take_accessed(space: AddressSpace, address: Uaddr) -> bool:
    """Whether the page there was touched since it was entered, or since this was asked last."""
    place = find_entry(space.root, u64(address))
    return place != 0 and atomic(Ptr[u64](place)[0]).and_(~ACCESSED) & ACCESSED != 0


def protect_page(space: AddressSpace, address: Uaddr, flags: PageFlag) -> bool:
    place = find_entry(space.root, u64(address))
    if place == 0:
        return False
    entry = Ptr[u64](place)
    if entry[0] & (PRESENT | HELD) == 0:
        return False
    while True:
        before = entry[0]
        # Not a plain store: another core's processor may be noting a write.
        if atomic(entry[0]).cas(before, before & (ADDRESS | DIRTY) | entry_bits(flags)):
            return True


def map_large(space: AddressSpace, address: Uaddr, page: Paddr, size: u64, flags: PageFlag) -> None:
    entry = make_entry_at(space.root, u64(address), USER, u64(ctz(size)))
    if entry[0] & PRESENT != 0:
        raise Error(Errno.EEXIST, f"smaller pages may be mapped in the {size} bytes at {u64(address):#x}")
    entry[0] = u64(page) | entry_bits(flags) | LARGE


def unmap_large(space: AddressSpace, address: Uaddr) -> Paddr | None:
    place, size = find_leaf(space.root, u64(address))
    if place == 0 or size == PAGE:
        return None
    return Paddr(atomic(Ptr[u64](place)[0]).swap(0) & ADDRESS)


def page_size_at(space: AddressSpace, address: Uaddr) -> u64:
    place, size = find_leaf(space.root, u64(address))
    return 0 if place == 0 or Ptr[u64](place)[0] & (PRESENT | HELD) == 0 else size


def lookup(space: AddressSpace, address: Uaddr) -> Paddr | None:
    place, size = find_leaf(space.root, u64(address))
    if place == 0:
        return None
    value = Ptr[u64](place)[0]
    if value & (PRESENT | HELD) == 0:
        return None
    return Paddr((value & ADDRESS) + (u64(address) & (size - 1) & ~(PAGE - 1)))


def lookup_flags(space: AddressSpace, address: Uaddr) -> PageFlag:
    return flags_at(space.root, u64(address))


def kernel_page_flags(address: Kaddr) -> PageFlag:
    return flags_at(kernel_root, u64(address))


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


def map_kernel_page(address: Kaddr, page: Paddr, flags: PageFlag) -> None:
    """Enter a page into the kernel map. Caller holds: the kernel map's lock. May raise ENOMEM."""
    entry = make_entry(kernel_root, u64(address), 0)
    entry[0] = u64(page) | entry_bits(flags)


def unmap_kernel_page(address: Kaddr) -> Paddr | None:
    return take_out(kernel_root, u64(address))


def kernel_table_pages() -> u64:
    return kernel_tables


def is_kernel_mapped(address: u64) -> bool:
    """Whether kernel code may read there without a fault."""
    if address < DIRECT_MAP or kernel_root == 0:
        return address >= KERNEL_BASE
    table = table_at(kernel_root)
    shift: u64 = 39
    while True:
        value = table[(address >> shift) & (ENTRIES - 1)]
        if value & PRESENT == 0:
            return False
        if shift == 12 or (shift < 39 and value & LARGE != 0):
            return True
        table = table_at(value & ADDRESS)
        shift -= 9


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


# The kernel's own tables, made once at boot from early memory.


def init_kernel_tables(info: BootInfo, early_alloc: u64) -> None:
    """Build and load them. `early_alloc`: physical address of EARLY_TABLES zeroed pages."""
    global kernel_root
    tables = EarlyTables(next=early_alloc)
    root = tables.take()
    map_direct(tables, root, max(info.memory_top, u64(4) * HUGE_PAGE))
    table_at(root)[(u64(KMAP_BASE) >> 39) & (ENTRIES - 1)] = tables.take() | PRESENT | WRITABLE
    map_image(tables, root, addr_of(text_start), addr_of(text_end), PRESENT | GLOBAL)
    map_image(tables, root, addr_of(rodata_start), addr_of(rodata_end), PRESENT | GLOBAL | NO_EXECUTE)
    map_image(tables, root, addr_of(data_start), addr_of(data_end), PRESENT | WRITABLE | GLOBAL | NO_EXECUTE)
    map_image(tables, root, addr_of(symbols_start), addr_of(image_end), PRESENT | GLOBAL | NO_EXECUTE)
    kernel_root = root
    cpu.write_cr3(root)


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
