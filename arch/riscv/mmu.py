# SPDX-License-Identifier: GPL-2.0-or-later
"""Address spaces: 4 KiB pages, and large ones, for user space; 4 KiB ones in the kernel map. Privileged ISA 20211203, 4.1.11 to 4.5.

Upper half, the same in every address space (its top-level entries are copied from the kernel's root, so all of them exist
before the first address space does; boot_tables.py makes them):
    0xffff8000_00000000   Sv48: all RAM, and at least the first 4 GiB, writable, never executable
    0xffffffc0_00000000   Sv39, and before we know: the same, but no more than 128 GiB
    0xffffffe0_00000000   the kernel map (kern/mm/kmap.py)
    0xffffffff_80000000   the kernel image: text read-execute, constants read-only, data read-write
The last three lie in the last 512 GiB: one table serves Sv39 as its root and Sv48 through its root's last entry.
No page is ever both writable and executable. Direct map and image are global: they never change. A core may remember
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
    array,
    atomic,
    ctz,
    extern,
    fence,
    popcount,
    struct,
    u8,
    u32,
    u64,
)
from arch import cpu, page_table
from arch.page_table import (
    ACCESSED,
    DIRTY,
    ENTRIES,
    FRAME,
    HELD,
    LEAF,
    LINE,
    PAGE,
    PRESENT,
    SV48_SHIFT,
    WRITABLE,
    entry_bits,
    entry_of,
    find_entry,
    find_leaf,
    flags_at,
    free_table,
    is_line_empty,
    leaf_table,
    make_entry,
    make_entry_at,
    table_at,
    take_out,
    target_of,
    use_kernel_root,
)
from kern.abi.errno import Errno
from kern.arch_api import PageFlag, TakenPage
from kern.mm.pages import alloc_zeroed, free_pages

KERNEL_BASE: u64 = 0xFFFF_FFFF_8000_0000
IMAGE_OFFSET: u64 = 0xFFFF_FFFF_0000_0000   # of the image: virtual - physical
KMAP_BASE = Kaddr(0xFFFF_FFE0_0000_0000)
KMAP_END = Kaddr(0xFFFF_FFE4_0000_0000)
COMBINES_WRITES: bool = False               # the board says of each address how it is cached (Svpbmt is not used)

SATP_SV39: u64 = 8 << 60
SATP_SV48: u64 = 9 << 60
SATP_ASID_SHIFT: u64 = 44
SATP_ASIDS: u64 = 0xFFFF << 44
MAX_ASIDS: u32 = 256                        # that are used

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
    return Kaddr(u64(address) + page_table.direct_map)


def real_mode_memory() -> Span[u8]:
    """This processor has no such mode, and the board devices there."""
    return Span[u8](0, 0)


def virt_to_phys(address: Kaddr) -> Paddr:
    """Of the direct map or the kernel image only."""
    if u64(address) >= KERNEL_BASE:
        return Paddr(u64(address) - IMAGE_OFFSET)
    return Paddr(u64(address) - page_table.direct_map)


def start(upper: u64, root: u64) -> None:
    """Load the kernel's own tables: `root` of four levels, if it is not 0 and the processor has so many, else `upper` of three."""
    global satp_mode
    if root != 0 and cpu.write_satp(SATP_SV48 | root >> 12) >> 60 == SATP_SV48 >> 60:
        satp_mode = SATP_SV48
        use_kernel_root(root, True)
    else:
        use_kernel_root(upper, False)
    flush_local_all()
    find_asids()


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
    cpu.write_satp(satp_mode | page_table.kernel_root >> 12)


def outdate(space: AddressSpace) -> None:
    """Translations that cores keep of `space` while they are elsewhere are not used again. Its tables were changed before."""
    space.stamp.store(last_stamp.add(1) + 1)


def find_asids() -> None:
    """How many ASIDs this processor tells apart: those bits of satp that can be set."""
    kept = cpu.write_satp(satp_mode | SATP_ASIDS | page_table.kernel_root >> 12) & SATP_ASIDS
    count = min((kept >> SATP_ASID_SHIFT) + 1, u64(MAX_ASIDS))
    load_kernel()
    for asid in range(u64(1), count):
        give_back_asid(u32(asid))


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
    kernel = table_at(page_table.kernel_root)
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
            free_table(target_of(table[i]), 3 if page_table.top_shift == SV48_SHIFT else 2)
    free_pages(Paddr(space.root), 0)
    space.root = 0
    give_back_asid(space.asid)
    space.asid = 0


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
    return flags_at(page_table.kernel_root, u64(address))


def map_kernel_page(address: Kaddr, page: Paddr, flags: PageFlag) -> None:
    """Enter a page into the kernel map. Caller holds: the kernel map's lock. May raise ENOMEM."""
    entry = make_entry(page_table.kernel_root, u64(address))
    entry[0] = entry_of(u64(page)) | entry_bits(flags)
    flush_local_page(u64(address))


def unmap_kernel_page(address: Kaddr) -> Paddr | None:
    return take_out(page_table.kernel_root, u64(address))


def kernel_table_pages() -> u64:
    return page_table.kernel_tables


def is_kernel_mapped(address: u64) -> bool:
    """Whether kernel code may read there without a fault."""
    if address < page_table.direct_map or page_table.kernel_root == 0:
        return address >= KERNEL_BASE
    table = table_at(page_table.kernel_root)
    shift = page_table.top_shift
    while True:
        value = table[(address >> shift) & (ENTRIES - 1)]
        if value & PRESENT == 0:
            return False
        if value & LEAF != 0:
            return True
        table = table_at(target_of(value))
        shift -= 9


def describe_translation(into: Text) -> None:
    """How addresses are translated, in a few words."""
    count: u32 = 0
    for i in range(u32(0), MAX_ASIDS // 64):
        count += u32(popcount(free_asids[i].load()))
    into.write(f"{'sv48' if page_table.top_shift == SV48_SHIFT else 'sv39'}, {count} address space ids")
