# SPDX-License-Identifier: GPL-2.0-or-later
"""Page faults of user addresses: demand paging, for user code and for the kernel's copies alike.

Unmapped is EFAULT, rights that the region does not give EPERM, a file page beyond the end ESPIPE, no memory ENOMEM.
Zeroed pages for anonymous memory; a private file page is copied at once (there is no copy-on-write); a shared one is
the file's own. That the page is there by now, since another core was faster, counts as success. Never blocks.
Locks: `vm.lock`.
"""

from lang import Error, Paddr, PerCore, Uaddr, copy_bytes, memset, never_blocks, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.abi.mman import Prot
from kern.arch_api import PageFlag
from kern.core.percore import core
from kern.debug import log
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, alloc_user_page, bytes_at
from kern.mm.regions import VmRegion, find_region
from kern.mm.vmr import drop_page, page_flags_of
from kern.proc.proc import Proc


ran_out = PerCore[bool]()                   # this core's last fault failed for want of memory


@never_blocks
def handle_page_fault(address: Uaddr, access: PageFlag) -> bool:
    """A fault on a user address in the current address space. True: retry the instruction; False: it is a real fault."""
    p = core.mine.cur_proc
    if p is None:
        return False
    try:
        with p.vm.lock:
            fault_in(p, u64(address) & ~PAGE_MASK, access)
    except Error as e:
        ran_out.mine = e.errno == Errno.ENOMEM
        if ran_out.mine:
            log.warn(f"process {p.pid}: out of memory at {address:#x}")
        return False
    return True


def fault_in(p: Proc, address: u64, access: PageFlag) -> None:
    """Make the page at `address` (aligned) present for this kind of access. Caller holds: vm.lock."""
    region = find_region(p.vm, address)
    if region is None:
        raise Error(Errno.EFAULT, f"nothing is mapped at {address:#x}")
    check_access(region, access, address)
    if mmu.lookup(p.space, Uaddr(address)) is not None:
        # Another core was faster, or this one still has a translation from before rights were added.
        mmu.protect_page(p.space, Uaddr(address), page_flags_of(region.prot))
        mmu.flush_local_page(address)
        return
    page = page_for(region, address)
    try:
        mmu.map_page(p.space, Uaddr(address), page, page_flags_of(region.prot))
    except Error:
        drop_page(page)
        raise


def check_access(region: VmRegion, access: PageFlag, address: u64) -> None:
    if PageFlag.WRITE in access:
        allowed = Prot.WRITE in region.prot
    elif PageFlag.EXEC in access:
        allowed = Prot.EXEC in region.prot
    else:
        allowed = region.prot != Prot.NONE
    if not allowed:
        raise Error(Errno.EPERM, f"the mapping at {address:#x} does not allow that")


def page_for(region: VmRegion, address: u64) -> Paddr:
    """The page that belongs there, with a reference for the mapping."""
    file = region.file
    if file is None:
        fresh = alloc_user_page()
        memset(bytes_at(fresh, PAGE_SIZE), 0)
        return fresh
    theirs = file.page_at((region.offset + (address - region.base)) // PAGE_SIZE)
    if region.shared:
        return theirs
    try:
        own = alloc_user_page()
        copy_bytes(bytes_at(own, PAGE_SIZE), bytes_at(theirs, PAGE_SIZE))
    finally:
        drop_page(theirs)
    return own
