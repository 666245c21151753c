# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a memory of 12 pages, of which each has so many references."""

from abc import ABC, abstractmethod

from lang import Error, Paddr, Registry, Span, addr_of, array, u8, u32, u64
from kern.abi.errno import Errno

PAGE_SHIFT: u64 = 12
PAGE_SIZE: u64 = 4096
PAGE_MASK: u64 = 4095
PAGES: u64 = 12

memory = array(49152, u8)
refs = array(12, u32)


class Shrinker(ABC):
    @abstractmethod
    def shrink(self) -> None: ...


shrinkers = Registry[Shrinker]()


def total_bytes() -> u64:
    return PAGES * PAGE_SIZE


def alloc_user_page() -> Paddr:
    for i in range(PAGES):
        if refs[i] == 0:
            refs[i] = 1
            return Paddr((i + 1) << PAGE_SHIFT)
    raise Error(Errno.ENOMEM, "no page is free")


def page_get(page: Paddr) -> None:
    number = (u64(page) >> PAGE_SHIFT) - 1
    assert refs[number] > 0, "reference on a free page"
    refs[number] += 1


def page_put(page: Paddr) -> None:
    number = (u64(page) >> PAGE_SHIFT) - 1
    assert refs[number] > 0, "a page is freed twice"
    refs[number] -= 1


def is_only_reference(page: Paddr) -> bool:
    return refs[(u64(page) >> PAGE_SHIFT) - 1] == 1


def bytes_at(page: Paddr, length: u64) -> Span[u8]:
    return Span[u8](addr_of(memory) + u64(page) - PAGE_SIZE, length)


def pages_in_use() -> u64:
    count: u64 = 0
    for users in refs:
        count += 1 if users > 0 else 0
    return count
