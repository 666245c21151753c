# SPDX-License-Identifier: GPL-2.0-or-later
"""Address spaces: 4 KiB pages, and large ones, for user space; 4 KiB ones in the kernel map.

Upper half, the same in every address space (its top-level entries are copied from the kernel's root, so all of them exist
before the first address space does; boot_tables.py makes them):
    0xffff8000_00000000   all RAM, and at least the first 4 GiB, writable, never executable
    0xffffc000_00000000   the kernel map (kern/mm/kmap.py)
    0xffffffff_80000000   the kernel image: text read-execute, constants read-only, data read-write
No page is ever both writable and executable. Direct map and image are global: they never change. The kernel map is not,
so that loading CR3 forgets all that may change. Nothing here flushes other cores, and callers serialise changes.
"""

from typing import Callable

from lang import Error, Kaddr, Paddr, Ptr, Span, Uaddr, atomic, ctz, extern, struct, u8, u64
from arch import cpu, page_table
from arch.page_table import (
    ACCESSED,
    ADDRESS,
    DIRECT_MAP,
    DIRTY,
    ENTRIES,
    HELD,
    LARGE,
    LINE,
    PAGE,
    PRESENT,
    USER,
    WRITABLE,
    entry_bits,
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
)
from kern.abi.errno import Errno
from kern.arch_api import PageFlag, TakenPage
from kern.mm.pages import alloc_zeroed, free_pages

KERNEL_BASE: u64 = 0xFFFF_FFFF_8000_0000
KMAP_BASE = Kaddr(0xFFFF_C000_0000_0000)
KMAP_END = Kaddr(0xFFFF_C080_0000_0000)     # one top-level entry
COMBINES_WRITES: bool = True                # pages of the kernel map may be WRITE_COMBINING


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
    cpu.write_cr3(page_table.kernel_root)


def outdate(space: AddressSpace) -> None:
    """Nothing: a core forgets a space's translations when it leaves it."""


def flush_local_all() -> None:
    """This core forgets all translations that may ever change."""
    cpu.write_cr3(cpu.read_cr3())


def new_space(space: AddressSpace) -> None:
    """Give `space` an empty user half. May raise ENOMEM."""
    root = u64(alloc_zeroed(0))
    table = table_at(root)
    kernel = table_at(page_table.kernel_root)
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
    return flags_at(page_table.kernel_root, u64(address))


def map_kernel_page(address: Kaddr, page: Paddr, flags: PageFlag) -> None:
    """Enter a page into the kernel map. Caller holds: the kernel map's lock. May raise ENOMEM."""
    entry = make_entry(page_table.kernel_root, u64(address), 0)
    entry[0] = u64(page) | entry_bits(flags)


def unmap_kernel_page(address: Kaddr) -> Paddr | None:
    return take_out(page_table.kernel_root, u64(address))


def kernel_table_pages() -> u64:
    return page_table.kernel_tables


def is_kernel_mapped(address: u64) -> bool:
    """Whether kernel code may read there without a fault."""
    if address < DIRECT_MAP or page_table.kernel_root == 0:
        return address >= KERNEL_BASE
    table = table_at(page_table.kernel_root)
    shift: u64 = 39
    while True:
        value = table[(address >> shift) & (ENTRIES - 1)]
        if value & PRESENT == 0:
            return False
        if shift == 12 or (shift < 39 and value & LARGE != 0):
            return True
        table = table_at(value & ADDRESS)
        shift -= 9
