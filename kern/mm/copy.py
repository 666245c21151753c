# SPDX-License-Identifier: GPL-2.0-or-later
"""Copying an address space, for fork: eager, without copy-on-write (docs/decisions/page-cache.md).

The child gets the same regions. Of private ones it gets a copy of each page that is present, and finds the others by its own faults;
shared file mappings are attached to the same file, whose pages both then see. Shared anonymous memory has no file that could hold it
for two, and is refused.
Locks: the parent's and the child's `vm.lock`, one after the other and never together; so the parent may fault, and change its mappings,
meanwhile: the child gets what is there when it is looked at.
"""

from lang import Error, Paddr, Uaddr, copy_bytes, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.mm.pages import PAGE_SIZE, alloc_user_page, bytes_at, page_get, page_put
from kern.mm.regions import VmRegion, clone, find_region, insert_region
from kern.mm.vmr import page_flags_of
from kern.proc.proc import Proc


def copy_space(parent: Proc, child: Proc) -> None:
    """Give `child`, which has nothing mapped and does not run, the parent's memory. May block. Raises ENOMEM; EINVAL for shared
    anonymous memory. On an error the child has a part, which goes with it."""
    at: u64 = 0
    while (region := take_region(parent, at)) is not None:
        base = region.base
        at = region.end
        shared = region.shared
        with child.vm.lock:
            insert_region(child.vm, region)
        if not shared:
            copy_pages(parent, child, base, at)


def take_region(p: Proc, at: u64) -> VmRegion | None:
    """A copy of the first region that ends beyond `at`, cut to what is beyond; it has a reference of its own to its file."""
    with p.vm.lock:
        region = p.vm.regions.first()
        while region is not None and region.end <= at:
            region = p.vm.regions.after(region)
        if region is None:
            return None
        if region.shared and region.cache is None:
            raise Error(Errno.EINVAL, f"the memory at {region.base:#x} is anonymous and shared, which cannot be copied")
        return clone(region, max(region.base, at), region.end)


def copy_pages(parent: Proc, child: Proc, base: u64, end: u64) -> None:
    """Copy what is present in a private range."""
    at = base
    while (page := hold_next(parent, at, end)) is not None:
        address, source = page
        try:
            copy_page(child, address, source)
        finally:
            page_put(source)
        at = address + PAGE_SIZE


def hold_next(p: Proc, base: u64, end: u64) -> tuple[u64, Paddr] | None:
    """The next page that is present: where, and which, with a reference."""
    with p.vm.lock:
        address = mmu.next_page(p.space, base, end)
        page = mmu.lookup(p.space, Uaddr(address)) if address < end else None
        if page is None:
            return None
        page_get(page)
        return address, page


def copy_page(child: Proc, address: u64, source: Paddr) -> None:
    own = alloc_user_page()
    copy_bytes(bytes_at(own, PAGE_SIZE), bytes_at(source, PAGE_SIZE))
    try:
        with child.vm.lock:
            region = find_region(child.vm, address)
            assert region is not None, "a copied region is gone"
            mmu.map_page(child.space, Uaddr(address), own, page_flags_of(region.prot))
    except Error:
        page_put(own)
        raise
