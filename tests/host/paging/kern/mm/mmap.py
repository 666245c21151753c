# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a few pages that are mapped and unmapped for ever. One that is not mapped is full of rubbish: who still reads it notices.

Lock: `lock`, for the list of free pages.
"""

from lang import Error, Uaddr, addr_of, array, at, struct, u8, u64
from kern.abi.errno import Errno
from kern.abi.mman import MapFlags, Prot
from kern.proc.proc import Proc
from kern.sync.spinlock import SpinLock

PAGE: u64 = 4096
PAGES: u64 = 64
WORDS: u64 = 512
RUBBISH: u64 = 0xDEAD_DEAD_DEAD_DEAD


@struct
class Word:
    value: u64


room = array(266240, u8)  # PAGES, and one to align them
lock = SpinLock()
free_pages = array(PAGES, u64)
free_count: u64 = 0


def open_pages() -> None:
    """All pages are free."""
    global free_count
    free_count = 0
    first = (addr_of(room) + PAGE - 1) // PAGE * PAGE
    for i in range(PAGES):
        give_back(first + i * PAGE)


def pages_in_use() -> u64:
    return PAGES - free_count


def fill(page: u64, value: u64) -> None:
    for i in range(WORDS):
        at(Word, page + i * 8).value = value


def take_page() -> u64:
    """A page full of zeros. Raises ENOMEM."""
    global free_count
    page: u64 = 0
    with lock:
        if free_count > 0:
            free_count -= 1
            page = free_pages[free_count]
    if page == 0:
        raise Error(Errno.ENOMEM, f"all of {PAGES} pages are in use")
    fill(page, 0)
    return page


def give_back(page: u64) -> None:
    global free_count
    fill(page, RUBBISH)
    with lock:
        free_pages[free_count] = page
        free_count += 1


def mm_map(p: Proc, address: Uaddr, length: u64, prot: Prot, flags: MapFlags, file: Proc | None) -> Uaddr:
    return Uaddr(take_page())


def mm_unmap(p: Proc, address: Uaddr, length: u64) -> None:
    give_back(u64(address))
