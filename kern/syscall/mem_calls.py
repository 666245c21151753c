# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls about memory. The two areas shared with the kernel are out of their reach."""

from lang import Error, Ref, Uaddr, User, i32, syscall, u64
from arch import trap
from arch.abi import UserContext
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import PROCDATA_ADDR, SHARED_END, USER_TOP
from kern.mm.mmap import Mapping, mm_map, mm_populate, mm_protect, mm_unmap
from kern.mm.umem import copy_in
from kern.ns.chan import chan_put
from kern.ns.fd import get_chan
from kern.proc.fault import die
from kern.proc.proc import Proc


def check_reach(address: Uaddr, length: u64, exactly: bool) -> None:
    """Raise EINVAL for a range that is not in user memory, or that is meant `exactly` and touches the shared areas."""
    beyond = length > USER_TOP or u64(address) > USER_TOP - length
    if beyond or (exactly and u64(address) < SHARED_END and u64(address) + length > PROCDATA_ADDR):
        raise Error(Errno.EINVAL, f"{length} bytes from {address:#x} are no range that can be mapped")


@syscall(16)
def sys_mmap(p: Proc, addr: Uaddr, length: u64, prot: Prot, flags: MapFlags, fd: i32, page: u64) -> Uaddr:
    """Map a file from page number `page` on, or zeroed memory with ANONYMOUS; returns where. Exactly one of SHARED and PRIVATE is given.

    Raises EINVAL, ENOMEM, EBADF, ENODEV, EACCES; with LOCKED what reading the file raises. May block, to bring pages in.
    """
    check_reach(addr, length, MapFlags.FIXED in flags)
    if MapFlags.ANONYMOUS in flags:
        return mm_map(p, addr, length, prot, flags, None)
    chan = get_chan(p.fds, fd)
    try:
        if OpenMode.READ not in chan.mode:
            raise Error(Errno.EACCES, "a file must be open for reading to be mapped")
        file = Mapping(cache=chan.node.page_cache(), first_page=page, writable=OpenMode.WRITE in chan.mode)
        return mm_map(p, addr, length, prot, flags, file)
    finally:
        chan_put(chan)


@syscall(17)
def sys_munmap(p: Proc, addr: Uaddr, length: u64) -> None:
    """Unmap whatever is in the range."""
    check_reach(addr, length, True)
    mm_unmap(p, addr, length)


@syscall(18)
def sys_mprotect(p: Proc, addr: Uaddr, length: u64, prot: Prot) -> None:
    """Change the rights of all mappings in the range."""
    check_reach(addr, length, True)
    mm_protect(p, addr, length, prot)


@syscall(32)
def sys_populate_va(p: Proc, addr: Uaddr, pages: u64) -> u64:
    """Bring pages in, waiting for their files; returns how many are there, up to the first that cannot be. Raises why the first cannot."""
    return mm_populate(p, addr, pages)


@syscall(19)
def sys_fault_exit(p: Proc, context: User[Ref[UserContext]]) -> None:
    """End the caller for the fault that this context was reflected with, as if it had not been. Its scheduler's last word."""
    ctx = UserContext()
    copy_in(ctx, context)
    die(p, ctx, trap.trap_kind(ctx))
