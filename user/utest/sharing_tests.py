# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of what processes share until one of them writes: memory after a fork, and programs. Run as an SCP; children turn into MCPs."""

from lang import Atomic, Errno, Error, Span, Uaddr, array, at, atomic, i32, u8, u64
from kern.abi.file import Stat
from kern.abi.mman import MapFlags, Prot
from lib.files import read_file
from lib.strings import discard, next_field
from pthread import Thread, yield_now
from rt import io
from rt.exit import exit_now
from rt.process import create_child, fork, kill, wait
from rt.time import now_ns, sleep_usec
from syscalls import sys_fstat, sys_mmap, sys_mprotect, sys_populate_va
from utest.harness import Suite, check, equal, run, suites
from utest.paging import ANONYMOUS, PAGE, USUAL, end_file, faults_so_far, make_file, map_file, touch, unmap, word

MIB: u64 = 1 << 20
PAGES_OF_MIB: u64 = 256
KIB_OF_PAGE: u64 = 4
DEADLINE_NS: u64 = 20_000_000_000
PAGES_OF_RACE: u64 = 64
WRITTEN: u64 = 1000

word_of_pipe = array(8, u8)
shared_place: u64 = 0
ready = Atomic[u64](0)                      # pages that the reader waits for, or has seen
missed = Atomic[u64](0)


def map_memory(pages: u64) -> u64:
    return u64(sys_mmap(Uaddr(0), pages * PAGE, USUAL, ANONYMOUS, -1, 0))


def filled(pages: u64, first: u64) -> u64:
    """New memory whose pages begin with `first`, `first` + 1, …"""
    place = map_memory(pages)
    for i in range(pages):
        word(place + i * PAGE).value = first + i
    return place


def holds(place: u64, pages: u64, first: u64) -> bool:
    for i in range(pages):
        if word(place + i * PAGE).value != first + i:
            return False
    return True


def free_kib() -> u64:
    content = read_file("/proc/meminfo")
    field, _ = next_field(content, u64(content.find("MemFree:")) + len("MemFree:"))
    found = u64(field)
    discard(content)
    return found


def tell(fd: i32) -> None:
    io.write_all(fd, "!")


def await_told(fd: i32) -> None:
    equal(io.read_full(fd, word_of_pipe[:1]), 1, "what the other process said")


def expect_status(pid: i32, wanted: u64, what: str) -> None:
    equal(u64(wait(pid)), wanted, what)


def test_each_its_own() -> None:
    """Either sees what it writes itself, and nothing of the other: in anonymous memory and private pages of a file. Shared ones stay so."""
    fd = make_file(4)
    own = map_file(fd, 4, USUAL, MapFlags.PRIVATE)
    common = map_file(fd, 4, USUAL, MapFlags.SHARED)
    word(own).value = 50
    touch(own + PAGE)
    memory = filled(8, 100)
    there = io.pipe()
    back = io.pipe()
    pid = fork()
    if pid == 0:
        await_told(there[0])                # the parent has written, to the even pages
        good = holds(memory, 8, 100) and word(own).value == 50 and word(own + PAGE).value == 2 and word(common).value == 77
        for i in range(u64(8)):
            word(memory + i * PAGE).value = 300 + i
        word(own + PAGE).value = 301
        word(common + PAGE).value = 302
        tell(back[1])
        await_told(there[0])
        exit_now(3 if good and holds(memory, 8, 300) and word(own + PAGE).value == 301 else 4)
    for i in range(u64(0), u64(8), u64(2)):
        word(memory + i * PAGE).value = 200 + i
    word(own).value = 51
    word(common).value = 77
    tell(there[1])
    await_told(back[0])
    for i in range(u64(8)):
        equal(word(memory + i * PAGE).value, 200 + i if i % 2 == 0 else 100 + i, "a page of the parent")
    check(word(own).value == 51 and word(own + PAGE).value == 2, "the parent's pages of the file")
    equal(word(common + PAGE).value, 302, "a shared page that the child wrote")
    tell(there[1])
    expect_status(pid, 3, "what the child saw")
    for fds in (there, back):
        io.close(fds[0])
        io.close(fds[1])
    unmap(memory, 8)
    unmap(own, 4)
    unmap(common, 4)
    end_file(fd)


def test_kernel_writes() -> None:
    """A system call that fills a buffer writes to the caller's memory alone."""
    memory = filled(2, 1)
    ends = io.pipe()
    io.write_all(ends[1], "01234567")
    pid = fork()
    if pid == 0:
        own = Span[u8](memory, 8)
        exit_now(5 if io.read_full(ends[0], own) == 8 and own == "01234567" else 6)
    expect_status(pid, 5, "what the child read")
    check(holds(memory, 2, 1), "the parent's memory")
    io.close(ends[0])
    io.close(ends[1])
    unmap(memory, 2)


def test_generations() -> None:
    """A child's child, and its child: each ends before the one that it came from, or after, and none sees what another wrote."""
    memory = filled(4, 10)
    ends = io.pipe()
    for parent_first in (True, False):
        pid = fork()
        if pid == 0:
            word(memory).value = 20
            child = fork()
            if child == 0:
                word(memory + PAGE).value = 30
                last = fork()
                if last == 0:
                    sleep_usec(20_000 if parent_first else 0)
                    good = word(memory).value == 20 and word(memory + PAGE).value == 30 and word(memory + 2 * PAGE).value == 12
                    for i in range(u64(4)):
                        word(memory + i * PAGE).value = 40 + i
                    io.write_all(ends[1], "y" if good and holds(memory, 4, 40) else "n")
                    exit_now(0)
                if not parent_first:
                    wait(last)
                exit_now(0 if word(memory).value == 20 and word(memory + PAGE).value == 30 else 1)
            status = wait(child)
            exit_now(status if word(memory + PAGE).value == 11 else 1)
        expect_status(pid, 0, "what the generations saw")
        equal(io.read_full(ends[0], word_of_pipe[:1]), 1, "the last one's word")
        check(word_of_pipe[0] == ord("y"), "what the last one saw")
        check(holds(memory, 4, 10), "what the first one has")
    io.close(ends[0])
    io.close(ends[1])
    unmap(memory, 4)


def test_rights() -> None:
    """Rights that are taken and given back while a page is shared make nobody write to the other's."""
    memory = filled(4, 1)
    sys_mprotect(Uaddr(memory + PAGE), PAGE, Prot.READ)
    pid = fork()
    if pid == 0:
        sys_mprotect(Uaddr(memory), 4 * PAGE, Prot.NONE)
        sys_mprotect(Uaddr(memory), 4 * PAGE, USUAL)
        good = holds(memory, 4, 1)
        for i in range(u64(4)):
            word(memory + i * PAGE).value = 60 + i
        exit_now(0 if good and holds(memory, 4, 60) else 1)
    sys_mprotect(Uaddr(memory), 2 * PAGE, USUAL)
    word(memory + PAGE).value = 2
    expect_status(pid, 0, "what the child saw")
    check(holds(memory, 4, 1), "the parent's memory")
    unmap(memory, 4)


def test_last_owner() -> None:
    """Who is left alone with its pages writes to them where they are: a fault each, and no memory."""
    memory = filled(512, 1)
    pid = fork()
    if pid == 0:
        exit_now(0)
    expect_status(pid, 0, "status")
    free_kib()
    before = free_kib()
    faults = faults_so_far()
    for i in range(u64(512)):
        word(memory + i * PAGE).value = 2
    used = before - min(free_kib(), before)
    check(used < 512 * KIB_OF_PAGE // 4, f"writing to 512 pages that nobody else has took {used} KiB")
    check(faults_so_far() - faults >= 512, "the pages were not shared before")
    unmap(memory, 512)


def test_memory_of_a_fork() -> None:
    """A copy of a process with 32 MiB takes no 32 MiB, until it writes; then each page that it writes to."""
    memory = filled(32 * PAGES_OF_MIB, 1)
    there = io.pipe()
    back = io.pipe()
    free_kib()
    before = free_kib()
    pid = fork()
    if pid == 0:
        await_told(there[0])
        for i in range(8 * PAGES_OF_MIB):
            word(memory + i * PAGE).value = 7
        tell(back[1])
        await_told(there[0])
        exit_now(0)
    used = before - free_kib()
    check(used < 1024, f"the copy took {used} KiB")
    tell(there[1])
    await_told(back[0])
    used = before - free_kib()
    check(used >= 8 * 1024 and used < 9 * 1024 + 512, f"the copy that has written to 8 MiB took {used} KiB")
    tell(there[1])
    expect_status(pid, 0, "status")
    for fds in (there, back):
        io.close(fds[0])
        io.close(fds[1])
    unmap(memory, 32 * PAGES_OF_MIB)


def fork_once() -> None:
    pid = fork()
    if pid == 0:
        exit_now(0)
    wait(pid)


def time_of_forks() -> u64:
    """The shortest of a few."""
    best = DEADLINE_NS
    for _ in range(u64(8)):
        start = now_ns()
        fork_once()
        best = min(best, now_ns() - start)
    return best


def test_cost_of_a_fork() -> None:
    """What a page more adds to a fork and the copy's end is less than touching it for the first time took, not to speak of copying it."""
    small = time_of_forks()
    pages = 32 * PAGES_OF_MIB
    memory = map_memory(pages)
    start = now_ns()
    for i in range(pages):
        word(memory + i * PAGE).value = i
    touching = now_ns() - start
    more = time_of_forks() - small
    check(more < touching, f"fork and exit took {more} ns more for {pages} pages, touching them {touching} ns")
    unmap(memory, pages)


def test_no_leak() -> None:
    """A hundred forks, whose copies write, leave no memory behind. Others may take some meanwhile, but not each time."""
    memory = filled(PAGES_OF_MIB, 1)
    lost_by_forks(memory, 10)
    left: u64 = 0
    for _ in range(3):
        left = lost_by_forks(memory, 100)
        if left < 512:
            break
    check(left < 512, f"100 forks have left {left} KiB less")
    unmap(memory, PAGES_OF_MIB)


def lost_by_forks(memory: u64, count: u64) -> u64:
    """How many KiB there are less after so many copies of the process have written to every other page, and ended."""
    free_kib()
    before = free_kib()
    for round in range(count):
        pid = fork()
        if pid == 0:
            for i in range(u64(0), PAGES_OF_MIB, u64(2)):
                word(memory + i * PAGE).value = 9
            exit_now(0)
        word(memory + (round % PAGES_OF_MIB) * PAGE).value = 5
        wait(pid)
    return before - min(free_kib(), before)


def test_many_cores() -> None:
    """A copy that becomes a many-core process: when one core has got a page of its own to write to, no other reads the old one any more."""
    global shared_place
    shared_place = filled(PAGES_OF_RACE, 1)
    pid = fork()
    if pid == 0:
        reader = Thread()
        writer = Thread()
        reader.start(read_along, 0)
        writer.start(write_along, 0)
        reader.join()
        writer.join()
        exit_now(i32(missed.load()))
    expect_status(pid, 0, "pages that a core went on reading as they were")
    check(holds(shared_place, PAGES_OF_RACE, 1), "the parent's memory")
    unmap(shared_place, PAGES_OF_RACE)


def read_along(unused: u64) -> None:
    for i in range(PAGES_OF_RACE):
        until = now_ns() + DEADLINE_NS
        place = atomic(word(shared_place + i * PAGE).value)
        place.load()
        ready.store(i + 1)
        while place.load() != WRITTEN:
            if now_ns() > until:
                missed.add(1)
                break
            yield_now()


def write_along(unused: u64) -> None:
    for i in range(PAGES_OF_RACE):
        while ready.load() <= i:
            yield_now()
        atomic(word(shared_place + i * PAGE).value).store(WRITTEN)


def test_programs() -> None:
    """A process takes no memory of its own for what it only reads of its program, which is this one, of more than half a mebibyte."""
    discard_child("/bin/utest")
    used = kib_per_process()
    tries = 1
    while used >= 400 and tries < 10:       # others take and give back memory too
        used = kib_per_process()
        tries += 1
    check(used < 400, f"a process takes {used} KiB")


def kib_per_process() -> u64:
    children = array(8, i32)
    free_kib()
    before = free_kib()
    for i in range(u64(8)):
        children[i] = created("/bin/utest")
    after = free_kib()
    for pid in children:
        kill(pid)
        wait(pid)
    return (before - min(after, before)) // 8


def created(path: str) -> i32:
    argv = array(1, str)
    argv[0] = path
    return create_child(path, argv)


def discard_child(path: str) -> None:
    pid = created(path)
    kill(pid)
    wait(pid)


def test_registers() -> None:
    """Floating-point registers are the same after the faults that clear a page and that copy one."""
    memory = map_memory(256)
    fresh = sum_of_writes(memory, 256)
    equal(fresh, sum_of_writes(memory, 256), "what was computed over faults on new pages")
    pid = fork()
    if pid == 0:
        exit_now(0 if sum_of_writes(memory, 256) == fresh else 1)
    shared = sum_of_writes(memory, 256)
    expect_status(pid, 0, "what the child computed over faults on shared pages")
    equal(shared, fresh, "what the parent did")
    unmap(memory, 256)


def sum_of_writes(place: u64, pages: u64) -> u64:
    """Sums that live in registers, between writes to each page."""
    a, b, c, d = 1.0, 2.0, 3.0, 4.0
    for i in range(pages):
        word(place + i * PAGE).value = i
        a += 0.5
        b += a * 0.25
        c += b - a
        d += c * 0.125
    return u64(a + b + c + d)


def test_out_of_memory() -> None:
    """A write that needs a copy for which there is no memory ends its process, and nobody else."""
    pages = 16 * PAGES_OF_MIB
    memory = filled(pages, 1)
    pid = fork()
    if pid == 0:
        io.close(2)                         # it says why it dies
        fill_machine()
        for i in range(pages):
            word(memory + i * PAGE).value = 3
        exit_now(0)
    expect_status(pid, 57, "the low byte of KILLED_EXIT_CODE")
    check(holds(memory, pages, 1), "the parent's memory")
    unmap(memory, pages)


def test_out_of_memory_in_calls() -> None:
    """A call that is to write where a copy is needed, for which there is no memory, says so, whichever way it writes; a bad address is
    something else."""
    memory = filled(PAGES_OF_MIB, 1)
    zero = io.open("/dev/zero")
    reader, writer = io.pipe()
    io.write_all(writer, "for the reader")
    pid = fork()
    if pid == 0:
        exit_now(0 if are_refused(0, Errno.EFAULT, zero, reader) and fill_and_try(memory, zero, reader) else 1)
    expect_status(pid, 0, "the status of who makes the calls")
    check(holds(memory, PAGES_OF_MIB, 1), "the parent's memory")
    equal(io.read(reader, word_of_pipe), 8, "what is still in the pipe")
    for fd in (zero, reader, writer):
        io.close(fd)
    unmap(memory, PAGES_OF_MIB)


def fill_and_try(memory: u64, zero: i32, reader: i32) -> bool:
    fill_machine()
    return are_refused(memory, Errno.ENOMEM, zero, reader)


def are_refused(place: u64, wanted: Errno, zero: i32, reader: i32) -> bool:
    """Whether calls that write to one page each say just that."""
    told = array(3, Errno)
    try:
        io.read(zero, Span[u8](place, 8))
    except Error as e:
        told[0] = e.errno
    try:
        io.read(reader, Span[u8](place + PAGE, 8))
    except Error as e:
        told[1] = e.errno
    try:
        sys_fstat(zero, at(Stat, place + 2 * PAGE))
    except Error as e:
        told[2] = e.errno
    return all(one == wanted for one in told)


def fill_machine() -> None:
    """Take what memory there is, by the mebibyte, and then by the page."""
    for size in (PAGES_OF_MIB, u64(1)):
        while True:
            place = map_memory(size)
            if populated(place, size) < size:
                break


def populated(place: u64, pages: u64) -> u64:
    try:
        return sys_populate_va(Uaddr(place), pages)
    except Error:
        return 0


@suites
class Sharing(Suite):
    name: str = "sharing"

    def run(self) -> None:
        run("sharing.each_its_own", test_each_its_own)
        run("sharing.kernel_writes", test_kernel_writes)
        run("sharing.generations", test_generations)
        run("sharing.rights", test_rights)
        run("sharing.last_owner", test_last_owner)
        run("sharing.memory", test_memory_of_a_fork)
        run("sharing.cost", test_cost_of_a_fork)
        run("sharing.no_leak", test_no_leak)
        run("sharing.many_cores", test_many_cores)
        run("sharing.programs", test_programs)
        run("sharing.registers", test_registers)
        run("sharing.out_of_memory", test_out_of_memory)
        run("sharing.out_of_memory_in_calls", test_out_of_memory_in_calls)
