# SPDX-License-Identifier: GPL-2.0-or-later
"""Page faults of user addresses: demand paging, for user code and for the kernel's copies alike.

Unmapped is EFAULT, rights that the region does not give EPERM, a file page beyond the end ESPIPE, no memory ENOMEM.
Zeroed pages for anonymous memory; a shared file page is the file's own, and so is a private one of a file that never changes; of another
file it is a copy. A write to a private page that others have too gets a copy, or the page itself if the others are gone by now
(docs/decisions/copy-on-write.md). That the page is there by now, since another core was faster, counts as success.
A fault never blocks: a page that must be read from its file first is EAGAIN, and who is to wait for it is kern/proc/fault.py's business.
A kernel thread that may wait calls `bring_in`.
Locks: `vm.lock`.
"""

from lang import Error, Paddr, Ptr, Uaddr, must_use, never_blocks, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.abi.mman import Prot
from kern.abi.proc import USER_TOP
from kern.arch_api import PageFlag
from kern.core.percore import core
from kern.debug import log
from kern.mm.pagecache import CacheKind, PageCache
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, USER_RESERVE, alloc_zeroed_user_page, copy_of, is_only_reference, page_get, page_put
from kern.mm.regions import VmRegion, find_region
from kern.mm.shootdown import flush_space
from kern.mm.vmr import flags_for, page_flags
from kern.proc.proc import Proc
from kern.sync.kthread import current_kthread


@never_blocks
def handle_page_fault(address: Uaddr, access: PageFlag) -> Errno:
    """A fault on an address in the current address space. OK: retry the instruction; else why it is a real fault."""
    p = core.mine.cur_proc
    if p is None or u64(address) >= USER_TOP:
        return Errno.EFAULT
    try:
        with p.vm.lock:
            p.vm.faults += 1
            return Errno.OK if fault_in(p, u64(address) & ~PAGE_MASK, access) else Errno.EAGAIN
    except Error as e:
        if e.errno == Errno.ENOMEM:
            log.warn(f"process {p.pid}: out of memory at {address:#x}")
        return e.errno


@must_use
def fault_in(p: Proc, address: u64, access: PageFlag) -> bool:
    """Make the page at `address` (aligned) present for this kind of access. False if it must be read from its file first, and
    nothing has changed. Raises EFAULT, EPERM, ESPIPE, ENOMEM. Caller holds: vm.lock."""
    region = find_region(p.vm, address)
    if region is None:
        raise Error(Errno.EFAULT, f"nothing is mapped at {address:#x}")
    check_access(region, access, address)
    place = mmu.place_of(p.space, Uaddr(address))
    if mmu.has_page(place):
        if PageFlag.WRITE in access and not region.shared and not is_only_reference(mmu.page_of(place)):
            break_sharing(p, region, place, address)
        else:
            repeat(p, region, place, address, access)
        return True
    cache = region.cache
    if cache is None:
        mmu.put_page(place, Uaddr(address), alloc_zeroed_user_page(), page_flags(region))
        return True
    page = file_page(cache, region, address, access)
    if page is None:
        return False
    mmu.put_page(place, Uaddr(address), page, flags_for(region, page))
    return True


def check_access(region: VmRegion, access: PageFlag, address: u64) -> None:
    if PageFlag.WRITE in access:
        allowed = Prot.WRITE in region.prot
    elif PageFlag.EXEC in access:
        allowed = Prot.EXEC in region.prot
    else:
        allowed = region.prot != Prot.NONE
    if not allowed:
        raise Error(Errno.EPERM, f"the mapping at {address:#x} does not allow that")


def break_sharing(p: Proc, region: VmRegion, place: Ptr[u64], address: u64) -> None:
    """A write to a private page that others have too: give the process one of its own. Raises ENOMEM."""
    shared = mmu.page_of(place)
    own = copy_of(shared, 0 if current_kthread().must_finish > 0 else USER_RESERVE)
    mmu.put_page(place, Uaddr(address), own, page_flags(region))
    # Other cores in here may still read the old page, and must not once this one has written to the new one.
    flush_space(p)
    page_put(shared)


def repeat(p: Proc, region: VmRegion, place: Ptr[u64], address: u64, access: PageFlag) -> None:
    """A fault on a page that is there: another core was faster, or this one still has a translation from before rights were added;
    or all others that had the page are gone; or the processor has the first access, or the first write to a clean page, noted by us
    (RISC-V privileged 1.12, 4.3.1)."""
    flags = flags_for(region, mmu.page_of(place))
    if PageFlag.WRITE in access:
        flags = flags & ~PageFlag.CLEAN
    mmu.protect_page(p.space, Uaddr(address), flags)
    mmu.flush_local_page(address)


def index_of(region: VmRegion, address: u64) -> u64:
    """Which page of the region's file lies at the address."""
    return (region.offset + (address - region.base)) // PAGE_SIZE


def file_page(cache: PageCache, region: VmRegion, address: u64, access: PageFlag) -> Paddr | None:
    """The page that belongs there, with a reference for the mapping. None if it must be read first."""
    index = index_of(region, address)
    theirs = cache.find(index)
    if theirs is None or region.shared:
        return theirs
    try:
        if CacheKind.CONSTANT not in cache.kind or PageFlag.WRITE in access:
            return copy_of(theirs)
        page_get(theirs)
        return theirs
    finally:
        cache.put(index, False)


def bring_in(p: Proc, address: u64, access: PageFlag) -> None:
    """Make the page at `address` (aligned) present, waiting for its file if need be. May block. Raises what `fault_in` does, and what
    reading the file raises."""
    while True:
        with p.vm.lock:
            if fault_in(p, address, access):
                return
            region = find_region(p.vm, address)
            cache = region.cache if region is not None else None
            if region is None or cache is None:
                continue
            index = index_of(region, address)
            cache.file.get()
        try:
            # The mappings may change meanwhile: then we begin anew. Our reference keeps the page until it is mapped.
            cache.load(index, False)
            try:
                with p.vm.lock:
                    done = fault_in(p, address, access)
            finally:
                cache.put(index, False)
        finally:
            cache.file.put()
        if done:
            return
