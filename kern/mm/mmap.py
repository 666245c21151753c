# SPDX-License-Identifier: GPL-2.0-or-later
"""Mapping, unmapping and protecting memory of a process: what the memory system calls do.

A request that is refused changes nothing. Memory is promised, not set aside: a page comes with the first touch, unless
the caller wants it POPULATEd. A process may promise itself at most OVERCOMMIT times the machine's memory.
Locks: `vm.lock`.
"""

from lang import Error, Uaddr, free, new, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import USER_BASE, USER_TOP
from kern.arch_api import PageFlag
from kern.mm.fault import fault_in
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, total_bytes
from kern.mm.regions import Mappable, VmRegion, check_count, find_room, insert_region, is_free, join_range, split_at
from kern.mm.shootdown import flush_space
from kern.mm.vmr import page_flags_of, remove_range
from kern.proc.proc import Proc

OVERCOMMIT: u64 = 16                        # thread stacks are 4 MiB of addresses, of which a few pages are ever touched


def mm_map(p: Proc, address: Uaddr, length: u64, prot: Prot, flags: MapFlags, file: Mappable | None, offset: u64) -> Uaddr:
    """Map `length` bytes, rounded up to pages, of `file` from `offset` (bytes) or of zeros; returns where.

    Raises EINVAL, ENOMEM, EACCES (a shared writable mapping of a file that is not open so).
    """
    check_map(address, length, prot, flags, file, offset)
    size = (length + PAGE_MASK) & ~PAGE_MASK
    if file is not None:
        file.map_get()
    try:
        region = new(VmRegion, prot=prot, shared=MapFlags.SHARED in flags, file=file, offset=offset)
    except Error:
        if file is not None:
            file.map_put()
        raise
    with p.vm.lock:
        base = place(p, u64(address), size, flags, region)
        if MapFlags.POPULATE in flags:
            populate_locked(p, base, base + size)
    return Uaddr(base)


def map_anonymous(p: Proc, length: u64) -> Uaddr:
    """Zeroed memory that is there at once, for the kernel's own use in the process. Raises ENOMEM."""
    return mm_map(p, Uaddr(0), length, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.POPULATE, None, 0)


def check_map(address: Uaddr, length: u64, prot: Prot, flags: MapFlags, file: Mappable | None, offset: u64) -> None:
    shared = MapFlags.SHARED in flags
    if shared == (MapFlags.PRIVATE in flags):
        raise Error(Errno.EINVAL, "a mapping is either SHARED or PRIVATE")
    if length == 0 or length > USER_TOP:
        raise Error(Errno.EINVAL, f"a mapping cannot be {length} bytes long")
    if u64(address) & PAGE_MASK != 0 or offset & PAGE_MASK != 0:
        raise Error(Errno.EINVAL, "address and offset of a mapping are multiples of the page size")
    if MapFlags.FIXED in flags and (u64(address) < USER_BASE or u64(address) + length > USER_TOP):
        raise Error(Errno.EINVAL, f"{address:#x} cannot be mapped")
    if file is not None and shared and Prot.WRITE in prot and not file.may_map_writable():
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
        elif wanted >= USER_BASE and wanted + size <= USER_TOP and is_free(p.vm, wanted, wanted + size):
            base = wanted
        else:
            base = find_room(p.vm, size)
    except Error:
        file = region.file
        if file is not None:
            file.map_put()
        free(region)
        raise
    region.base = base
    region.end = base + size
    insert_region(p.vm, region)
    return base


def populate_locked(p: Proc, base: u64, end: u64) -> None:
    """Bring pages in, as far as that goes: what is not there by then faults later. Caller holds: vm.lock."""
    try:
        for address in range(base, end, PAGE_SIZE):
            if mmu.lookup(p.space, Uaddr(address)) is None:
                fault_in(p, address, PageFlag.READ)
    except Error:
        return


def mm_populate(p: Proc, address: Uaddr, pages: u64) -> u64:
    """Bring up to `pages` pages in from `address` on; returns how many are there, up to the first that cannot be."""
    start = u64(address) & ~PAGE_MASK
    count: u64 = 0
    with p.vm.lock:
        try:
            while count < pages and start + count * PAGE_SIZE < USER_TOP:
                fault_in(p, start + count * PAGE_SIZE, PageFlag.READ)
                count += 1
        except Error:
            if count == 0:
                raise
    return count


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
        file = region.file
        if region.base >= base and file is not None and region.shared and Prot.WRITE in prot and not file.may_map_writable():
            raise Error(Errno.EACCES, "the file is not open for writing")
        region = p.vm.regions.after(region)


def protect_pages(p: Proc, region: VmRegion) -> bool:
    """Whether there were any pages."""
    flags = page_flags_of(region.prot)
    found = False
    for address in range(region.base, region.end, PAGE_SIZE):
        found = mmu.protect_page(p.space, Uaddr(address), flags) or found
    return found
