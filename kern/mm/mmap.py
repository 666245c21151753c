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
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, total_bytes
from kern.mm.regions import VmRegion, check_count, find_room, forget, insert_region, is_free, join_range, split_at
from kern.mm.shootdown import flush_space
from kern.mm.vmr import flags_for, remove_range
from kern.proc.proc import Proc

OVERCOMMIT: u64 = 16                        # thread stacks are 4 MiB of addresses, of which a few pages are ever touched
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
    with p.vm.lock:
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
    """Find the region's addresses and enter it; on failure it is freed. Caller holds: vm.lock."""
    try:
        if p.vm.mapped_bytes + size > total_bytes() * OVERCOMMIT:
            raise Error(Errno.ENOMEM, f"{size} bytes more would be over {OVERCOMMIT} times the machine's memory")
        check_count(p.vm)
        if MapFlags.FIXED in flags:
            base = wanted
            remove_range(p, base, base + size)
        elif wanted >= SHARED_END and wanted + size <= USER_TOP and is_free(p.vm, wanted, wanted + size):
            base = wanted
        else:
            base = find_room(p.vm, size)
    except Error:
        forget(region)
        raise
    region.base = base
    region.end = base + size
    insert_region(p.vm, region)
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
    with p.vm.lock:
        remove_range(p, u64(address), u64(address) + size)


def mm_protect(p: Proc, address: Uaddr, length: u64, prot: Prot) -> None:
    """Change the rights of all regions in the range. Raises EINVAL, ENOMEM, EACCES (before anything has changed)."""
    check_range(address, length)
    base = u64(address)
    end = base + ((length + PAGE_MASK) & ~PAGE_MASK)
    with p.vm.lock:
        split_at(p.vm, base)
        split_at(p.vm, end)
        check_protect(p, base, end, prot)
        p.vm.history += 1
        changed = False
        region = p.vm.regions.first()
        while region is not None and region.base < end:
            if region.base >= base:
                region.prot = prot
                changed = protect_pages(p, region) or changed
            region = p.vm.regions.after(region)
        join_range(p.vm, base, end)
        if changed:                         # nobody can have a translation of what was never present
            flush_space(p)


def check_range(address: Uaddr, length: u64) -> None:
    if u64(address) & PAGE_MASK != 0:
        raise Error(Errno.EINVAL, "the address is not a multiple of the page size")
    if length == 0 or length > USER_TOP or u64(address) > USER_TOP - length:
        raise Error(Errno.EINVAL, f"{length} bytes from {address:#x} are no range of user memory")


def check_protect(p: Proc, base: u64, end: u64, prot: Prot) -> None:
    region = p.vm.regions.first()
    while region is not None and region.base < end:
        if region.base >= base and Prot.WRITE in prot and not region.may_write:
            raise Error(Errno.EACCES, "the file is not open for writing")
        region = p.vm.regions.after(region)


def protect_pages(p: Proc, region: VmRegion) -> bool:
    """Whether there were any pages."""
    found = False
    address = mmu.next_page(p.space, region.base, region.end)
    while address < region.end:
        page = mmu.page_of(mmu.place_of(p.space, Uaddr(address)))
        found = mmu.protect_page(p.space, Uaddr(address), flags_for(region, page)) or found
        address = mmu.next_page(p.space, address + PAGE_SIZE, region.end)
    return found
