# SPDX-License-Identifier: LGPL-2.1-or-later
"""filetest [NAME]: what system calls about files, directories, links, children and memory promise, right and wrong use alike.

Prints PASSED or FAILED for each, and ends with status 0 if none failed. Leaves /tmp as it was.
"""

from typing import Callable

from lang import Errno, Error, Span, Uaddr, addr_of, i32, u32, u64, u8
from kern.abi.mman import MapFlags, Prot
from kern.abi.syscall import Syscall
from parlib.machine import syscall_interrupt, syscall_trap
from parlib.vcore import pcore_of
from rt.args import args
from rt.io import close, open, read
from rt.process import getpid
from rt.syscall import raw_submit, result_of, wait_for
from rt.time import now_ns, sleep_usec
from syscalls import sys_getpcoreid, sys_getvcoreid, sys_mmap, sys_mprotect, sys_munmap, sys_populate_va, sys_remove
from utest import harness
from utest.harness import check, equal, run
from utest.filetest_children import run_children
from utest.filetest_files import FILE, PAGE, holds, make, run_files
from utest.filetest_links import run_links


BLOCK: u32 = 2                              # the numbers of sys_block, and of none
NOTHING: u32 = 199


def main() -> i32:
    if len(args()) > 1:
        harness.choose_by_arguments()
    run_files()
    run_links()
    run_children()
    run("memory.map", test_map)
    run("memory.map_file", test_map_file)
    run("memory.populate", test_populate)
    run("calls.ids", test_ids)
    run("calls.unknown_number", test_unknown_number)
    run("calls.entries", test_entries)
    run("calls.block", test_block)
    print(f"{harness.passed_tests} passed, {harness.failed_tests} failed")
    return 0 if harness.failed_tests == 0 else 1


# -- memory -----------------------------------------------------------------------------------------------------------
def test_map() -> None:
    place = sys_mmap(Uaddr(0), 3 * PAGE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    memory = Span[u8](u64(place), 3 * PAGE)
    check(memory[0] == 0 and memory[3 * PAGE - 1] == 0, "fresh memory is not zero")
    memory[0] = 1
    memory[PAGE] = 2
    memory[2 * PAGE] = 3
    sys_munmap(place + PAGE, PAGE)
    check(memory[0] == 1 and memory[2 * PAGE] == 3, "unmapping the middle took more")
    fails_to_write_at(u64(place) + PAGE, "what is unmapped")
    sys_mprotect(place, PAGE, Prot.READ)
    check(memory[0] == 1, "protecting lost the content")
    fails_to_write_at(u64(place), "what may only be read")
    sys_munmap(place, 3 * PAGE)


def fails_to_write_at(address: u64, what: str) -> None:
    """The kernel, asked to write there for us, must refuse."""
    fd = open("/dev/zero")
    try:
        read(fd, Span[u8](address, 8))
        check(False, f"the kernel wrote to {what}")
    except Error as e:
        check(e.errno == Errno.EFAULT, f"writing to {what}: {e.errno.name}")
    finally:
        close(fd)


def test_map_file() -> None:
    make(FILE, "mapped content")
    fd = open(FILE)
    place = sys_mmap(Uaddr(0), PAGE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE, fd, 0)
    close(fd)
    memory = Span[u8](u64(place), PAGE)
    found: str = memory[0:14]
    check(found == "mapped content", f"mapped: {found!r}")
    check(memory[14] == 0, "behind the end of the file is not zero")
    memory[0] = ord("M")
    holds(FILE, "mapped content")
    sys_munmap(place, PAGE)
    sys_remove(FILE)


def test_populate() -> None:
    place = sys_mmap(Uaddr(0), 8 * PAGE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    equal(sys_populate_va(place, 8), 8, "pages brought in")
    sys_munmap(place, 8 * PAGE)


# -- odds and ends ----------------------------------------------------------------------------------------------------
def test_ids() -> None:
    vcore = sys_getvcoreid()
    equal(u64(vcore), 0, "the only vcore")
    check(getpid() > 0, "no process id")
    check(sys_getpcoreid() == pcore_of(vcore), "the core is another than the map says")


def test_unknown_number() -> None:
    call = Syscall(num=NOTHING)
    raw_submit(call)
    wait_for(call)
    equal(u64(call.err), u64(Errno.ENOSYS), "error")
    try:
        result_of(call)
        check(False, "a call that does not exist had a result")
    except Error as e:
        check(len(e.message) > 0, "no sentence says what was wrong")


def test_entries() -> None:
    """Both ways into the kernel give results and errors, and return before a call that waits is done."""
    try_entry(syscall_trap)
    try_entry(syscall_interrupt)


def try_entry(trap: Callable[[u64, u64], u64]) -> None:
    refused = Syscall(num=NOTHING)
    waiting = Syscall(num=BLOCK)
    waiting.args[0] = 20_000
    equal(trap(addr_of(refused), 1), 0, "what the trap gives")
    wait_for(refused)
    equal(u64(refused.err), u64(Errno.ENOSYS), "error")
    start = now_ns()
    equal(trap(addr_of(waiting), 1), 0, "what the trap gives")
    wait_for(waiting)
    equal(u64(waiting.err), 0, "error of a call that waited")
    check(now_ns() - start >= 20_000_000, "it did not wait")


def test_block() -> None:
    start = now_ns()
    sleep_usec(20_000)
    check(now_ns() - start >= 20_000_000, "it slept too short")
