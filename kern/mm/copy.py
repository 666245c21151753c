# SPDX-License-Identifier: GPL-2.0-or-later
"""Copying an address space, for fork: the pages stay where they are, and both have them (docs/decisions/copy-on-write.md).

The child gets the same regions. A page of a private one is entered in its tables as well, and made read-only in the parent's: whoever
writes to it first gets a copy of it (kern/mm/fault.py). What is not present each finds by its own faults.
Two kinds of regions are otherwise: shared file mappings are attached to the same file, whose pages both then see; locked anonymous memory,
which a device may know by its address, is copied at once, so that the parent's pages stay. Shared anonymous memory has no file that could
hold it for two, and is refused.
Locks: the parent's and the child's `vm.lock`, one after the other and never together; so the parent may fault, and change its mappings,
meanwhile: the child gets what is there when it is looked at.
"""

from lang import Error, Paddr, Span, Uaddr, array, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.arch_api import PageFlag, TakenPage
from kern.mm.pages import copy_of, page_get, page_put
from kern.mm.regions import VmRegion, clone, first_beyond, insert_region
from kern.mm.shootdown import flush_space
from kern.mm.vmr import BATCH, page_flags_of
from kern.proc.proc import Proc


def copy_space(parent: Proc, child: Proc) -> None:
    """Give `child`, which has nothing mapped and does not run, the parent's memory. Never blocks. Raises ENOMEM; EINVAL for shared
    anonymous memory. On an error the child has a part, which goes with it."""
    try:
        at: u64 = 0
        while (region := take_region(parent, at)) is not None:
            base = region.base
            at = region.end
            flags = page_flags_of(region.prot)
            private = not region.shared
            stays = region.locked and region.cache is None
            with child.vm.lock:
                insert_region(child.vm, region, None)
            if private:
                share_range(parent, child, base, at, flags, stays)
    finally:
        # Until here cores in the parent's space may write to what is read-only by now; the child does not run yet.
        flush_space(parent)


def take_region(p: Proc, at: u64) -> VmRegion | None:
    """A copy of the first region that ends beyond `at`, cut to what is beyond; it has a reference of its own to its file."""
    with p.vm.lock:
        region = first_beyond(p.vm, at)
        if region is None:
            return None
        if region.shared and region.cache is None:
            raise Error(Errno.EINVAL, f"the memory at {region.base:#x} is anonymous and shared, which cannot be copied")
        return clone(region, max(region.base, at), region.end)


def share_range(parent: Proc, child: Proc, base: u64, end: u64, flags: PageFlag, stays: bool) -> None:
    """Have the child see what is present in a private range, or copies of it if the parent's pages are to stay the parent's."""
    batch = array(BATCH, TakenPage)
    at = base
    while at < end:
        count, at = hold_pages(parent, at, end, batch)
        given: u64 = 0
        try:
            while given < count:
                held = batch[given]
                if stays:
                    give_copy(child, held.address, held.page, flags)
                else:
                    give_page(child, held.address, held.page, flags & ~PageFlag.WRITE)
                given += 1
        finally:
            for held in batch[given:count]:
                page_put(held.page)


def hold_pages(p: Proc, base: u64, end: u64, into: Span[TakenPage]) -> tuple[u64, u64]:
    """The next pages that are present, read-only from here on, each with a reference; (how many, where to go on)."""
    with p.vm.lock:
        count, at = mmu.share_pages(p.space, base, end, into)
        for held in into[:count]:
            page_get(held.page)
    return count, at


def give_page(child: Proc, address: u64, page: Paddr, flags: PageFlag) -> None:
    """Enter a page, with the caller's reference. Raises ENOMEM."""
    with child.vm.lock:
        mmu.map_page(child.space, Uaddr(address), page, flags)


def give_copy(child: Proc, address: u64, source: Paddr, flags: PageFlag) -> None:
    """Enter a copy of a page; the caller's reference on that goes. Raises ENOMEM."""
    own = copy_of(source)
    try:
        give_page(child, address, own, flags)
    except Error:
        page_put(own)
        raise
    page_put(source)
