# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pages for parlib's own structures: mapped and zeroed; and present, but for what `map_at` maps, so that vcore context never faults on
them."""

from lang import Errno, Error, Uaddr, u64
from kern.abi.mman import MapFlags, Prot
from syscalls import sys_mmap, sys_mprotect, sys_populate_va

PAGE_SIZE: u64 = 4096


def map_pages(count: u64) -> u64:
    """Address of `count` present pages. Raises ENOMEM."""
    flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.POPULATE
    return u64(sys_mmap(Uaddr(0), count * PAGE_SIZE, Prot.READ | Prot.WRITE, flags, -1, 0))


def map_guarded(count: u64) -> u64:
    """The same, above a page that is inaccessible, so that a stack that grows into it is found out."""
    memory = map_pages(1 + count)
    sys_mprotect(Uaddr(memory), PAGE_SIZE, Prot.NONE)
    return memory + PAGE_SIZE


def map_at(address: u64, count: u64) -> u64:
    """`count` pages at an address of our choice, of which each is there when it is touched. Raises ENOMEM."""
    flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED
    return u64(sys_mmap(Uaddr(address), count * PAGE_SIZE, Prot.READ | Prot.WRITE, flags, -1, 0))


def make_present(address: u64, count: u64) -> None:
    """Have pages there that come by demand. Raises ENOMEM."""
    if sys_populate_va(Uaddr(address), count) != count:
        raise Error(Errno.ENOMEM, "no memory for what vcore context needs")
