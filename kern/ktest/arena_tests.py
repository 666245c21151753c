# SPDX-License-Identifier: GPL-2.0-or-later
"""Arenas and their caches in the running machine, one by one what Akaros' suite asks of them (kern/src/ktest/kt_arena.c has the names)."""

from lang import Error, Paddr, array, memset, u8, u64
from arch import mmu
from kern.abi.errno import Errno
from kern.arch_api import PageFlag
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm.arena import Arena
from kern.mm.dma import FOUR_GIB, DmaPool, UserDma, dma32, dma_alloc, dma_free
from kern.mm.pages import PAGE_SIZE, base, bytes_at, free_bytes
from kern.mm.resource import ResourceCache
from kern.mm.segments import LAST, Constraints, Fit
from kern.mm.slab import SlabCache
from kern.mm.umem import check_range
from kern.proc.create import discard, new_process

SHIFT: u64 = 15                             # how far one test moves what it imports

arena = Arena()
other = Arena()
cache = ResourceCache()
aligned = SlabCache()
objects = array(4, u64)
next_made: u64 = PAGE_SIZE
given_back: u64 = 0


class ArenaTest(KernelTest):
    """With an arena of multiples of `quantum`, of which nothing may be left in use."""

    quantum: u64 = 1

    def run(self) -> None:
        arena.init("test", self.quantum)
        try:
            self.use()
        finally:
            arena.destroy()

    def use(self) -> None:
        pass


def errno_of_alloc(size: u64) -> Errno:
    """What an allocation that must not succeed raises."""
    try:
        arena.alloc(size)
    except Error as e:
        return e.errno
    return Errno.OK


@kernel_tests
class NextFit(ArenaTest):
    """The next fit goes on behind the last, though there is room before it."""

    name: str = "arena.nextfit"

    def use(self) -> None:
        arena.add(1, 30)
        first = arena.alloc_fit(1, Fit.NEXT)
        second = arena.alloc_fit(1, Fit.NEXT)
        arena.free_within(first, 1)
        third = arena.alloc_fit(1, Fit.NEXT)
        equal(third, second + 1, "the third")
        arena.free_within(second, 1)
        arena.free_within(third, 1)


@kernel_tests
class BestFit(ArenaTest):
    """The smallest that is big enough, wherever it stands in its list."""

    name: str = "arena.bestfit"

    def use(self) -> None:
        arena.add(1000, 64)
        arena.add(3000, 127)
        arena.add(2000, 67)
        arena.add(4000, 127)
        arena.add(5000, 128)
        found = arena.alloc_fit(65, Fit.BEST)
        equal(found, 2000, "the best fit for 65")
        arena.free_within(found, 65)


@kernel_tests
class InstantFit(ArenaTest):
    """The first of a list whose members are all big enough."""

    name: str = "arena.instantfit"

    def use(self) -> None:
        arena.add(1000, 64)
        arena.add(2000, 67)
        arena.add(3000, 64)
        arena.add(4000, 128)
        found = arena.alloc_fit(65, Fit.INSTANT)
        equal(found, 4000, "the instant fit for 65")
        arena.free_within(found, 65)


@kernel_tests
class InstantFitFallback(ArenaTest):
    """Where no list is sure to fit, the one that may is searched."""

    name: str = "arena.instantfit_fallback"

    def use(self) -> None:
        arena.add(1, 15)
        found = arena.alloc(15)
        equal(found, 1, "all of it")
        arena.free(found, 15)


@kernel_tests
class QuantumAlign(ArenaTest):
    """What is handed out are whole quanta, however a span lies."""

    name: str = "arena.quantum_align"
    quantum: u64 = 32

    def use(self) -> None:
        arena.add(4097, 64)
        found = arena.alloc(1)
        equal(found, 4128, "the only quantum in it")
        check(errno_of_alloc(1) == Errno.ENOMEM, "a second quantum was had")
        arena.free(found, 1)


@kernel_tests
class OddQuantum(ArenaTest):
    """Quanta may be of any size, and stay whole when other alignments are asked for."""

    name: str = "arena.odd_quantum"
    quantum: u64 = 7

    def use(self) -> None:
        arena.add(7, 49)
        first = arena.alloc(7)
        second = arena.alloc(7)
        equal(first, 7, "the first")
        equal(second, 14, "the second")
        arena.free(first, 7)
        arena.free(second, 7)
        first = arena.alloc_within(7, Constraints(align=4))
        second = arena.alloc(7)
        equal(first % 28, 0, "misalignment")
        equal(second % 7, 0, "misalignment")
        arena.free_within(first, 7)
        arena.free(second, 7)


@kernel_tests
class NocrossFallback(ArenaTest):
    """Behind one boundary may come another that is in the way."""

    name: str = "arena.nocross_fallback"
    quantum: u64 = 3

    def use(self) -> None:
        arena.add(3, 20)
        found = arena.alloc_within(3, Constraints(nocross=4))
        equal(found, 9, "the first that crosses nothing")
        arena.free_within(found, 3)


@kernel_tests
class XallocFromFreelist(ArenaTest):
    """A segment that lies right by itself is found, though one that could be aligned would have to be bigger."""

    name: str = "arena.xalloc_from_freelist"

    def use(self) -> None:
        arena.add(15, 15)
        found = arena.alloc_within(15, Constraints(align=8, phase=7))
        equal(found, 15, "all of it")
        arena.free_within(found, 15)


@kernel_tests
class QuantumCache(ArenaTest):
    """Small sizes come from caches, larger ones from the arena."""

    name: str = "arena.qcache"

    def use(self) -> None:
        arena.cache_up_to(3)
        arena.add(1, 10000)
        for i in range(u64(4)):
            objects[i] = arena.alloc(i + 1)
        allocs = arena.allocs
        arena.free(objects[0], 1)
        equal(arena.alloc(1), objects[0], "what was freed last")
        equal(arena.allocs, allocs, "allocations from the arena itself")
        check(arena.caches[0].in_use > 1, "the cache took one at a time")
        for i in range(u64(4)):
            arena.free(objects[i], i + 1)


@kernel_tests
class OddQuantumCache(ArenaTest):
    """What comes from a cache is a multiple of the quantum as well."""

    name: str = "arena.qc_odd_quantum"
    quantum: u64 = 7

    def use(self) -> None:
        arena.cache_up_to(21)
        arena.add(7, 10000)
        for size in range(u64(7), 22, 7):
            for i in range(u64(4)):
                objects[i] = arena.alloc(size)
            for i in range(u64(4)):
                equal(objects[i] % 7, 0, "misalignment")
                arena.free(objects[i], size)


@kernel_tests
class LargeQuantumCache(ArenaTest):
    """A quantum may be larger than a page, and the arena smaller than a slab would like it."""

    name: str = "arena.qc_large_quantum"
    quantum: u64 = 8192

    def use(self) -> None:
        arena.cache_up_to(8192)
        arena.add(8192, 8192 * 4)
        found = arena.alloc(8192)
        equal(found % 8192, 0, "misalignment")
        arena.free(found, 8192)


def take_shifted(source: Arena, size: u64) -> u64:
    return source.alloc(size) << SHIFT


def give_shifted(source: Arena, start: u64, size: u64) -> None:
    source.free(start >> SHIFT, size)


@kernel_tests
class Import(KernelTest):
    """What an arena lacks comes from its source, in the way that it says, and goes back."""

    name: str = "arena.import"

    def run(self) -> None:
        other.init("source", 4096)
        other.add(4096, 4096 * 4)
        arena.init("importer", 1)
        arena.import_from(other)
        arena.take = take_shifted
        arena.give = give_shifted
        arena.cache_up_to(2)
        first = arena.alloc(1)
        second = arena.alloc(2)
        check(first >= 4096 << SHIFT and second >= 4096 << SHIFT, "what was imported was not moved")
        check(other.segments.used > 0, "nothing was imported")
        arena.free(first, 1)
        arena.free(second, 2)
        arena.destroy()
        equal(other.segments.used, 0, "still imported")
        other.destroy()


@kernel_tests
class ImportSlab(KernelTest):
    """Objects of a cache over an arena are multiples of its quantum; of one over memory, aligned as asked."""

    name: str = "arena.import_slab"

    def run(self) -> None:
        arena.init("source", 7)
        arena.add(7, 70000)
        cache.init("of fourteen", 14, arena)
        for i in range(u64(3)):
            objects[i] = cache.alloc()
        for i in range(u64(3)):
            equal(objects[i] % 7, 0, "misalignment")
            cache.free(objects[i])
        cache.destroy()
        equal(arena.segments.used, 0, "still in use")
        arena.destroy()
        aligned.init("aligned", 1, 16, None)
        for i in range(u64(3)):
            objects[i] = aligned.alloc()
        for i in range(u64(3)):
            equal(objects[i] % 16, 0, "misalignment")
            aligned.free(objects[i])
        aligned.destroy()


@kernel_tests
class ImportAlignment(KernelTest):
    """So much is imported that whole quanta lie in it, and a span that is free goes back."""

    name: str = "arena.import_alignment"

    def run(self) -> None:
        other.init("source", 1)
        other.add(1, 1000)
        arena.init("importer", 16)
        arena.import_from(other)
        found = arena.alloc(16)
        equal(found % 16, 0, "misalignment")
        arena.free(found, 16)
        equal(other.segments.used, 0, "still imported")
        arena.destroy()
        other.destroy()


@kernel_tests
class Xalloc(ArenaTest):
    """Alignment and phase, boundaries, limits."""

    name: str = "arena.xalloc"
    quantum: u64 = 3

    def use(self) -> None:
        arena.add(3, 4096)
        first = arena.alloc_within(3, Constraints(align=16, phase=6))
        equal(first % 16, 6, "the phase")
        second = arena.alloc_within(15, Constraints(nocross=16))
        equal(second // 16, (second + 14) // 16, "the unit of 16 that it lies in")
        third = arena.alloc_within(3, Constraints(minimum=81, maximum=252))
        fourth = arena.alloc_within(3, Constraints(minimum=81, maximum=252))
        check(81 <= third < 252 and 81 <= fourth < 252 and third != fourth, f"{third} and {fourth} for two between 81 and 252")
        equal((first % 3) + (second % 3) + (third % 3) + (fourth % 3), 0, "misalignment")
        arena.free_within(first, 3)
        arena.free_within(second, 15)
        arena.free_within(third, 3)
        arena.free_within(fourth, 3)


@kernel_tests
class XallocMinMax(ArenaTest):
    """Limits that leave just one place."""

    name: str = "arena.xalloc_minmax"

    def use(self) -> None:
        arena.add(1, 100)
        first = arena.alloc_within(20, Constraints(minimum=10, maximum=30))
        second = arena.alloc_within(20, Constraints(minimum=30, maximum=50))
        equal(first, 10, "the first")
        equal(second, 30, "the second")
        arena.free_within(first, 20)
        arena.free_within(second, 20)
        check(errno_of_nonsense() == Errno.EINVAL, "20 that cross no multiple of 10 were had")


def errno_of_nonsense() -> Errno:
    try:
        arena.alloc_within(20, Constraints(nocross=10))
    except Error as e:
        return e.errno
    return Errno.OK


@kernel_tests
class Accounting(ArenaTest):
    """What is free and what there is, exactly."""

    name: str = "arena.accounting"

    def use(self) -> None:
        arena.add(1, 100)
        equal(arena.segments.total, 100, "all of it")
        equal(arena.segments.used, 0, "used")
        first = arena.alloc_within(15, Constraints(minimum=10, maximum=40))
        second = arena.alloc_within(15, Constraints(minimum=50, maximum=90))
        equal(arena.segments.total - arena.segments.used, 70, "free")
        equal(arena.segments.total, 100, "all of it")
        arena.free_within(first, 15)
        arena.free_within(second, 15)
        equal(arena.segments.used, 0, "used")


def make_some(self: Arena, size: u64) -> u64:
    global next_made
    next_made += (size + self.segments.quantum - 1) // self.segments.quantum * self.segments.quantum
    return next_made - size


def count_back(self: Arena, start: u64, size: u64) -> None:
    global given_back
    given_back += size


@kernel_tests
class SelfSource(KernelTest):
    """An arena may make its numbers itself, and others may import them."""

    name: str = "arena.self_source"

    def run(self) -> None:
        global given_back
        given_back = 0
        other.init("maker", PAGE_SIZE)
        other.source = None
        other.take = make_some
        other.give = count_back
        first = other.alloc(1)
        second = other.alloc(1)
        check(first != second, "the same was made twice")
        other.free(first, 1)
        other.free(second, 1)
        equal(given_back, 2 * PAGE_SIZE, "given back")
        arena.init("importer", 1)
        arena.import_from(other)
        first = arena.alloc(1)
        second = arena.alloc(1)
        check(first != second, "the same was handed out twice")
        arena.free(first, 1)
        arena.free(second, 1)
        arena.destroy()
        other.destroy()
        equal(given_back, 3 * PAGE_SIZE, "given back")


@kernel_tests
class ManySegments(ArenaTest):
    """More segments than one page of tags, and one table, have room for; nothing of either is lost."""

    name: str = "arena.many"

    def run(self) -> None:
        before = free_bytes()
        super().run()
        lost = before - min(before, free_bytes())
        check(lost <= 4 * PAGE_SIZE, f"{lost} bytes are gone")

    def use(self) -> None:
        arena.add(0, 3000)
        for i in range(u64(3000)):
            equal(arena.alloc_fit(1, Fit.NEXT), i, "the next")
        check(errno_of_alloc(1) == Errno.ENOMEM, "more was had than there is")
        check(len(arena.segments.buckets) >= 1024, f"{len(arena.segments.buckets)} chains for 3000 segments")
        for i in range(u64(3000)):
            arena.free_within((i * 7) % 3000, 1)
        found = arena.alloc_within(3000, Constraints(maximum=LAST))
        equal(found, 0, "all of it, in one piece")
        arena.free_within(found, 3000)


# -- memory for devices -------------------------------------------------------------------------------------------
pool = DmaPool()
user = UserDma()
blocks = array(10, u64)


@kernel_tests
class Pool(KernelTest):
    """Blocks for a device are aligned, cross no boundary, lie below 4 GiB, and are disjoint."""

    name: str = "arena.dma_pool"

    def run(self) -> None:
        pool.init("test-pool", 33, 16, 64)
        for i in range(u64(10)):
            block = u64(pool.alloc())
            equal(block % 16, 0, "misalignment")
            equal(block // 64, (block + 32) // 64, "the unit of 64 that it lies in")
            check(block + 33 <= FOUR_GIB, f"a device cannot reach {block:#x}")
            memset(bytes_at(Paddr(block), 33), u8(i))
            blocks[i] = block
        for i in range(u64(10)):
            for byte in bytes_at(Paddr(blocks[i]), 33):
                equal(u64(byte), i, "a byte that another block overwrote")
            pool.free(Paddr(blocks[i]))
        pool.destroy()
        equal(dma32.segments.used, 0, "bytes of pages that are used")


@kernel_tests
class ContiguousForDevices(KernelTest):
    """Contiguous pages for a device go back to memory."""

    name: str = "dma.pages"

    def run(self) -> None:
        before = base.segments.used
        block = dma_alloc(5 << 20)
        check(u64(block) % PAGE_SIZE == 0 and u64(block) + (5 << 20) <= FOUR_GIB, f"5 MiB at {u64(block):#x}")
        check(base.segments.used >= before + (5 << 20), "they are not accounted for")
        dma_free(block, 5 << 20)
        equal(base.segments.used, before, "bytes used")


@kernel_tests
class UserPages(KernelTest):
    """A process' pages for a device are its own memory, there from the start, and come back."""

    name: str = "arena.user_dma"

    def run(self) -> None:
        p = new_process(None, "/ktest", "/ktest\0")
        try:
            user.init(p)
            first = user.alloc(4 * PAGE_SIZE)
            second = user.alloc(PAGE_SIZE)
            check_range(first, 4 * PAGE_SIZE)
            check(u64(second) >= u64(first) + 4 * PAGE_SIZE or u64(second) + PAGE_SIZE <= u64(first), "they overlap")
            for offset in range(u64(0), 4 * PAGE_SIZE, PAGE_SIZE):
                check(mmu.lookup(p.space, first + offset) is not None, "a page that a device would not find")
            check(PageFlag.WRITE in mmu.lookup_flags(p.space, second), "a page that cannot be written")
            large = user.alloc(40 * PAGE_SIZE)
            user.free(first, 4 * PAGE_SIZE)
            user.free(second, PAGE_SIZE)
            equal(u64(user.alloc(4 * PAGE_SIZE)), u64(first), "what was freed")
            user.free(first, 4 * PAGE_SIZE)
            user.free(large, 40 * PAGE_SIZE)
            user.destroy()
            check(mmu.lookup(p.space, first) is None, "a page is still mapped")
        finally:
            discard(None, p)
