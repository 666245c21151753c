# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's memory in the running machine: heap, slab caches, contiguous pages, and copies from bad user addresses."""

from lang import CHECKED, Atomic, Error, Paddr, Span, Uaddr, addr_of, array, at, free, new, sizeof, struct, u8, u64, unproven
from arch import cpu, mmu, usercopy
from kern.abi.errno import Errno
from kern.arch_api import PageFlag, TakenPage
from kern.core.smp import call_on_all
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm.heap import allocate, empty_quarantine, release
from kern.mm.pages import PAGE_SIZE, alloc_pages, free_bytes, free_pages, reclaim
from kern.mm.slab import SlabCache, drain_this_core
from kern.mm.umem import read_bytes

BLOCKS: u64 = 64
FIRST_MAPPED: u64 = 0x1000                  # from here to there, over all levels of the tables
LAST_MAPPED: u64 = 0x3F_0000_0000
MAPPED_STEP: u64 = 0x1_2345_6000
MANY_SPACES: u64 = 300
MAGIC: u64 = 0x1234_5678_9ABC_DEF0


@struct
class Word:
    value: u64


failures = Atomic[u64](0)
cache = SlabCache()


@unproven("the heap works in handlers too: that is what this tests")
def fill_and_check(seed: u64) -> None:
    """Blocks of many sizes, each with its own pattern, checked when they are given back. On any core."""
    blocks = array(BLOCKS, u64)
    sizes = array(BLOCKS, u64)
    try:
        for i in range(BLOCKS):
            sizes[i] = (seed * 31 + i * i * 7) % 5000 + 1
            blocks[i] = allocate(sizes[i], 8)
            for byte in range(sizes[i]):
                Span[u8](blocks[i], sizes[i])[byte] = u8(i)
        for i in range(BLOCKS):
            for value in Span[u8](blocks[i], sizes[i]):
                if value != u8(i):
                    failures.add(1)
            release(blocks[i])
    except Error:
        failures.add(1)


@unproven("the heap works in handlers too: that is what this tests")
def keep_nothing_back(unused: u64) -> None:
    """Magazines keep free objects, checked builds freed blocks, and the pages of both with them. On any core."""
    if CHECKED:
        empty_quarantine()
    drain_this_core()


def take_stock() -> u64:
    """What is free when nothing is kept back anywhere."""
    call_on_all(keep_nothing_back, 0)
    reclaim()
    return free_bytes()


@kernel_tests
class Heap(KernelTest):
    """Blocks do not overlap, on all cores at once, and come back."""

    name: str = "heap.blocks"

    def run(self) -> None:
        failures.store(0)
        call_on_all(fill_and_check, 1)
        before = take_stock()
        for seed in range(u64(5)):
            call_on_all(fill_and_check, seed)
        equal(failures.load(), 0, "damaged blocks")
        lost = before - min(before, take_stock())
        check(lost <= 64 * PAGE_SIZE, f"{lost} bytes are gone")


@kernel_tests
class Alignment(KernelTest):
    """A block is aligned as asked."""

    name: str = "heap.alignment"

    def run(self) -> None:
        for shift in range(u64(3), 14):
            align = u64(1) << shift
            for size in range(u64(1), 300, 37):
                block = allocate(size, align)
                misplaced = block % align
                release(block)
                equal(misplaced, 0, "bytes off")


@struct
class Constructed:
    magic: u64
    uses: u64


def construct(address: u64) -> None:
    at(Constructed, address).magic = MAGIC
    at(Constructed, address).uses = 0


@kernel_tests
class Slab(KernelTest):
    """Objects of a cache with a constructor keep their state while they are free."""

    name: str = "slab.constructor"

    def run(self) -> None:
        cache.init("constructed", 16, 16, construct)
        objects = array(500, u64)
        for _ in range(3):
            for i in range(u64(500)):
                objects[i] = cache.alloc()
                check(at(Constructed, objects[i]).magic == MAGIC, "an object that was not constructed")
                at(Constructed, objects[i]).uses += 1
            for i in range(u64(500)):
                cache.free(objects[i])


@kernel_tests
class Contiguous(KernelTest):
    """2 MiB of contiguous, aligned memory can be had."""

    name: str = "pages.contiguous"

    def run(self) -> None:
        before = free_bytes()
        block = alloc_pages(9)
        equal(u64(block) % (512 * PAGE_SIZE), 0, "misalignment")
        equal(before - free_bytes(), 512 * PAGE_SIZE, "bytes taken")
        free_pages(block, 9)
        equal(free_bytes(), before, "bytes free")


@kernel_tests
class TooMuch(KernelTest):
    """More than there is, is an error and nothing else."""

    name: str = "pages.too_much"

    def run(self) -> None:
        before = take_stock()
        try:
            span = new(array(1 << 40, u8))
            free(span)
        except Error as e:
            check(e.errno == Errno.ENOMEM, f"the error is {e.errno}")
            equal(take_stock(), before, "bytes free")
            return
        raise Error(Errno.EPROTO, "a TiB of memory was had")


@kernel_tests
class BadUserAddress(KernelTest):
    """Copies from bad user addresses are errors: unmapped, and outside the user's half."""

    name: str = "umem.bad_address"

    def run(self) -> None:
        equal(errno_of_read(0x10_0000), u64(Errno.EFAULT), "unmapped")
        equal(errno_of_read(0), u64(Errno.EFAULT), "null")
        equal(errno_of_read(0xFFFF_8000_0000_0000), u64(Errno.EFAULT), "kernel memory")
        equal(errno_of_read(0xFFFF_FFFF_FFFF_FFF8), u64(Errno.EFAULT), "the end of the world")


def errno_of_read(address: u64) -> u64:
    into = array(16, u8)
    try:
        read_bytes(into[0:16], Uaddr(address))
    except Error as e:
        return u64(e.errno)
    return 0


@kernel_tests
class PageTables(KernelTest):
    """Pages go into an address space, change their rights, and come out; no page table is lost."""

    name: str = "mmu.pages"

    def run(self) -> None:
        before = free_bytes()
        space = mmu.AddressSpace()
        mmu.new_space(space)
        page = alloc_pages(0)
        try:
            for address in range(FIRST_MAPPED, LAST_MAPPED, MAPPED_STEP):
                walk_one(space, Uaddr(address), page)
        finally:
            free_pages(page, 0)
            mmu.destroy_space(space)
        equal(free_bytes(), before, "bytes free")


def walk_one(space: mmu.AddressSpace, address: Uaddr, page: Paddr) -> None:
    check(mmu.lookup(space, address) is None, "something is mapped in an empty space")
    mmu.map_page(space, address, page, PageFlag.READ | PageFlag.WRITE | PageFlag.USER)
    found = mmu.lookup(space, address)
    check(found is not None and found == page, "another page than was mapped")
    check(PageFlag.WRITE in mmu.lookup_flags(space, address), "the page is not writable")
    check(mmu.protect_page(space, address, PageFlag.READ | PageFlag.USER), "the page cannot be protected")
    check(PageFlag.WRITE not in mmu.lookup_flags(space, address), "the page is still writable")
    out = mmu.unmap_page(space, address)
    check(out is not None and out == page, "another page came out")
    check(mmu.unmap_page(space, address) is None, "the page came out twice")
    check(not mmu.protect_page(space, address, PageFlag.READ), "nothing was protected")


@kernel_tests
class PageRanges(KernelTest):
    """Pages are found and taken out range by range, over tables that are there and others that are not; the first write to a clean
    one is noted, once."""

    name: str = "mmu.ranges"

    def run(self) -> None:
        space = mmu.AddressSpace()
        mmu.new_space(space)
        page = alloc_pages(0)
        try:
            take_in_pieces(space, page)
            note_writes(space, page)
        finally:
            mmu.destroy_space(space)
            free_pages(page, 0)


def take_in_pieces(space: mmu.AddressSpace, page: Paddr) -> None:
    taken = array(2, TakenPage)
    far = FIRST_MAPPED + (1 << 32)
    for address in (FIRST_MAPPED, FIRST_MAPPED + PAGE_SIZE, FIRST_MAPPED + 600 * PAGE_SIZE, far):
        mmu.map_page(space, Uaddr(address), page, PageFlag.READ | PageFlag.USER | PageFlag.CLEAN)
    equal(mmu.next_page(space, FIRST_MAPPED + 2 * PAGE_SIZE, far), FIRST_MAPPED + 600 * PAGE_SIZE, "next page")
    equal(mmu.next_page(space, FIRST_MAPPED + 2 * PAGE_SIZE, FIRST_MAPPED + 600 * PAGE_SIZE), FIRST_MAPPED + 600 * PAGE_SIZE, "the end")
    count, at = mmu.take_pages(space, FIRST_MAPPED, far + PAGE_SIZE, taken)
    equal(count, 2, "pages taken first")
    equal(at, FIRST_MAPPED + 2 * PAGE_SIZE, "where to go on")
    count, at = mmu.take_pages(space, at, far + PAGE_SIZE, taken)
    equal(count, 2, "pages taken then")
    equal(taken[1].address, far, "the last page's address")
    check(taken[1].page == page and not taken[1].dirty, "the last page")
    equal(mmu.next_page(space, FIRST_MAPPED, far + PAGE_SIZE), far + PAGE_SIZE, "nothing is left")


def note_writes(space: mmu.AddressSpace, page: Paddr) -> None:
    """The processor's own dirty bits, through accesses like a process'."""
    where = Uaddr(FIRST_MAPPED)
    mmu.map_page(space, where, page, PageFlag.READ | PageFlag.WRITE | PageFlag.USER | PageFlag.CLEAN)
    value_in(space)
    check(not mmu.take_dirty(space, where), "a page that was read is dirty")
    write_in(space, 7)
    mmu.protect_page(space, where, PageFlag.READ | PageFlag.USER | PageFlag.CLEAN)
    check(mmu.take_dirty(space, where), "a write was not noted")
    check(not mmu.take_dirty(space, where), "a write was noted twice")
    mmu.protect_page(space, where, PageFlag.READ | PageFlag.WRITE | PageFlag.USER | PageFlag.CLEAN)
    write_in(space, 8)
    taken = array(1, TakenPage)
    mmu.take_pages(space, FIRST_MAPPED, FIRST_MAPPED + PAGE_SIZE, taken)
    check(taken[0].dirty, "the page did not come out dirty")


@kernel_tests
class ManySpaces(KernelTest):
    """More address spaces than a processor tells apart: in each, and whichever was loaded before, a core sees its own page."""

    name: str = "mmu.many_spaces"

    def run(self) -> None:
        before = free_bytes()
        spaces = new(array(MANY_SPACES, mmu.AddressSpace))
        made: u64 = 0
        try:
            for space in spaces:
                mmu.new_space(space)
                made += 1
                put_page(space, made)
            for seen in range(u64(2)):
                for number in range(made):
                    equal(value_in(spaces[number]), number + 1 + seen * MANY_SPACES, "the word in the space")
                    replace_page(spaces[number], number + 1 + (seen + 1) * MANY_SPACES)
        finally:
            for space in spaces[:made]:
                drop_space(space)
            free(spaces)
        lost = before - min(before, free_bytes())
        check(lost <= 4 * PAGE_SIZE, f"{lost} bytes are gone")


def put_page(space: mmu.AddressSpace, value: u64) -> None:
    """A page that begins with `value`, at FIRST_MAPPED."""
    page = alloc_pages(0)
    at(Word, mmu.phys_to_virt(page)).value = value
    mmu.map_page(space, Uaddr(FIRST_MAPPED), page, PageFlag.READ | PageFlag.USER)


def replace_page(space: mmu.AddressSpace, value: u64) -> None:
    """As kern/mm/shootdown.py does for a process that no core is in."""
    old = mmu.unmap_page(space, Uaddr(FIRST_MAPPED))
    put_page(space, value)
    mmu.outdate(space)
    if old is not None:
        free_pages(old, 0)


def value_in(space: mmu.AddressSpace) -> u64:
    """What this core sees at FIRST_MAPPED when it has just entered the space; 0 if that is nothing."""
    into = Word()
    saved = cpu.irqs_save()
    mmu.load(space)
    missing = usercopy.copy_user(addr_of(into), FIRST_MAPPED, sizeof(Word))
    mmu.load_kernel()
    cpu.irqs_restore(saved)
    return into.value if missing == 0 else u64(0)


def write_in(space: mmu.AddressSpace, value: u64) -> None:
    """Write to FIRST_MAPPED as a core does that has just entered the space."""
    source = Word(value=value)
    saved = cpu.irqs_save()
    mmu.outdate(space)
    mmu.load(space)
    missing = usercopy.copy_user(FIRST_MAPPED, addr_of(source), sizeof(Word))
    mmu.load_kernel()
    cpu.irqs_restore(saved)
    equal(missing, 0, "bytes that could not be written")


def drop_space(space: mmu.AddressSpace) -> None:
    page = mmu.unmap_page(space, Uaddr(FIRST_MAPPED))
    if page is not None:
        free_pages(page, 0)
    mmu.destroy_space(space)
