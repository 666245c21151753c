# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: the next page of those that the scenario has set aside. It comes when it is touched, if there is memory for it."""

from lang import Atomic, Uaddr, u64
from kern.abi.mman import MapFlags, Prot
from kern.mm.umem import memory
from kern.proc.proc import Proc

PAGE: u64 = 4096

next_page = Atomic[u64](0)


def mm_map(p: Proc, address: Uaddr, length: u64, prot: Prot, flags: MapFlags, file: Proc | None) -> Uaddr:
    return Uaddr(next_page.add(length))


def mm_unmap(p: Proc, address: Uaddr, length: u64) -> None:
    memory.gone[(u64(address) - memory.base) // PAGE].store(1)
