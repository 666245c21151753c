# SPDX-License-Identifier: GPL-2.0-or-later
"""Caches, their magazines and depots, and what happens to them when memory is short."""

from lang import Atomic, Error, Paddr, Span, array, at, free, memset, new, struct, u8, u32, u64, unproven
from arch import mmu, smp
from kern.abi.errno import Errno
from kern.core.kmsg import send_routine
from kern.core.smp import call_on_all, call_on_core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm.arena import Arena
from kern.mm.kmalloc import kfree, kmalloc, kmalloc_aligned, kmalloc_incref, kmalloc_size, kmalloc_wait, krealloc, kzmalloc, try_kmalloc
from kern.mm.magazine import BUSY, LARGEST, SMALLEST, start_trace, stop_trace
from kern.mm.buddy import MAX_ORDER
from kern.mm.pages import alloc_pages, free_pages, reclaim, try_alloc_pages
from kern.mm.resource import ResourceCache
from kern.mm.shootdown import relax
from kern.mm.slab import SlabCache
from kern.sync.kthread import spawn_ktask
from kern.sync.rendez import sleep_ns
from kern.sync.semaphore import Semaphore
from kern.time.clock import now_ns

COUNT: u64 = 500
MAGIC: u64 = 0x1234_5678_9ABC_DEF0
BLOCKS: u64 = 4096
DEADLINE_NS: u64 = 10_000_000_000

cache = SlabCache()
ids = Arena()
id_cache = ResourceCache()
objects = array(COUNT, u64)
blocks = array(BLOCKS, u64)
destroyed: u64 = 0
ended = Atomic[u32](0)


@struct
class Constructed:
    magic: u64
    uses: u64


def construct(address: u64) -> None:
    at(Constructed, address).magic = MAGIC
    at(Constructed, address).uses = 0


def destruct(address: u64) -> None:
    global destroyed
    if at(Constructed, address).magic == MAGIC:
        destroyed += 1


@kernel_tests
class Constructor(KernelTest):
    """Objects keep their constructed state while they are free, and the destructor sees each of them at the end."""

    name: str = "slab.constructor"

    def run(self) -> None:
        global destroyed
        destroyed = 0
        cache.init("constructed", 16, 16, construct)
        cache.destructor = destruct
        made: u64 = 0
        for _ in range(3):
            for i in range(COUNT):
                objects[i] = cache.alloc()
                check(at(Constructed, objects[i]).magic == MAGIC, "an object that was not constructed")
                at(Constructed, objects[i]).uses += 1
            made = max(made, cache.pages * u64(cache.per_page))
            for i in range(COUNT):
                cache.free(objects[i])
        cache.destroy()
        check(destroyed >= made, f"{destroyed} of {made} objects were destroyed")


@kernel_tests
class Magazines(KernelTest):
    """What was freed last is given out first, from the core's own; more goes by the depot, a magazine at a time, and not to the slabs."""

    name: str = "slab.magazines"

    def run(self) -> None:
        cache.init("magazines", 64, 8, None)
        object = cache.alloc()
        cache.free(object)
        equal(cache.alloc(), object, "what was freed last")
        cache.free(object)
        for i in range(COUNT):
            objects[i] = cache.alloc()
        for i in range(COUNT):
            cache.free(objects[i])
        check(cache.depot.full.count > 0, "no magazine is full")
        out = cache.allocs
        full = cache.depot.full.count * u64(SMALLEST)
        for i in range(full):
            objects[i] = cache.alloc()
        equal(cache.allocs, out, "objects that left the slabs")
        for i in range(full):
            cache.free(objects[i])
        cache.destroy()
        equal(cache.pages, 0, "pages left")


@kernel_tests
class Resize(KernelTest):
    """A depot that is found locked again and again makes its magazines larger, up to what a core has room for."""

    name: str = "slab.resize"

    def run(self) -> None:
        cache.init("resized", 64, 8, None)
        equal(u64(cache.depot.size), u64(SMALLEST), "objects in a magazine")
        for _ in range(BUSY):
            cache.depot.note(True)
        equal(u64(cache.depot.size), u64(SMALLEST) * 2, "objects in a magazine")
        for _ in range(BUSY * 3):
            cache.depot.note(True)
        equal(u64(cache.depot.size), u64(LARGEST), "objects in a magazine")
        for i in range(COUNT):
            objects[i] = cache.alloc()
        for i in range(COUNT):
            cache.free(objects[i])
        magazine = cache.depot.full.top
        check(magazine is not None and magazine.count == LARGEST, "the magazines that are filled are no larger")
        cache.destroy()


@kernel_tests
class Traced(KernelTest):
    """While a cache is traced, each allocation is counted for the place that made it, until it is freed."""

    name: str = "slab.trace"

    def run(self) -> None:
        cache.init("traced", 64, 8, None)
        early = cache.alloc()
        start_trace(cache)
        for i in range(u64(20)):
            objects[i] = cache.alloc()
        for i in range(u64(5)):
            cache.free(objects[i])
        cache.free(early)
        other = cache.alloc()
        stop_trace(cache)
        record = cache.record
        check(record is not None, "nothing was recorded")
        if record is None:
            return
        # A loop that was unrolled is many places.
        check(2 <= record.site_count <= 21, f"{record.site_count} places")
        equal(sum(site.allocs for site in record.sites), 21, "allocations")
        equal(sum(site.live for site in record.sites), 16, "of them in use")
        equal(record.earlier, 1, "frees of what was there before")
        equal(record.lost, 0, "allocations that did not fit")
        cache.free(other)
        for i in range(u64(5), u64(20)):
            cache.free(objects[i])
        equal(sum(site.live for site in record.sites), 16, "of them in use, when nothing is noted any more")
        record.reset()
        equal(record.site_count, 0, "places")
        cache.destroy()


@kernel_tests
class Ids(KernelTest):
    """A cache over what is no memory: each id is out once, none is touched, and all come back."""

    name: str = "slab.ids"

    def run(self) -> None:
        ids.init("ids", 1)
        ids.add(0, COUNT)
        id_cache.init("id", 1, ids)
        seen = new(array(COUNT, u32))
        for _ in range(2):
            for i in range(COUNT):
                objects[i] = id_cache.alloc()
                check(objects[i] < COUNT and seen[objects[i]] == 0, f"the id {objects[i]} is wrong, or out twice")
                seen[objects[i]] = 1
            check(fails(), "one more id was had than there are")
            for i in range(COUNT):
                seen[objects[i]] = 0
                id_cache.free(objects[i])
        free(seen)
        id_cache.destroy()
        equal(ids.segments.used, 0, "ids in use")
        ids.destroy()


def fails() -> bool:
    try:
        id_cache.alloc()
    except Error as e:
        return e.errno == Errno.ENOMEM
    return False


@unproven("caches work in handlers too: this is a test")
def hoard(unused: u64) -> None:
    """On any core: have objects kept by this core and by the depot."""
    mine = array(100, u64)
    try:
        for i in range(u64(100)):
            mine[i] = cache.take_object()
        for i in range(u64(100)):
            cache.put_object(mine[i])
    except Error:
        ended.add(1)


@kernel_tests
class Short(KernelTest):
    """When memory is all used up, caches have shrunk before anybody is refused: those of this core at once, of all others soon."""

    name: str = "slab.reclaim"

    def run(self) -> None:
        cache.init("hoarded", 1024, 8, None)
        ended.store(0)
        call_on_all(hoard, 0)
        equal(u64(ended.load()), 0, "cores that had no memory")
        check(cache.pages > 0 and cache.in_use > 0, "nothing is hoarded")
        count = use_up()
        deadline = now_ns() + DEADLINE_NS
        while cache.pages > 0 and now_ns() < deadline:
            relax()
        left = cache.pages
        for i in range(count):
            free_pages(Paddr(blocks[i]), MAX_ORDER)
        equal(left, 0, "pages of objects that nobody uses, with no memory left")
        cache.destroy()


held = Atomic[u32](0)                       # 1: core 1 heeds no interrupt, 2: it may


def heed_nobody(a0: u64, a1: u64, a2: u64) -> None:
    """Routine message, interrupts off."""
    held.store(u32(1))
    until = now_ns() + DEADLINE_NS
    while held.load() == 1 and now_ns() < until:
        relax()


@kernel_tests
class ShortAgain(KernelTest):
    """A core that does not heed a request keeps nobody else from heeding the next one."""

    name: str = "slab.reclaim_again"

    def run(self) -> None:
        if smp.core_count() < 3:
            return
        held.store(u32(0))
        cache.init("hoarded", 1024, 8, None)
        send_routine(1, heed_nobody, 0, 0, 0)
        while held.load() == 0:
            relax()
        reclaim()
        ended.store(0)
        call_on_core(2, hoard, 0)
        reclaim()
        deadline = now_ns() + DEADLINE_NS
        while cache.pages > 0 and now_ns() < deadline:
            relax()
        left = cache.pages
        held.store(u32(2))
        cache.destroy()
        equal(left, 0, "pages of objects that another core keeps")


def use_up() -> u64:
    """Take all memory in large blocks, and what is left in small ones until somebody is refused; returns how many large ones."""
    count: u64 = 0
    while count < BLOCKS:
        block = try_alloc_pages(MAX_ORDER)
        if block is None:
            break
        blocks[count] = u64(block)
        count += 1
    first: u64 = 0
    try:
        while True:
            page = alloc_pages(0)
            at(Link, mmu.phys_to_virt(page)).next = first
            first = u64(page)
    except Error:
        pass
    while first != 0:
        next = at(Link, mmu.phys_to_virt(Paddr(first))).next
        free_pages(Paddr(first), 0)
        first = next
    return count


@struct
class Link:
    next: u64


# -- blocks by size -----------------------------------------------------------------------------------------------
@kernel_tests
class CountedBlock(KernelTest):
    """A block is freed with its last reference, and not before."""

    name: str = "kmalloc.incref"

    def run(self) -> None:
        block = kmalloc(1000)
        memset(Span[u8](block, 1000), 7)
        kmalloc_incref(block)
        kmalloc_incref(block)
        kfree(block)
        kfree(block)
        other = kmalloc(1000)
        check(other != block, "a block in use was given out again")
        memset(Span[u8](other, 1000), 8)
        for byte in Span[u8](block, 1000):
            equal(u64(byte), 7, "a byte of it")
        kfree(block)
        kfree(other)
        kfree(0)


@kernel_tests
class Resized(KernelTest):
    """A block keeps its contents as it grows and shrinks; it is aligned as asked; zeros are zeros."""

    name: str = "kmalloc.resize"

    def run(self) -> None:
        block: u64 = 0
        size: u64 = 1
        while size < 100_000:
            block = krealloc(block, size)
            equal(kmalloc_size(block) // size, 1, "times the size that was asked for")
            for i in range(size // 2):
                equal(u64(Span[u8](block, size)[i]), i % 251, "a byte that was there before")
            for i in range(size):
                Span[u8](block, size)[i] = u8(i % 251)
            size *= 2
        block = krealloc(block, 10)
        for i in range(u64(10)):
            equal(u64(Span[u8](block, 10)[i]), i, "a byte of what is left")
        kfree(block)
        for shift in range(u64(0), 16):
            aligned = kmalloc_aligned(100, u64(1) << shift)
            misplaced = aligned % (u64(1) << shift)
            memset(Span[u8](aligned, 100), 0xFF)
            kfree(aligned)
            equal(misplaced, 0, "bytes off")
        zeros = kzmalloc(100)
        for byte in Span[u8](zeros, 100):
            equal(u64(byte), 0, "a byte of zeros")
        kfree(zeros)
        check(try_kmalloc(1 << 39) == 0, "half a TiB was had")


waited = Semaphore()
waiting_for: u64 = 0


def wait_for_memory(size: u64) -> None:
    """As a kernel task."""
    global waiting_for
    try:
        waiting_for = kmalloc_wait(size)
    except Error:
        waiting_for = 1
    waited.up()


@kernel_tests
class WaitForMemory(KernelTest):
    """Who is willing to wait gets memory when there is some again; who is not is told at once."""

    name: str = "kmalloc.wait"

    def run(self) -> None:
        global waiting_for
        waiting_for = 0
        count = use_up()
        size: u64 = 4 << 20                 # which is nowhere in one piece now
        refused = try_kmalloc(size) == 0
        spawn_ktask("waits for memory", wait_for_memory, size)
        sleep_ns(10_000_000)
        early = waiting_for
        for i in range(count):
            free_pages(Paddr(blocks[i]), MAX_ORDER)
        waited.down()
        check(refused, "memory was had that is not there")
        equal(early, 0, "what came of waiting before there was memory")
        check(waiting_for > 1, "nothing came of waiting")
        kfree(waiting_for)
