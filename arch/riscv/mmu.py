# SPDX-License-Identifier: GPL-2.0-or-later
"""Page tables: four levels (Sv48) where the processor has them, else three (Sv39). 4 KiB pages for user space and the kernel map,
large ones for the direct map. Privileged ISA 20211203, 4.3 to 4.5.

Upper half, the same in every address space (its top-level entries are copied from the kernel's root, so all of them exist
before the first address space does):
    0xffff8000_00000000   Sv48: all RAM, and at least the first 4 GiB, writable, never executable
    0xffffffc0_00000000   Sv39, and before we know: the same, but no more than 128 GiB
    0xffffffe0_00000000   the kernel map (kern/mm/kmap.py)
    0xffffffff_80000000   the kernel image: text read-execute, constants read-only, data read-write
The last three lie in the last 512 GiB: one table serves Sv39 as its root and Sv48 through its root's last entry.
No page is ever both writable and executable. Direct map and image are global: they never change. Pages enter as accessed, and as dirty
unless they are CLEAN: a core that does not set the bits itself faults instead (4.3.1), and kern/mm/fault.py sets them. A core may remember
that there was no translation, so entering one flushes it here. Nothing here flushes other cores, and callers serialise changes.

A core keeps the translations of spaces that it has left, under their address space identifiers (ASIDs). Whether it may still use
them says the space's stamp: a core that loads a space whose stamp is not the one it last loaded under that ASID forgets first.
`outdate` gives a space a new stamp; so does becoming the owner of an ASID. A space that finds none free uses 0, which is forgotten
at every load.
"""

from typing import Callable

from lang import (
    RELAXED,
    SEQ_CST,
    Array,
    Atomic,
    Error,
    Kaddr,
    Paddr,
    PerCore,
    Ptr,
    Span,
    Text,
    Uaddr,
    addr_of,
    array,
    atomic,
    ctz,
    extern,
    extern_symbol,
    fence,
    inline,
    popcount,
    recursion,
    struct,
    u8,
    u32,
    u64,
)
from arch import cpu
from kern.abi.errno import Errno
from kern.arch_api import BootInfo, PageFlag, TakenPage
from kern.mm.pages import alloc_zeroed, free_pages

SV39_DIRECT_MAP: u64 = 0xFFFF_FFC0_0000_0000
SV39_DIRECT_MAP_SIZE: u64 = 0x20_0000_0000
SV48_DIRECT_MAP: u64 = 0xFFFF_8000_0000_0000
SV48_DIRECT_MAP_SIZE: u64 = 0x4000_0000_0000
KERNEL_BASE: u64 = 0xFFFF_FFFF_8000_0000
IMAGE_OFFSET: u64 = 0xFFFF_FFFF_0000_0000   # of the image: virtual - physical
KMAP_BASE = Kaddr(0xFFFF_FFE0_0000_0000)
KMAP_END = Kaddr(0xFFFF_FFE4_0000_0000)
KMAP_TABLES: u64 = 16                       # top-level entries, made at boot

PAGE: u64 = 4096
LARGE_PAGE: u64 = 0x20_0000
HUGE_PAGE: u64 = 0x4000_0000
ENTRIES: u64 = 512
LINE: u64 = 8                               # entries in a cache line
SV39_SHIFT: u64 = 30                        # of the index into the top-level table
SV48_SHIFT: u64 = 39
SATP_SV39: u64 = 8 << 60
SATP_SV48: u64 = 9 << 60
SATP_ASID_SHIFT: u64 = 44
SATP_ASIDS: u64 = 0xFFFF << 44
MAX_ASIDS: u32 = 256                        # that are used

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
COMBINES_WRITES: bool = False               # the board says of each address how it is cached (Svpbmt is not used)
DIRECT_RIGHTS: u64 = PRESENT | READABLE | WRITABLE | GLOBAL | ACCESSED | DIRTY
FRAME: u64 = 0x003F_FFFF_FFFF_FC00          # the page's number in an entry

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
direct_map: u64 = SV39_DIRECT_MAP           # where physical address 0 is seen
top_shift: u64 = SV39_SHIFT
satp_mode: u64 = SATP_SV39


@struct
class Stamps:
    """By ASID: the stamp of the space that this core loaded last under it."""

    of: Array[u64] = array(256)


stamps = PerCore[Stamps]()
last_stamp = Atomic[u64](0)
free_asids = array(4, Atomic[u64])          # a bit each; 0 is nobody's own


@extern("asm_flush_page")
def flush_local_page(address: u64) -> None:
    """This core forgets one page's translation."""
    ...


@extern("asm_flush_all")
def flush_local_all() -> None:
    """This core forgets all translations."""
    ...


@extern("asm_flush_asid")
def flush_asid(asid: u64) -> None:
    """This core forgets all translations under an ASID but global ones."""
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
    asid: u32                               # 0: none of its own
    stamp: Atomic[u64]                      # a core that last loaded it under another one forgets what it kept


def phys_to_virt(address: Paddr) -> Kaddr:
    return Kaddr(u64(address) + direct_map)


def real_mode_memory() -> Span[u8]:
    """This processor has no such mode, and the board devices there."""
    return Span[u8](0, 0)


def virt_to_phys(address: Kaddr) -> Paddr:
    """Of the direct map or the kernel image only."""
    if u64(address) >= KERNEL_BASE:
        return Paddr(u64(address) - IMAGE_OFFSET)
    return Paddr(u64(address) - direct_map)


def load(space: AddressSpace) -> None:
    """Interrupts are off."""
    cpu.write_satp(satp_mode | u64(space.asid) << SATP_ASID_SHIFT | space.root >> 12)
    # Who changes the tables gives the space a new stamp and then asks who is in it; we have said that we are before we
    # came here. With the fence one of us sees the other: we forget now, or are told to.
    fence(SEQ_CST)
    stamp = space.stamp.load(order=RELAXED)
    if space.asid == 0 or stamps.mine.of[space.asid] != stamp:
        flush_asid(u64(space.asid))
        stamps.mine.of[space.asid] = stamp


def load_kernel() -> None:
    cpu.write_satp(satp_mode | kernel_root >> 12)


def outdate(space: AddressSpace) -> None:
    """Translations that cores keep of `space` while they are elsewhere are not used again. Its tables were changed before."""
    space.stamp.store(last_stamp.add(1) + 1)


def take_asid() -> u32:
    """One that no other space has, or 0."""
    for i in range(u32(0), MAX_ASIDS // 64):
        while (free := free_asids[i].load(order=RELAXED)) != 0:
            if free_asids[i].cas(free, free & (free - 1)):
                return i * 64 + u32(ctz(free))
    return 0


def give_back_asid(asid: u32) -> None:
    if asid != 0:
        free_asids[asid // 64].or_(u64(1) << (asid % 64))


def new_space(space: AddressSpace) -> None:
    """Give `space` an empty user half. May raise ENOMEM."""
    root = u64(alloc_zeroed(0))
    table = table_at(root)
    kernel = table_at(kernel_root)
    for i in range(ENTRIES // 2, ENTRIES):
        table[i] = kernel[i]
    space.root = root
    space.asid = take_asid()
    outdate(space)


def destroy_space(space: AddressSpace) -> None:
    """Free the page tables of the user half. The pages mapped are the caller's; no core has the space loaded."""
    if space.root == 0:
        return
    table = table_at(space.root)
    for i in range(ENTRIES // 2):
        if table[i] & PRESENT != 0:
            free_table(target_of(table[i]), 3 if top_shift == SV48_SHIFT else 2)
    free_pages(Paddr(space.root), 0)
    space.root = 0
    give_back_asid(space.asid)
    space.asid = 0


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


@inline
def is_line_empty(table: Ptr[u64], i: u64) -> bool:
    """Whether nothing is in a cache line of entries, as in most of every upper table."""
    return (table[i] | table[i + 1] | table[i + 2] | table[i + 3] | table[i + 4] | table[i + 5] | table[i + 6] | table[i + 7]) == 0


def map_page(space: AddressSpace, address: Uaddr, page: Paddr, flags: PageFlag) -> None:
    """Enter a 4 KiB user page, over whatever was there. May raise ENOMEM."""
    put_page(place_of(space, address), address, page, flags)


def place_of(space: AddressSpace, address: Uaddr) -> Ptr[u64]:
    place = find_entry(space.root, u64(address))
    if place != 0:
        return Ptr[u64](place)
    return make_entry(space.root, u64(address))


def has_page(place: Ptr[u64]) -> bool:
    return place[0] & (PRESENT | HELD) != 0


def page_of(place: Ptr[u64]) -> Paddr:
    return Paddr(target_of(place[0]))


def put_page(place: Ptr[u64], address: Uaddr, page: Paddr, flags: PageFlag) -> None:
    place[0] = entry_of(u64(page)) | entry_bits(flags)
    flush_local_page(u64(address))          # a processor may keep that there was nothing


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
                into[count].page = Paddr(target_of(value))
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
        if atomic(entry[0]).cas(before, before & (FRAME | DIRTY) | entry_bits(flags)):
            return True


def map_large(space: AddressSpace, address: Uaddr, page: Paddr, size: u64, flags: PageFlag) -> None:
    entry = make_entry_at(space.root, u64(address), u64(ctz(size)))
    if entry[0] & PRESENT != 0:
        raise Error(Errno.EEXIST, f"smaller pages may be mapped in the {size} bytes at {u64(address):#x}")
    entry[0] = entry_of(u64(page)) | entry_bits(flags)
    flush_local_page(u64(address))


def unmap_large(space: AddressSpace, address: Uaddr) -> Paddr | None:
    place, size = find_leaf(space.root, u64(address))
    if place == 0 or size == PAGE:
        return None
    return Paddr(target_of(atomic(Ptr[u64](place)[0]).swap(0)))


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
    return Paddr(target_of(value) + (u64(address) & (size - 1) & ~(PAGE - 1)))


def lookup_flags(space: AddressSpace, address: Uaddr) -> PageFlag:
    return flags_at(space.root, u64(address))


def kernel_page_flags(address: Kaddr) -> PageFlag:
    return flags_at(kernel_root, u64(address))


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


def map_kernel_page(address: Kaddr, page: Paddr, flags: PageFlag) -> None:
    """Enter a page into the kernel map. Caller holds: the kernel map's lock. May raise ENOMEM."""
    entry = make_entry(kernel_root, u64(address))
    entry[0] = entry_of(u64(page)) | entry_bits(flags)
    flush_local_page(u64(address))


def unmap_kernel_page(address: Kaddr) -> Paddr | None:
    return take_out(kernel_root, u64(address))


def kernel_table_pages() -> u64:
    return kernel_tables


def is_kernel_mapped(address: u64) -> bool:
    """Whether kernel code may read there without a fault."""
    if address < direct_map or kernel_root == 0:
        return address >= KERNEL_BASE
    table = table_at(kernel_root)
    shift = top_shift
    while True:
        value = table[(address >> shift) & (ENTRIES - 1)]
        if value & PRESENT == 0:
            return False
        if value & LEAF != 0:
            return True
        table = table_at(target_of(value))
        shift -= 9


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


# The kernel's own tables, made once at boot from early memory.


def init_kernel_tables(info: BootInfo, early_alloc: u64, largest: bool) -> None:
    """Build and load them. `early_alloc`: physical address of early_table_pages() zeroed pages. Not `largest`: three levels in any case."""
    global kernel_root, direct_map, top_shift, satp_mode
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
    if largest and cpu.write_satp(SATP_SV48 | root >> 12) >> 60 == SATP_SV48 >> 60:
        direct_map, top_shift, satp_mode, kernel_root = SV48_DIRECT_MAP, SV48_SHIFT, SATP_SV48, root
    else:
        kernel_root = upper
    flush_local_all()
    find_asids()


def make_sv48_root(tables: EarlyTables, upper: u64, top: u64) -> u64:
    """A fourth level above: the tables of three levels in its last entry, the direct map in its upper half's first ones."""
    root = tables.take()
    table_at(root)[ENTRIES - 1] = entry_of(upper) | PRESENT
    for start in range(u64(0), min(top, SV48_DIRECT_MAP_SIZE), ENTRIES * HUGE_PAGE):
        directory = tables.below(root, (SV48_DIRECT_MAP + start) >> SV48_SHIFT & (ENTRIES - 1))
        for address in range(start, min(top, start + ENTRIES * HUGE_PAGE), HUGE_PAGE):
            table_at(directory)[address >> SV39_SHIFT & (ENTRIES - 1)] = entry_of(address) | DIRECT_RIGHTS
    return root


def find_asids() -> None:
    """How many ASIDs this processor tells apart: those bits of satp that can be set."""
    kept = cpu.write_satp(satp_mode | SATP_ASIDS | kernel_root >> 12) & SATP_ASIDS
    count = min((kept >> SATP_ASID_SHIFT) + 1, u64(MAX_ASIDS))
    load_kernel()
    for asid in range(u64(1), count):
        give_back_asid(u32(asid))


def direct_map_size() -> u64:
    """How much memory it can show."""
    return SV48_DIRECT_MAP_SIZE if top_shift == SV48_SHIFT else SV39_DIRECT_MAP_SIZE


def describe_translation(into: Text) -> None:
    """How addresses are translated, in a few words."""
    count: u32 = 0
    for i in range(u32(0), MAX_ASIDS // 64):
        count += u32(popcount(free_asids[i].load()))
    into.write(f"{'sv48' if top_shift == SV48_SHIFT else 'sv39'}, {count} address space ids")


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
