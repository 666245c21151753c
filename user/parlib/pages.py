# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pages for parlib's own structures: mapped, zeroed and present, so that vcore context never faults on them."""

from lang import Uaddr, u64
from kern.abi.mman import MapFlags, Prot
from syscalls import sys_mmap, sys_mprotect

PAGE_SIZE: u64 = 4096


def map_pages(count: u64) -> u64:
    """Address of `count` present pages. Raises ENOMEM."""
    flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.POPULATE
    return u64(sys_mmap(Uaddr(0), count * PAGE_SIZE, Prot.READ | Prot.WRITE, flags, -1, 0))


def make_guard(address: u64) -> None:
    """Make a page of ours inaccessible, so that a stack that grows into it is found out."""
    sys_mprotect(Uaddr(address), PAGE_SIZE, Prot.NONE)
