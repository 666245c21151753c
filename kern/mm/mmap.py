# SPDX-License-Identifier: GPL-2.0-or-later
"""Mapping, unmapping and protecting memory of a process: what the memory system calls do.

A request that is refused changes nothing. Memory is promised, not set aside: a page comes with the first touch, unless
the caller wants it POPULATEd. A process may promise itself at most OVERCOMMIT times the machine's memory.
Locks: `vm.lock`.
"""

from lang import Error, Ref, Uaddr, new, struct, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import SHARED_END, USER_BASE, USER_TOP
from kern.arch_api import PageFlag
from kern.mm.fault import bring_in
from kern.mm.pagecache import PageCache
from kern.mm.pages import PAGE_MASK, PAGE_SIZE
from kern.mm.regions import (
    VmRegion,
    check_room,
    find_room,
    first_beyond,
    first_in,
    forget,
    insert_region,
    join_range,
    next_in,
    split_range,
)
from kern.mm.shootdown import flush_space
from kern.mm.vmr import flags_for, unmap_range
from kern.proc.proc import Proc

MOST_PAGES: u64 = 1 << 50                   # of a file


@struct
class Mapping:
    """What is to be mapped of a file."""

    cache: Ref[PageCache]
    first_page: u64
    writable: bool                          # the file is open for writing


def mm_map(p: Proc, address: Uaddr, length: u64, prot: Prot, flags: MapFlags, file: Mapping | None) -> Uaddr:
    """Map `length` bytes, rounded up to pages, of a file or of zeros; returns where. May block, if pages are to be brought in.

    A mapping of a file that is made before the process can be entered in vcore context is POPULATEd and LOCKED: its code runs where
    a fault could not be waited for. Raises EINVAL; ENOMEM; EACCES (a shared writable mapping of a file that is not open so); for LOCKED
    ones what bringing the pages in raises, and then nothing is mapped.
    """
    check_map(address, length, prot, flags, file)
    wanted = flags
    if file is not None and not p.is_vcore_ready():
        wanted = wanted | MapFlags.POPULATE | MapFlags.LOCKED
    size = (length + PAGE_MASK) & ~PAGE_MASK
    region = new_region(prot, wanted, file)
    base = place(p, u64(address), size, wanted, region)
    if MapFlags.LOCKED in wanted:
        lock_range(p, base, size, prot)
    elif MapFlags.POPULATE in wanted:
        populate_range(p, base, size // PAGE_SIZE)
    return Uaddr(base)


def new_region(prot: Prot, flags: MapFlags, file: Mapping | None) -> VmRegion:
    """A region that is nowhere yet. Raises ENOMEM."""
    shared = MapFlags.SHARED in flags
    region = new(VmRegion, prot=prot, shared=shared, locked=MapFlags.LOCKED in flags, may_write=True)
    if file is not None:
        region.cache = file.cache
        region.offset = file.first_page * PAGE_SIZE
        region.may_write = file.writable or not shared
        file.cache.map_get(shared)
    return region


def map_anonymous(p: Proc, length: u64) -> Uaddr:
    """Zeroed memory that is there at once, for the kernel's own use in the process. Raises ENOMEM."""
    return mm_map(p, Uaddr(0), length, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.POPULATE, None)


def check_map(address: Uaddr, length: u64, prot: Prot, flags: MapFlags, file: Mapping | None) -> None:
    shared = MapFlags.SHARED in flags
    if shared == (MapFlags.PRIVATE in flags):
        raise Error(Errno.EINVAL, "a mapping is either SHARED or PRIVATE")
    if length == 0 or length > USER_TOP:
        raise Error(Errno.EINVAL, f"a mapping cannot be {length} bytes long")
    if u64(address) & PAGE_MASK != 0:
        raise Error(Errno.EINVAL, f"{address:#x} is not a multiple of the page size")
    if MapFlags.FIXED in flags and (u64(address) < USER_BASE or u64(address) + length > USER_TOP):
        raise Error(Errno.EINVAL, f"{address:#x} cannot be mapped")
    if file is None:
        return
    if file.first_page > MOST_PAGES - length // PAGE_SIZE:
        raise Error(Errno.EINVAL, f"page {file.first_page} is beyond what files can have")
    if shared and Prot.WRITE in prot and not file.writable:
        raise Error(Errno.EACCES, "the file is not open for writing")


def place(p: Proc, wanted: u64, size: u64, flags: MapFlags, region: VmRegion) -> u64:
    """Find the region's addresses and enter it; on failure it is freed."""
    fixed = MapFlags.FIXED in flags
    try:
        base = enter(p, wanted, size, fixed, region)
        if base == 0:
            unmap_range(p, wanted, wanted + size, region)
            return wanted
        return base
    except Error:
        forget(region)
        raise


def enter(p: Proc, wanted: u64, size: u64, fixed: bool, region: VmRegion) -> u64:
    """Enter a region where nothing is, at the address that is wanted if that may be, and return where. 0: something is at a fixed address,
    and the region is entered nowhere. Raises ENOMEM."""
    vm = p.vm
    with vm.lock:
        check_room(vm, size)
        base = wanted
        after = first_beyond(vm, wanted)
        free = after is None or after.base >= wanted + size
        if not fixed and not (free and wanted >= SHARED_END and wanted + size <= USER_TOP):
            base, after = find_room(vm, size)
            free = True
        region.base = base
        region.end = base + size
        if not free:
            return 0
        insert_region(vm, region, after)
        return base


def populate_range(p: Proc, base: u64, pages: u64) -> u64:
    """Bring pages in, as far as that goes: what is not there by then faults later. How many are there. May block."""
    count: u64 = 0
    try:
        while count < pages:
            bring_in(p, base + count * PAGE_SIZE, PageFlag.READ)
            count += 1
    except Error:
        return count
    return count


def lock_range(p: Proc, base: u64, size: u64, prot: Prot) -> None:
    """Bring all pages of a new mapping in, or unmap it and raise why not. May block."""
    if prot == Prot.NONE:
        return                              # there is nothing that could be touched
    try:
        for address in range(base, base + size, PAGE_SIZE):
            bring_in(p, address, PageFlag.READ)
    except Error:
        mm_unmap(p, Uaddr(base), size)
        raise


def mm_populate(p: Proc, address: Uaddr, pages: u64) -> u64:
    """Bring up to `pages` pages in from `address` on; returns how many are there, up to the first that cannot be. May block. Raises why
    the first one cannot."""
    start = u64(address) & ~PAGE_MASK
    if pages == 0:
        return 0
    bring_in(p, start, PageFlag.READ)
    return 1 + populate_range(p, start + PAGE_SIZE, min(pages, USER_TOP // PAGE_SIZE) - 1)


def mm_unmap(p: Proc, address: Uaddr, length: u64) -> None:
    """Unmap whatever is in the range. Raises EINVAL, ENOMEM."""
    check_range(address, length)
    size = (length + PAGE_MASK) & ~PAGE_MASK
    unmap_range(p, u64(address), u64(address) + size, None)


def mm_protect(p: Proc, address: Uaddr, length: u64, prot: Prot) -> None:
    """Change the rights of all regions in the range: when it returns no core uses others any more. Raises EINVAL, ENOMEM, EACCES (before
    anything has changed)."""
    check_range(address, length)
    base = u64(address)
    end = base + ((length + PAGE_MASK) & ~PAGE_MASK)
    vm = p.vm
    changed = False
    with vm.lock:
        first = first_in(vm, base, end)
        check_protect(p, first, end, prot)
        region = split_range(vm, first, base, end)
        while region is not None:
            region.prot = prot
            changed = protect_pages(p, region) or changed
            region = next_in(vm, region, end)
        join_range(vm, base, end)
    if changed:                             # nobody can have a translation of what was never present
        flush_space(p)


def check_range(address: Uaddr, length: u64) -> None:
    if u64(address) & PAGE_MASK != 0:
        raise Error(Errno.EINVAL, "the address is not a multiple of the page size")
    if length == 0 or length > USER_TOP or u64(address) > USER_TOP - length:
        raise Error(Errno.EINVAL, f"{length} bytes from {address:#x} are no range of user memory")


def check_protect(p: Proc, first: VmRegion | None, end: u64, prot: Prot) -> None:
    if Prot.WRITE not in prot:
        return
    region = first
    while region is not None:
        if not region.may_write:
            raise Error(Errno.EACCES, "the file is not open for writing")
        region = next_in(p.vm, region, end)


def protect_pages(p: Proc, region: VmRegion) -> bool:
    """Whether there were any pages."""
    found = False
    address = mmu.next_page(p.space, region.base, region.end)
    while address < region.end:
        page = mmu.page_of(mmu.place_of(p.space, Uaddr(address)))
        found = mmu.protect_page(p.space, Uaddr(address), flags_for(region, page)) or found
        address = mmu.next_page(p.space, address + PAGE_SIZE, region.end)
    return found
