# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults of threads: their scheduler is asked, and the others run on meanwhile.

The scheduler here is the threads' own, but for what it does about faults that are no missing pages: it takes note, and has the thread end.
"""

from typing import Callable

from lang import Atomic, Ptr, Raises, Uaddr, array, extern, i32, text, u32, u64, volatile_load, volatile_store
from arch import user_abi
from kern.abi.errno import Errno
from kern.abi.fault import TrapKind, is_backed, kind_of, problem_of
from kern.abi.mman import MapFlags, Prot
from parlib.control import limit_vcores
from parlib.faults import settle_fault
from parlib.threads import use_library
from parlib.uthread import BY_ITSELF, Uthread
from parlib.vcore import proc_info
from pthread import Thread, exit_thread, yield_now
from pthread.ready import ThreadScheduler
from rt.time import now_ns
from syscalls import sys_mprotect, sys_mmap
from utest.harness import Suite, check, equal, is_wanted, run, suites
from utest.trespass import test_kernel_instructions, test_kernel_memory, test_no_execute, test_read_only
from utest.paging import ANONYMOUS, PAGE, disk_count, end_file, make_file, map_block, map_file, map_of, order_disk, unmap, word, write_block

LATENCY_USEC: u64 = 100_000
SLOW = "latency 100000"
FAST = "latency 0"
PAGES: u64 = 6


@extern
def trap_divide() -> None:
    """Divide by zero."""
    ...


class Catcher(ThreadScheduler):
    caught: Atomic[u32]
    kind: TrapKind                          # of the last fault
    problem: u32                            # Errno of the last page fault, 0 for another fault
    address: u64
    thread: u32

    def reflected_fault(self, uthread: Uthread) -> None:
        ctx = uthread.ctx
        if is_backed(ctx.error_code):
            settle_fault(uthread)
            return
        self.kind = kind_of(ctx.error_code)
        self.problem = problem_of(ctx.error_code)
        self.address = ctx.fault_address
        self.thread = uthread.id
        self.caught.add(1)
        # It begins anew, with something better to do.
        uthread.fn = end_well
        user_abi.start_context(uthread.ctx, uthread.stack_top, uthread.tp)
        uthread.saved = BY_ITSELF
        self.runnable(uthread)


catcher = Catcher()
threads = array(PAGES, Thread)
places = array(PAGES, u64)
turns = Atomic[u64](0)
stop = Atomic[u32](0)
wrong = Atomic[u32](0)
slept_ns: u64 = 0
turns_meanwhile: u64 = 0
seen: u64 = 0


@suites
class Faults(Suite):
    name: str = "faults"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        limit_vcores(1)
        use_library(catcher)
        run("faults.others_run", test_others_run)
        run("faults.many_pages", test_many_pages)
        run("faults.one_page", test_one_page)
        run("faults.divide", test_divide)
        run("faults.page_faults", test_page_faults)
        run("faults.kernel_memory", test_kernel_memory)
        run("faults.read_only", test_read_only)
        run("faults.no_execute", test_no_execute)
        run("faults.kernel_instructions", test_kernel_instructions)


def end_well(arg: u64) -> None:
    exit_thread(4711)


def read_in_thread(path: str, block: u64) -> i32:
    """The child of a test that watches it die, under the usual scheduler: as paging.read_mapped, in a many-core process."""
    threads[0].start(read_slowly, map_of(path, block))
    threads[0].join()
    print(f"block {block} begins with {seen}")
    return 0


def take_turns(arg: u64) -> None:
    while stop.load() == 0:
        turns.add(1)
        yield_now()


def read_slowly(address: u64) -> None:
    """Touch a page that must come from the disk, and see what others did while it did."""
    global slept_ns, turns_meanwhile, seen
    before = turns.load()
    start = now_ns()
    seen = word(address).value
    slept_ns = now_ns() - start
    turns_meanwhile = turns.load() - before


def test_others_run() -> None:
    """On the only core of the process: one thread waits for a page, and the other runs."""
    write_block(50, 1234)
    order_disk(SLOW)
    place = map_block(50, Prot.READ, MapFlags.SHARED)
    reads = disk_count("reads:")
    stop.store(u32(0))
    threads[0].start(take_turns, 0)
    threads[1].start(read_slowly, place)
    threads[1].join()
    stop.store(u32(1))
    threads[0].join()
    order_disk(FAST)
    unmap(place, 1)
    check(proc_info().is_mcp != 0 and proc_info().num_vcores == 1, "there was more than one core")
    equal(seen, 1234, "what the page holds")
    equal(disk_count("reads:") - reads, 1, "reads of the disk")
    check(slept_ns >= LATENCY_USEC * 1000, f"the disk answered within {slept_ns} ns")
    check(turns_meanwhile > 100, f"the other thread had {turns_meanwhile} turns while one waited")


def read_one(number: u64) -> None:
    if word(places[number]).value != number + 1000:
        wrong.add(1)


def test_many_pages() -> None:
    """Each of several threads waits for a page of its own."""
    for i in range(PAGES):
        write_block(60 + i, i + 1000)
        places[i] = map_block(60 + i, Prot.READ, MapFlags.SHARED)
    order_disk(SLOW)
    wrong.store(u32(0))
    for i in range(PAGES):
        threads[i].start(read_one, i)
    for i in range(PAGES):
        threads[i].join()
    order_disk(FAST)
    for i in range(PAGES):
        unmap(places[i], 1)
    equal(u64(wrong.load()), 0, "threads that read something else")


def read_same(address: u64) -> None:
    if word(address).value != 77:
        wrong.add(1)


def test_one_page() -> None:
    """Several threads want one page: it is read once."""
    write_block(70, 77)
    place = map_block(70, Prot.READ, MapFlags.SHARED)
    order_disk(SLOW)
    wrong.store(u32(0))
    reads = disk_count("reads:")
    for i in range(PAGES):
        threads[i].start(read_same, place)
    for i in range(PAGES):
        threads[i].join()
    order_disk(FAST)
    equal(u64(wrong.load()), 0, "threads that read something else")
    equal(disk_count("reads:") - reads, 1, "reads of the disk")
    unmap(place, 1)


# -- faults that are the thread's own -----------------------------------------------------------------------------
def divide(arg: u64) -> None:
    trap_divide()


def read_there(address: u64) -> None:
    volatile_load(Ptr[u64](address))


def write_there(address: u64) -> None:
    volatile_store(Ptr[u64](address), 1)


def caught_of(fn: Callable[[u64], Raises[None]], arg: u64, problem: Errno, what: str) -> None:
    """A thread does it: its fault came to the scheduler, with that problem, and it alone ends."""
    before = catcher.caught.load()
    threads[0].start(fn, arg)
    id = threads[0].id
    equal(threads[0].join(), 4711, what)
    equal(u64(catcher.caught.load() - before), 1, "faults that were reflected")
    equal(u64(catcher.thread), u64(id), "the thread")
    equal(u64(catcher.problem), u64(problem), "why")
    if problem != Errno.OK:
        equal(catcher.address, arg, "the address")


def caught_kernel_instruction(fn: Callable[[u64], Raises[None]], index: u64) -> None:
    """A thread executes the kernel's instruction of that number: it is refused as such, and the thread alone ends."""
    what = text(40)
    what.write(f"kernel instruction {index}")
    caught_of(fn, index, Errno.OK, what.view)
    refused = catcher.kind == TrapKind.PROTECTION or catcher.kind == TrapKind.ILLEGAL_INSTRUCTION
    check(refused, f"kernel instruction {index}: {catcher.kind}")


def test_divide() -> None:
    caught_of(divide, 0, Errno.OK, "a thread that divides by zero")


def test_page_faults() -> None:
    caught_of(read_there, 0, Errno.EFAULT, "a thread that reads at 0")
    caught_of(read_there, 0xFFFF_8000_0000_1000, Errno.EFAULT, "a thread that reads the kernel")
    base = u64(sys_mmap(Uaddr(0), PAGE, Prot.READ, ANONYMOUS, -1, 0))
    caught_of(write_there, base, Errno.EPERM, "a thread that writes what it may only read")
    sys_mprotect(Uaddr(base), PAGE, Prot.NONE)
    caught_of(read_there, base, Errno.EPERM, "a thread that reads what is closed")
    unmap(base, 1)
    fd = make_file(1)
    place = map_file(fd, 2, Prot.READ, MapFlags.PRIVATE)
    caught_of(read_there, place + PAGE, Errno.ESPIPE, "a thread that reads beyond the end of a file")
    unmap(place, 2)
    end_file(fd)
