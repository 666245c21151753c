# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a memory of 12 pages, of which each is in use or not."""

from abc import ABC, abstractmethod

from lang import Error, Paddr, Registry, Span, addr_of, array, u8, u64
from kern.abi.errno import Errno

PAGE_SHIFT: u64 = 12
PAGE_SIZE: u64 = 4096
PAGE_MASK: u64 = 4095
PAGES: u64 = 12

memory = array(49152, u8)
in_use = array(12, bool)


class Shrinker(ABC):
    @abstractmethod
    def shrink(self) -> None: ...


shrinkers = Registry[Shrinker]()


def alloc_user_page() -> Paddr:
    for i in range(PAGES):
        if not in_use[i]:
            in_use[i] = True
            return Paddr((i + 1) << PAGE_SHIFT)
    raise Error(Errno.ENOMEM, "no page is free")


def page_put(page: Paddr) -> None:
    number = (u64(page) >> PAGE_SHIFT) - 1
    assert in_use[number], "a page is freed twice"
    in_use[number] = False


def bytes_at(page: Paddr, length: u64) -> Span[u8]:
    return Span[u8](addr_of(memory) + u64(page) - PAGE_SIZE, length)


def pages_in_use() -> u64:
    count: u64 = 0
    for used in in_use:
        count += 1 if used else 0
    return count
