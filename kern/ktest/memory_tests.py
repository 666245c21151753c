# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's memory in the running machine: heap, slab caches, contiguous pages, and copies from bad user addresses."""

from lang import CHECKED, SEQ_CST, Atomic, Error, Paddr, Ptr, Span, Uaddr, addr_of, array, at, fence, free, memset, new, sizeof
from lang import struct, text, u8, u32, u64, unproven
from arch import cpu, mmu, usercopy
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.arch_api import PageFlag, TakenPage
from kern.core.percore import core
from kern.core.smp import call_on_all
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm import page_stock
from kern.mm.heap import LARGEST_CLASS, allocate, empty_quarantine, large_bytes, release
from kern.mm.kmap import map_device, map_mmio, unmap_device, vmap
from kern.mm.pages import PAGE_SIZE, alloc_pages, alloc_zeroed_user_page, bytes_at, free_bytes, free_pages, page_put, reclaim
from kern.mm.slab import drain_this_core
from kern.mm.umem import read_bytes
from kern.ns.text_file import Page, TextFile
from kern.ns.transfer import Transfer, set_kernel
from kern.sync.rendez import sleep_ns
from kern.time.clock import now_ns

BLOCKS: u64 = 64
FIRST_MAPPED: u64 = 0x1000                  # from here to there, over all levels of the tables
LAST_MAPPED: u64 = 0x3F_0000_0000
MAPPED_STEP: u64 = 0x1_2345_6000
MANY_SPACES: u64 = 300
IDLE_DEADLINE_NS: u64 = 5_000_000_000


@struct
class Word:
    value: u64


failures = Atomic[u64](0)


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


@unproven("the heap works in handlers too: that is what this tests")
def take_big_blocks(times: u64) -> None:
    """On any core."""
    try:
        for _ in range(times):
            release(allocate(LARGEST_CLASS + 1, 16))
    except Error:
        failures.add(1)


@kernel_tests
class BigBlocks(KernelTest):
    """What big blocks take is counted exactly, however many cores take and release some at once."""

    name: str = "heap.big_blocks"

    def run(self) -> None:
        failures.store(0)
        before = large_bytes.load()
        call_on_all(take_big_blocks, 2000)
        equal(failures.load(), 0, "blocks that were not to be had")
        equal(large_bytes.load(), before, "bytes counted")


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
    """Pages are found, made read-only and taken out range by range, over tables that are there and others that are not; that one was
    touched, and the first write to a clean one, are noted, once."""

    name: str = "mmu.ranges"

    def run(self) -> None:
        space = mmu.AddressSpace()
        mmu.new_space(space)
        page = alloc_pages(0)
        try:
            take_in_pieces(space, page)
            note_accesses(space, page)
            note_writes(space, page)
        finally:
            mmu.destroy_space(space)
            free_pages(page, 0)


def take_in_pieces(space: mmu.AddressSpace, page: Paddr) -> None:
    taken = array(2, TakenPage)
    far = FIRST_MAPPED + (1 << 32)
    for address in (FIRST_MAPPED, FIRST_MAPPED + PAGE_SIZE, FIRST_MAPPED + 600 * PAGE_SIZE, far):
        mmu.map_page(space, Uaddr(address), page, PageFlag.READ | PageFlag.WRITE | PageFlag.USER | PageFlag.CLEAN)
    share_in_pieces(space, page, far)
    equal(mmu.next_page(space, FIRST_MAPPED + 2 * PAGE_SIZE, far), FIRST_MAPPED + 600 * PAGE_SIZE, "next page")
    equal(mmu.next_page(space, FIRST_MAPPED + 2 * PAGE_SIZE, FIRST_MAPPED + 600 * PAGE_SIZE), FIRST_MAPPED + 600 * PAGE_SIZE, "the end")
    count, at = mmu.take_pages(space, FIRST_MAPPED, far + PAGE_SIZE, taken)
    equal(count, 2, "pages taken first")
    equal(at, FIRST_MAPPED + 2 * PAGE_SIZE, "where to go on")
    count, at = mmu.take_pages(space, at, far + PAGE_SIZE, taken)
    equal(count, 2, "pages taken then")
    equal(taken[1].address, far, "the last page's address")
    check(taken[1].page == page and taken[1].dirty == 0, "the last page")
    equal(mmu.next_page(space, FIRST_MAPPED, far + PAGE_SIZE), far + PAGE_SIZE, "nothing is left")


def share_in_pieces(space: mmu.AddressSpace, page: Paddr, far: u64) -> None:
    """The first three of four pages, two at a time."""
    shared = array(2, TakenPage)
    count, at = mmu.share_pages(space, FIRST_MAPPED, far, shared)
    equal(count, 2, "pages shared first")
    equal(at, FIRST_MAPPED + 2 * PAGE_SIZE, "where to go on sharing")
    count, at = mmu.share_pages(space, at, far, shared)
    equal(count, 1, "pages shared then")
    check(shared[0].address == FIRST_MAPPED + 600 * PAGE_SIZE and shared[0].page == page, "the page shared last")
    for address in (FIRST_MAPPED, FIRST_MAPPED + PAGE_SIZE, FIRST_MAPPED + 600 * PAGE_SIZE):
        check(PageFlag.WRITE not in mmu.lookup_flags(space, Uaddr(address)), "a shared page is writable")
    check(PageFlag.WRITE in mmu.lookup_flags(space, Uaddr(far)), "a page behind the range is not writable")


def note_accesses(space: mmu.AddressSpace, page: Paddr) -> None:
    """The processor's own accessed bits."""
    where = Uaddr(FIRST_MAPPED)
    mmu.map_page(space, where, page, PageFlag.READ | PageFlag.WRITE | PageFlag.USER | PageFlag.CLEAN)
    check(PageFlag.ACCESSED in mmu.lookup_flags(space, where), "a page that was just entered looks untouched")
    check(mmu.take_accessed(space, where), "entering a page does not count as touching it")
    check(not mmu.take_accessed(space, where), "nobody touched it since")
    mmu.outdate(space)
    value_in(space)
    check(mmu.lookup_flags(space, where) & (PageFlag.ACCESSED | PageFlag.DIRTY) == PageFlag.ACCESSED, "a read was not noted, or as a write")
    check(mmu.take_accessed(space, where), "a read was not noted")
    write_in(space, 5)
    check(mmu.lookup_flags(space, where) & PageFlag.DIRTY == PageFlag.DIRTY, "a write does not show")
    check(mmu.take_accessed(space, where) and mmu.take_dirty(space, where), "a write was not noted as a touch and as a write")
    check(mmu.lookup_flags(space, where) & (PageFlag.ACCESSED | PageFlag.DIRTY) == PageFlag(0), "what was taken still shows")
    check(not mmu.take_accessed(space, where + PAGE_SIZE), "what is not mapped was touched")
    mmu.unmap_page(space, where)


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
    check(taken[0].dirty != 0, "the page did not come out dirty")


@kernel_tests
class ZeroedPages(KernelTest):
    """A page of zeros is one, whether it was cleared on the spot or by a core that had nothing to do; and such a core has some."""

    name: str = "pages.zeroed"

    def run(self) -> None:
        use_zeroed_pages()
        deadline = now_ns() + IDLE_DEADLINE_NS
        while not page_stock.has_cleared() and now_ns() < deadline:
            sleep_ns(1_000_000)             # this core is idle meanwhile, unless the time is over before it sleeps
        check(page_stock.has_cleared(), "an idle core has cleared no page")
        before = free_bytes()
        use_zeroed_pages()
        check(not page_stock.has_cleared(), "pages that were cleared ahead were not used")
        equal(free_bytes(), before, "bytes free")


def use_zeroed_pages() -> None:
    """Take some, look at them, leave rubbish in them."""
    pages = array(40, Paddr)
    for i in range(len(pages)):
        pages[i] = alloc_zeroed_user_page()
    for page in pages:
        for byte in bytes_at(page, PAGE_SIZE):
            if byte != 0:
                check(False, "a page of zeros holds something else")
                break
        memset(bytes_at(page, PAGE_SIZE), 0xA5)
        page_put(page)


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
    leave_space()
    cpu.irqs_restore(saved)
    return into.value if missing == 0 else u64(0)


def write_in(space: mmu.AddressSpace, value: u64) -> None:
    """Write to FIRST_MAPPED as a core does that has just entered the space."""
    source = Word(value=value)
    saved = cpu.irqs_save()
    mmu.outdate(space)
    mmu.load(space)
    missing = usercopy.copy_user(FIRST_MAPPED, addr_of(source), sizeof(Word))
    leave_space()
    cpu.irqs_restore(saved)
    equal(missing, 0, "bytes that could not be written")


def leave_space() -> None:
    """Back to the tables that this core had loaded: of a process, if one has asked for the tests."""
    p = core.mine.cur_proc
    if p is None:
        mmu.load_kernel()
    else:
        mmu.load(p.space)


def drop_space(space: mmu.AddressSpace) -> None:
    page = mmu.unmap_page(space, Uaddr(FIRST_MAPPED))
    if page is not None:
        free_pages(page, 0)
    mmu.destroy_space(space)


LINES: u64 = 3000


class LongText(TextFile):
    """Much longer than there is room at first."""

    def room(self) -> u64:
        return 16

    def show(self, out: Page) -> None:
        for i in range(LINES):
            out.print(f"line {i:06}\n")


@kernel_tests
class TextIsComplete(KernelTest):
    """A file's text is as long as it is, and whole, however small the pieces that it is read in."""

    name: str = "text.complete"

    def run(self) -> None:
        file = new(LongText)
        piece = array(7, u8)
        line = text(16)
        seen: u64 = 0
        lines: u64 = 0
        while True:
            io = Transfer()
            set_kernel(io, piece[0:7])
            count = file.read(io, seen, OpenMode.READ)
            if count == 0:
                break
            for byte in piece[:count]:
                if byte == ord("\n"):
                    equal(u64(line.view[5:]), lines, "the number of a line")
                    line.clear()
                    lines += 1
                else:
                    line.write(f"{byte:c}")
            seen += count
        file.release()
        equal(seen, LINES * 12, "bytes")
        equal(lines, LINES, "lines")


LARGE_PAGE: u64 = 2 << 20
GIANT_PAGE: u64 = 1 << 30


@kernel_tests
class LargePages(KernelTest):
    """A block of 2 MiB is mapped as one page, and so is 1 GiB; every address in it leads where it should, and small pages fit beside it."""

    name: str = "mmu.large_pages"

    def run(self) -> None:
        before = free_bytes()
        space = mmu.AddressSpace()
        mmu.new_space(space)
        block = alloc_pages(9)
        flags = PageFlag.READ | PageFlag.WRITE | PageFlag.USER
        base = Uaddr(GIANT_PAGE * 2)
        try:
            mmu.map_large(space, base, block, LARGE_PAGE, flags)
            mmu.map_page(space, base + LARGE_PAGE, block, flags)
            equal(mmu.page_size_at(space, base + 5), LARGE_PAGE, "the size of a large page")
            equal(mmu.page_size_at(space, base + LARGE_PAGE), PAGE_SIZE, "the size of a small one")
            equal(mmu.page_size_at(space, base + LARGE_PAGE * 2), 0, "the size of none")
            found = mmu.lookup(space, base + 5 * PAGE_SIZE)
            check(found is not None and found == block + 5 * PAGE_SIZE, "the sixth small page of a large one is elsewhere")
            noted = PageFlag.ACCESSED | PageFlag.DIRTY
            check(mmu.lookup_flags(space, base + 5 * PAGE_SIZE) & ~noted == flags, "the large page has other rights")
            at(Word, mmu.phys_to_virt(block + LARGE_PAGE - 8)).value = 0x1234
            equal(word_at(space, base + LARGE_PAGE - 8), 0x1234, "the last word, by the large page")
            check(mmu.unmap_page(space, base) is None, "a small page came out of a large one")
            check(refuses(space, base, block), "a large page was entered twice")
            out = mmu.unmap_large(space, base)
            check(out is not None and out == block, "another page came out")
            check(mmu.unmap_large(space, base) is None, "the page came out twice")
            check(mmu.unmap_large(space, base + LARGE_PAGE) is None, "a small page came out as a large one")
            # What is mapped is not touched: there need not be so much memory.
            mmu.map_large(space, Uaddr(GIANT_PAGE * 5), Paddr(GIANT_PAGE), GIANT_PAGE, flags)
            equal(mmu.page_size_at(space, Uaddr(GIANT_PAGE * 5) + 12345), GIANT_PAGE, "the size of a giant page")
            found = mmu.lookup(space, Uaddr(GIANT_PAGE * 5) + 3 * LARGE_PAGE)
            check(found is not None and found == Paddr(GIANT_PAGE) + 3 * LARGE_PAGE, "a place in the giant page is elsewhere")
        finally:
            free_pages(block, 9)
            mmu.destroy_space(space)
        equal(free_bytes(), before, "bytes free")


def refuses(space: mmu.AddressSpace, base: Uaddr, block: Paddr) -> bool:
    try:
        mmu.map_large(space, base, block, LARGE_PAGE, PageFlag.READ | PageFlag.USER)
    except Error as e:
        return e.errno == Errno.EEXIST
    return False


def word_at(space: mmu.AddressSpace, address: Uaddr) -> u64:
    """What this core reads in a space, 0 if nothing is there."""
    into = Word()
    saved = cpu.irqs_save()
    mmu.load(space)
    missing = usercopy.copy_user(addr_of(into), u64(address), sizeof(Word))
    leave_space()
    cpu.irqs_restore(saved)
    return into.value if missing == 0 else u64(0)


@kernel_tests
class LargeBlocks(KernelTest):
    """Blocks beyond what the buddy allocator has come from the arena below it, aligned to their size, and go back."""

    name: str = "pages.large"

    def run(self) -> None:
        before = take_stock()
        for order in range(u32(10), 15):
            block = alloc_pages(order)
            equal(u64(block) % (PAGE_SIZE << order), 0, "misalignment")
            equal(before - free_bytes(), PAGE_SIZE << order, "bytes taken")
            free_pages(block, order)
        equal(take_stock(), before, "bytes free")


@kernel_tests
class DeviceMemory(KernelTest):
    """Memory is mapped uncached and write-combining, works, and can be unmapped; the addresses are used again."""

    name: str = "kmap.device"

    def run(self) -> None:
        page = alloc_pages(0)
        used = vmap.segments.used
        first = map_device(page + 24, 100, PageFlag.WRITE_COMBINING)
        equal(u64(first) % PAGE_SIZE, 24, "where in the page it is")
        if mmu.COMBINES_WRITES:
            check(PageFlag.WRITE_COMBINING in mmu.kernel_page_flags(first), "the page does not combine writes")
            check(PageFlag.UNCACHED not in mmu.kernel_page_flags(first), "the page is uncached")
        for i in range(u64(8)):
            Ptr[u64](u64(first))[i] = i * 3
        fence(SEQ_CST)
        for i in range(u64(8)):
            equal(Ptr[u64](u64(first))[i], i * 3, "a word that was written")
        unmap_device(first, 100)
        equal(vmap.segments.used, used, "addresses that are used")
        check(mmu.kernel_page_flags(first) == PageFlag(0), "something is still mapped")
        second = map_mmio(page, PAGE_SIZE)
        if mmu.COMBINES_WRITES:
            check(PageFlag.UNCACHED in mmu.kernel_page_flags(second), "the page is cached")
        equal(Ptr[u64](u64(second))[4], 3, "a word that was written by the other mapping")
        unmap_device(second, PAGE_SIZE)
        free_pages(page, 0)
