# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory that changes while all vcores use it: pages are replaced, taken away and protected under the eyes of other threads.

A core that went on using a translation after it was taken back would show a page's old content, or somebody else's.
"""

from lang import Atomic, Error, Span, Uaddr, array, at, i32, pause, struct, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.mman import MapFlags, Prot
from parlib.vcore import max_vcores
from pthread import Thread, yield_now
from rt import io
from syscalls import sys_mmap, sys_mprotect, sys_munmap, sys_populate_va
from utest.harness import check, equal

PAGE: u64 = 4096
SLOTS: u64 = 4
READERS: u64 = 8
ROUNDS: u64 = 25
ANONYMOUS = MapFlags.PRIVATE | MapFlags.ANONYMOUS
USUAL = Prot.READ | Prot.WRITE

threads = array(16, Thread)
stop = Atomic[u32](0)
stale = Atomic[u64](0)
reads = Atomic[u64](0)
window: u64 = 0                             # address of the pages that are replaced


@struct(align=64)
class Slot:
    generation: Atomic[u64]                 # what was written into the page last


slots = array(SLOTS, Slot)


@struct
class Page:
    value: Atomic[u64]


def page_of(slot: u64) -> Page:
    return at(Page, window + slot * PAGE)


def stamp(slot: u64, generation: u64) -> u64:
    return (slot + 1) << 32 | generation


def replace_pages(slot: u64) -> None:
    """Put a new page in the place of the old one, again and again; the old one is somebody else's a moment later."""
    for generation in range(u64(1), ROUNDS + 1):
        sys_mmap(Uaddr(window + slot * PAGE), PAGE, USUAL, ANONYMOUS | MapFlags.FIXED, -1, 0)
        page_of(slot).value.store(stamp(slot, generation))
        slots[slot].generation.store(generation)


def read_pages(number: u64) -> None:
    """What is there is a fresh page of zeros or a stamp at least as new as the one announced before."""
    slot = number % SLOTS
    while stop.load() == 0:
        announced = slots[slot].generation.load()
        value = page_of(slot).value.load()
        if value != 0 and (value < stamp(slot, announced) or value > stamp(slot, ROUNDS)):
            stale.add(1)
        reads.add(1)
        slot = (slot + 1) % SLOTS
        if slot == 0:
            yield_now()
        pause()


def test_no_translation_outlives_its_page() -> None:
    global window
    window = u64(sys_mmap(Uaddr(0), SLOTS * PAGE, USUAL, ANONYMOUS, -1, 0))
    stop.store(u32(0))
    stale.store(0)
    for slot in range(SLOTS):
        slots[slot].generation.store(0)
    for i in range(READERS):
        threads[SLOTS + i].start(read_pages, i)
    for slot in range(SLOTS):
        threads[slot].start(replace_pages, slot)
    for slot in range(SLOTS):
        threads[slot].join()
    stop.store(u32(1))
    for i in range(READERS):
        threads[SLOTS + i].join()
    sys_munmap(Uaddr(window), SLOTS * PAGE)
    equal(stale.load(), 0, "stale reads")
    check(max_vcores() == 1 or reads.load() > 0, "nobody looked")


def map_and_unmap(number: u64) -> None:
    """Fresh memory is zeros, and its own: nobody else writes there until it is given back."""
    for round in range(ROUNDS // 2):
        base = u64(sys_mmap(Uaddr(0), SLOTS * PAGE, USUAL, ANONYMOUS, -1, 0))
        for i in range(SLOTS):
            if at(Page, base + i * PAGE).value.load() != 0:
                stale.add(1)
            at(Page, base + i * PAGE).value.store(stamp(number, round))
        yield_now()
        for i in range(SLOTS):
            if at(Page, base + i * PAGE).value.load() != stamp(number, round):
                stale.add(1)
        sys_munmap(Uaddr(base), SLOTS * PAGE)


def test_unmapped_pages_are_reused_clean() -> None:
    """All threads take addresses and pages from each other's hands."""
    stale.store(0)
    for i in range(READERS):
        threads[i].start(map_and_unmap, i)
    for i in range(READERS):
        threads[i].join()
    equal(stale.load(), 0, "words of somebody else")


def test_fixed_mapping_replaces() -> None:
    base = u64(sys_mmap(Uaddr(0), 4 * PAGE, USUAL, ANONYMOUS, -1, 0))
    for i in range(u64(4)):
        at(Page, base + i * PAGE).value.store(i + 1)
    sys_mmap(Uaddr(base + PAGE), 2 * PAGE, USUAL, ANONYMOUS | MapFlags.FIXED, -1, 0)
    equal(at(Page, base).value.load(), 1, "the page before")
    equal(at(Page, base + PAGE).value.load(), 0, "the first page replaced")
    equal(at(Page, base + 2 * PAGE).value.load(), 0, "the second page replaced")
    equal(at(Page, base + 3 * PAGE).value.load(), 4, "the page after")
    sys_munmap(Uaddr(base), 4 * PAGE)


def test_rights_come_and_go() -> None:
    """The kernel's copies see the rights of each page too: into a read-only page nothing is read, from a closed one nothing written."""
    base = u64(sys_mmap(Uaddr(0), PAGE, USUAL, ANONYMOUS, -1, 0))
    at(Page, base).value.store(7)
    zero = io.open("/dev/zero")
    for _ in range(20):
        sys_mprotect(Uaddr(base), PAGE, Prot.READ)
        check(fails_to_read(zero, base), "a read-only page was written")
        equal(at(Page, base).value.load(), 7, "what the page holds")
        sys_mprotect(Uaddr(base), PAGE, USUAL)
        at(Page, base).value.store(7)
    io.close(zero)
    sys_munmap(Uaddr(base), PAGE)


def fails_to_read(fd: i32, address: u64) -> bool:
    try:
        io.read(fd, Span[u8](address, 8))
    except Error as e:
        return e.errno == Errno.EFAULT
    return False


def test_populate_stops_where_nothing_is() -> None:
    base = u64(sys_mmap(Uaddr(0), 4 * PAGE, USUAL, ANONYMOUS, -1, 0))
    sys_munmap(Uaddr(base + 2 * PAGE), 2 * PAGE)
    equal(sys_populate_va(Uaddr(base), 4), 2, "pages brought in")
    sys_munmap(Uaddr(base), 2 * PAGE)


def test_regions_are_limited() -> None:
    """Every other page read-only makes every page a region of its own: at some number the kernel says no, and goes on."""
    pages: u64 = 10_000
    base = u64(sys_mmap(Uaddr(0), pages * PAGE, USUAL, ANONYMOUS, -1, 0))
    made: u64 = 0
    refused = Errno.OK
    try:
        while made < pages:
            sys_mprotect(Uaddr(base + made * PAGE), PAGE, Prot.READ)
            made += 2
    except Error as e:
        refused = e.errno
    check(refused == Errno.ENOMEM, f"after {made} pages: {refused.name}")
    check(made > 1000, f"refused after {made} pages")
    sys_munmap(Uaddr(base), pages * PAGE)
    equal(u64(sys_mmap(Uaddr(base), PAGE, USUAL, ANONYMOUS, -1, 0)), base, "address")
    sys_munmap(Uaddr(base), PAGE)
