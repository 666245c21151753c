# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls about memory. The two areas shared with the kernel are out of their reach."""

from lang import Error, Uaddr, i32, syscall, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import PROCINFO_ADDR
from kern.mm.mmap import mm_map, mm_populate, mm_protect, mm_unmap
from kern.ns.chan import chan_put
from kern.ns.fd import get_chan
from kern.proc.proc import Proc


def check_reach(address: Uaddr, length: u64) -> None:
    if length > PROCINFO_ADDR or u64(address) > PROCINFO_ADDR - length:
        raise Error(Errno.EINVAL, f"{length} bytes from {address:#x} are no range that can be mapped")


@syscall(16)
def sys_mmap(p: Proc, addr: Uaddr, length: u64, prot: Prot, flags: MapFlags, fd: i32, offset: u64) -> Uaddr:
    """Map a file, or zeroed memory with ANONYMOUS; returns where. Raises EINVAL, ENOMEM, EBADF, ENODEV, EACCES."""
    check_reach(addr, length)
    if MapFlags.ANONYMOUS in flags:
        return mm_map(p, addr, length, prot, flags, None, 0)
    chan = get_chan(p.fds, fd)
    try:
        if OpenMode.READ not in chan.mode:
            raise Error(Errno.EACCES, "a file must be open for reading to be mapped")
        if MapFlags.SHARED in flags and Prot.WRITE in prot and OpenMode.WRITE not in chan.mode:
            raise Error(Errno.EACCES, "the file is not open for writing")
        return mm_map(p, addr, length, prot, flags, chan.node, offset)
    finally:
        chan_put(chan)


@syscall(17)
def sys_munmap(p: Proc, addr: Uaddr, length: u64) -> None:
    """Unmap whatever is in the range."""
    check_reach(addr, length)
    mm_unmap(p, addr, length)


@syscall(18)
def sys_mprotect(p: Proc, addr: Uaddr, length: u64, prot: Prot) -> None:
    """Change the rights of all mappings in the range."""
    check_reach(addr, length)
    mm_protect(p, addr, length, prot)


@syscall(32)
def sys_populate_va(p: Proc, addr: Uaddr, pages: u64) -> u64:
    """Bring pages in; returns how many are there."""
    return mm_populate(p, addr, pages)
