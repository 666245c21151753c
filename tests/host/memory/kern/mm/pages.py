# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a machine with PAGES pages of memory, handed out one by one."""

from abc import ABC, abstractmethod

from lang import Array, Paddr, Registry, addr_of, array, struct, u8, u32, u64
from kern.mm.buddy import Page, PageUse
from kern.sync.spinlock import SpinLock

PAGE_SHIFT: u64 = 12
PAGE_SIZE: u64 = 4096
PAGE_MASK: u64 = 4095
JUMBO: u64 = 2 << 20
PAGES: u64 = 64


@struct(align=4096)
class Memory:
    bytes: Array[u8] = array(PAGES * 4096)


memory = Memory()
records = array(PAGES, Page)
lock = SpinLock()


class Shrinker(ABC):
    @abstractmethod
    def shrink(self) -> None: ...


shrinkers = Registry[Shrinker]()


def reclaim() -> None:
    for shrinker in shrinkers:
        shrinker.shrink()


def try_alloc_pages(order: u32) -> Paddr | None:
    if order > 0:
        return None
    with lock.irqs_off():
        for i in range(PAGES):
            page = records[i]
            if PageUse.RAM not in page.flags:
                page.flags = PageUse.RAM
                # Frame numbers are of all addresses of the host: the stand-in's page_at finds the record by the address.
                page.number = u32((addr_of(memory) >> PAGE_SHIFT) + i & 0xFFFF_FFFF)
                return Paddr(addr_of(memory) + i * PAGE_SIZE)
    return None


def free_pages(paddr: Paddr, order: u32) -> None:
    page = page_at(paddr)
    assert PageUse.RAM in page.flags, "a page was freed twice"
    with lock.irqs_off():
        page.flags = page.flags & ~PageUse.RAM


def page_at(paddr: Paddr) -> Page:
    return records[(u64(paddr) - addr_of(memory) >> PAGE_SHIFT) % (1 << 20)]


def order_for(size: u64) -> u32:
    order: u32 = 0
    while PAGE_SIZE << order < size:
        order += 1
    return order


def free_count() -> u64:
    count: u64 = 0
    for page in records:
        if PageUse.RAM not in page.flags:
            count += 1
    return count
