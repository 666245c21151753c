# SPDX-License-Identifier: LGPL-2.1-or-later
"""Operations that more than one program measures, each so many times: by one thread alone (costs), by one on every vcore (growth)."""

from lang import Uaddr, array, u8, u64
from kern.abi.mman import MapFlags, Prot
from pthread import Thread
from rt.io import close, pipe, read, write_all
from syscalls import sys_mmap, sys_munmap, sys_null

PAGE: u64 = 4096


def nothing(unused: u64) -> None:
    return


def null_calls(times: u64) -> None:
    for _ in range(times):
        sys_null()


def map_pages(count: u64) -> Uaddr:
    return sys_mmap(Uaddr(0), count * PAGE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)


def mappings(times: u64) -> None:
    for _ in range(times):
        sys_munmap(map_pages(1), PAGE)


def pipe_bytes(times: u64) -> None:
    """Through a pipe of its own, a byte at a time, there and back."""
    reader, writer = pipe()
    byte = array(1, u8)
    for _ in range(times):
        write_all(writer, byte)
        read(reader, byte)
    close(reader)
    close(writer)


def creations(times: u64) -> None:
    thread = Thread()
    for _ in range(times):
        thread.start(nothing, 0)
        thread.join()
