# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks of a checked build find in the kernel: each is tripped once, for real, and must say the right thing.

The panics stand in the log with their backtraces, where tests/boot/test_checked.py reads them. Release builds check nothing, so
there these tests have nothing to show.
"""

from typing import Callable

from lang import CHECKED, Error, Ptr, Raises, Ref, addr_of, array, at, free, i32, new, pause, recursion, struct, u8, u32, u64, unproven
from kern.abi.errno import Errno
from kern.abi.seqcount import SeqCounter
from kern.core.kmsg import send_immediate
from kern.core.percore import core
from kern.core.smp import call_on_all
from kern.debug.tripwire import said_by_panic
from kern.ktest.runner import KernelTest, kernel_tests
from kern.mm.heap import allocate, release
from kern.mm.pages import alloc_pages, bytes_at, free_pages
from kern.mm.slab import SlabCache
from kern.sync.kref import Kref
from kern.sync.lockcheck import SPIN_LIMIT_NS, set_spin_limit
from kern.sync.qlock import QLock
from kern.sync.semaphore import Semaphore
from kern.sync.seqlock import SeqLock
from kern.sync.spinlock import SpinLock

table = array(8, u32)
caches = array(2, SlabCache)


@struct
class Job:
    id: u64
    cost: i32
    name: u64
    parent: Ref["Job"] | None


def expect(fn: Callable[[u64], Raises[None]], wanted: str) -> None:
    """That fn(12) panics, and what it says; `*` stands for anything."""
    if not CHECKED:
        return
    said = said_by_panic(fn, 12)
    if not matches(said, wanted):
        raise Error(Errno.EPROTO, f"said: {said}")


def expect_soon(fn: Callable[[u64], Raises[None]], wanted: str) -> None:
    """The same of what would spin for long."""
    if CHECKED:
        set_spin_limit(50_000_000)
        expect(fn, wanted)
        set_spin_limit(SPIN_LIMIT_NS)


def matches(text: str, pattern: str) -> bool:
    """Each part of the pattern in turn; the first and the last at the ends."""
    part, rest = pattern.split1("*")
    if len(part) == len(pattern):
        return text == pattern
    if not text.startswith(part):
        return False
    left = text[len(part) :]
    while rest.find("*") >= 0:
        part, rest = rest.split1("*")
        found = left.find(part)
        if found < 0:
            return False
        left = left[u64(found) + len(part) :]
    return left.endswith(rest)


def make_job() -> Job:
    return new(Job, id=1, name=7)


def drop_job(job: Job) -> None:
    free(job)


# -- the language's checks ----------------------------------------------------------------------------------------
def index_past_the_end(i: u64) -> None:
    table[i] = 1


def overflow(i: u64) -> None:
    cost = i32(2147483647)
    cost += i32(i)
    table[0] = u32(cost)


def null_reference(i: u64) -> None:
    at(Job, i - 12).id = 3


def misaligned_reference(i: u64) -> None:
    at(Job, 0xFFFF_8000_0000_0001 + i).id = 3


def null_access(i: u64) -> None:
    """Past the compiler's eyes: a pointer that nobody checked. Nothing is mapped at 0."""
    Ptr[u8](i - 12)[0] = 1


@recursion(3)
def descend(depth: u64) -> u64:
    return descend(depth - 1) + 1 if depth > 0 else 0


def descend_too_far(depth: u64) -> None:
    table[0] = u32(descend(2))              # three times on the stack, which is fine
    table[0] = u32(descend(depth))


@kernel_tests
class Language(KernelTest):
    """The checks that the compiler makes, in kernel code."""

    name: str = "check.language"

    def run(self) -> None:
        expect(index_past_the_end, "kern/ktest/check_tests.py:*: in index_past_the_end: index 12 is not below 8")
        expect(overflow, "kern/ktest/check_tests.py:*: in overflow: i32 overflow: 2147483647 + 12")
        expect(null_reference, "kern/ktest/check_tests.py:*: in null_reference: at(Job, 0): a null address")
        expect(misaligned_reference, "*: in misaligned_reference: at(Job, 0xffff80000000000d): not a multiple of 8")
        expect(null_access, "*page fault*0x0000000000000000")
        expect(descend_too_far, "*: in descend: on this stack 4 times, and declared @recursion(3)")


# -- counts -------------------------------------------------------------------------------------------------------
def reference_from_none(unused: u64) -> None:
    count = Kref()
    count.init(0)
    count.get()


def reference_twice_back(unused: u64) -> None:
    count = Kref()
    count.init(1)
    _ = count.put()
    _ = count.put()


@kernel_tests
class References(KernelTest):
    """Nobody takes a reference to what is gone, nor gives one back that he has not."""

    name: str = "check.krefs"

    def run(self) -> None:
        expect(reference_from_none, "*reference taken from none")
        expect(reference_twice_back, "*reference given back twice")


# -- the heap -----------------------------------------------------------------------------------------------------
def overrun(i: u64) -> None:
    block = allocate(100, 8)
    for byte in range(u64(90), 90 + i):
        Ptr[u8](block)[byte] = 0x41
    release(block)


def overrun_far(i: u64) -> None:
    block = allocate(64, 8)
    for byte in range(64 + i * 4):          # to the end of the slot, and no further
        Ptr[u8](block)[byte] = 0x41
    release(block)


def overrun_of_pages(i: u64) -> None:
    block = allocate(10000, 8)
    Ptr[u8](block)[10000 + i] = 0x41
    release(block)


def free_twice(i: u64) -> None:
    job = make_job()
    drop_job(job)
    drop_job(job)


def free_pages_twice(i: u64) -> None:
    block = allocate(10000, 8)
    release(block)
    release(block)


def free_inside(i: u64) -> None:
    release(allocate(64, 8) + 16)


def free_of_the_stack(i: u64) -> None:
    job = Job(id=i)
    drop_job(job)


def never_allocated(i: u64) -> None:
    caches[0].init("check-200", 200, 8, None)
    caches[0].free(caches[0].alloc() + caches[0].stride)


def write_after_free(i: u64) -> None:
    job = make_job()
    drop_job(job)
    job.name = 0x41
    for _ in range(200):                    # until the quarantine has let it go and it is given out again
        drop_job(make_job())


def write_to_a_free_page(i: u64) -> None:
    page = alloc_pages(0)
    free_pages(page, 0)
    bytes_at(page, 4096)[i] = 0x41
    for _ in range(200):
        alloc_pages(0)


def free_a_page_twice(i: u64) -> None:
    page = alloc_pages(0)
    free_pages(page, 0)
    free_pages(page, 0)


def construct(address: u64) -> None:
    at(Job, address).name = 7


def overrun_of_an_object(i: u64) -> None:
    caches[1].init("check-24", 24, 8, construct)
    object = caches[1].alloc()
    Ptr[u8](object)[12 + i] = 0x41
    caches[1].free(object)


def write_past_a_frame(i: u64) -> None:
    """Past the compiler's eyes: a pointer instead of the array."""
    room = array(16, u8)
    start = Ptr[u8](addr_of(room))
    for byte in range(16 + i):
        start[byte] = 0x41
    table[0] = u32(room[i])


@kernel_tests
class Frames(KernelTest):
    """A function that writes past an object on its stack is found out when it returns."""

    name: str = "check.frame"

    def run(self) -> None:
        expect(write_past_a_frame, "stack frame overrun in kern.ktest.check_tests.write_past_a_frame at kern/ktest/check_tests.py:*")


@kernel_tests
class HeapDamage(KernelTest):
    """What must not be done to blocks and pages is found, with who had them."""

    name: str = "check.heap"

    def run(self) -> None:
        expect(overrun, "overrun: byte 100 of the block of 100 bytes at 0xffff* was written: 0x41; allocated in *.overrun at *:*")
        expect(overrun_far, "overrun: *")
        expect(overrun_of_pages, "overrun: byte 10012 of the block of 10000 bytes at *: 0x41; allocated in *.overrun_of_pages at *:*")
        expect(overrun_of_an_object, "overrun: byte 24 of the block of 24 bytes at *: 0x41; allocated in *.overrun_of_an_object at *:*")
        expect(free_twice, "freed twice: the block of 32 bytes at *; allocated in *.free_twice at *:*; freed in *.free_twice at *:*")
        expect(free_pages_twice, "free of 0xffff*, which is not from the heap, or was freed already")
        expect(free_inside, "free of 0xffff*, inside a block at 0xffff*")
        expect(free_of_the_stack, "free of 0xffff*, which is not from the heap")
        expect(never_allocated, "free of 0xffff*, which was never allocated")
        expect(write_after_free, "write after free: byte 16 of the block of 32 bytes at *: 0x41; allocated in *; freed in *")
        expect(write_to_a_free_page, "write after free: byte 12 of the free page * was written: 0x41")
        expect(free_a_page_twice, "kern/mm/pages.py:*: in fill_free_pages: block freed twice")


# -- locks --------------------------------------------------------------------------------------------------------
first = SpinLock()
second = SpinLock()
third = SpinLock()
slow = SpinLock()
handled = SpinLock()
mutex = QLock()
other_mutex = QLock()
never = Semaphore()
seq = SeqLock()
endless = SeqLock()
nested = SeqLock()
counter = SeqCounter()


def take_in_order() -> None:
    with first.irqs_off():
        with second:
            table[0] = 1
    with second.irqs_off():
        with third:
            table[0] = 2


@unproven("shows the panic of the run-time check")
def close_the_circle(i: u64) -> None:
    with third.irqs_off():
        with first:
            table[0] = 3


@unproven("shows the panic of the run-time check")
def take_twice(i: u64) -> None:
    with first.irqs_off(), first:
        table[0] = 4


def release_a_free_one(i: u64) -> None:
    second.unlock()


def wait_for_ever(i: u64) -> None:
    """As if another core had it and never gave it back."""
    slow.word.store(1)
    slow.lock()


@unproven("shows the panic of the run-time check")
def block_with_a_lock(i: u64) -> None:
    with second.irqs_off():
        never.down()


@unproven("shows the panic of the run-time check")
def block_here(unused0: u64, unused1: u64, unused2: u64) -> None:
    """Immediate message: what no handler may do."""
    try:
        never.down()
    except Error:
        return


def block_in_a_handler(i: u64) -> None:
    send_immediate(core.mine.core_id, block_here, 0, 0, 0)
    while True:
        pause()


def take_in_handler(unused: u64) -> None:
    with handled:
        table[0] = 5


def take_with_interrupts_on(i: u64) -> None:
    with handled:
        table[0] = 6


@unproven("shows the panic of the run-time check")
def mutex_twice(i: u64) -> None:
    with mutex:
        with mutex:
            table[0] = 7


@unproven("shows the panic of the run-time check")
def mutex_order(i: u64) -> None:
    with mutex:
        with other_mutex:
            table[0] = 8
    with other_mutex:
        with mutex:
            table[0] = 9


def release_of_anothers(i: u64) -> None:
    mutex.release()


CIRCLE = (
    "lock order: 0xffff* is taken in *.close_the_circle at * while 0xffff* is held, taken in *.close_the_circle at *; "
    "but the other way round before: taken in *.take_in_order at * while the first was held, taken in *.take_in_order at *; "
    "and that one was taken in *.take_in_order at * while it was held, taken in *.take_in_order at *"
)
BY_HANDLER = "lock 0xffff* is taken by an interrupt handler in *.take_in_handler at *, and with interrupts on in *.take_with*"


@kernel_tests
class Locks(KernelTest):
    """Orders that could deadlock, and locks held where none may be, are found though nobody waits."""

    name: str = "check.locks"

    def run(self) -> None:
        take_in_order()
        expect(close_the_circle, CIRCLE)
        third.force_unlock()
        expect(take_twice, "spinlock 0xffff* taken twice on core 0; first taken in *.take_twice at kern/ktest/check_tests.py:*")
        first.force_unlock()
        expect(release_a_free_one, "spinlock 0xffff* released by core 0, and nobody holds it")
        expect_soon(wait_for_ever, "core 0 has been spinning for * ms for spinlock 0xffff*, which nobody holds")
        expect(block_with_a_lock, "blocking with 1 spinlock held; 0xffff* taken in *.block_with_a_lock at kern/ktest/check_tests.py:*")
        second.force_unlock()
        expect(block_in_a_handler, "blocking with 0 spinlocks held, interrupt depth 1")
        if CHECKED:
            call_on_all(take_in_handler, 0)
        expect(take_with_interrupts_on, BY_HANDLER)


@kernel_tests
class SleepingLocks(KernelTest):
    """The same of locks that are held across a block."""

    name: str = "check.qlocks"

    def run(self) -> None:
        expect(release_of_anothers, "sleeping lock 0xffff* released by a thread that does not hold it")
        expect(mutex_twice, "sleeping lock 0xffff* taken twice on core 0; first taken in *.mutex_twice at kern/ktest/check_tests.py:*")
        mutex.held = False
        expect(mutex_order, "lock order: *")


# -- sequence locks ------------------------------------------------------------------------------------------------
def read_own_change(i: u64) -> None:
    with seq.writing():
        seq.must_retry(seq.begin_read())


def read_endless_change(i: u64) -> None:
    """As if a writer on another core had stopped in the middle."""
    endless.counter.value.store(1)
    endless.must_retry(endless.begin_read())


@unproven("shows the panic of the run-time check")
def change_in_a_change(i: u64) -> None:
    with nested.writing(), nested.writing():
        table[0] = 10


def change_without_end(i: u64) -> None:
    counter.begin_write()
    counter.begin_write()


def end_without_begin(i: u64) -> None:
    counter.end_write()


@kernel_tests
class SequenceLocks(KernelTest):
    """Readers that would never end, and changes inside changes, are found."""

    name: str = "check.seqlocks"

    def run(self) -> None:
        expect(read_own_change, "sequence lock 0xffff* is read by core 0 in the middle of its own change")
        expect_soon(read_endless_change, "core 0 has been spinning for * ms for spinlock 0xffff*, which nobody holds")
        expect(change_in_a_change, "spinlock 0xffff* taken twice on core 0; first taken in *.SeqWriter.__enter__ at *")
        counter.value.store(0)
        expect(end_without_begin, "kern/abi/seqcount.py:*: in SeqCounter.end_write: a change ends that has not begun")
        expect(change_without_end, "kern/abi/seqcount.py:*: in SeqCounter.begin_write: a change begins inside another")
