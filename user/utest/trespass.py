# SPDX-License-Identifier: LGPL-2.1-or-later
"""What user code must not reach, tried by threads of suite `faults`: the kernel's memory, read-only pages, data as code, the kernel's
instructions and interrupts. Each try must be a fault of exactly that kind, at exactly that address, after which the process goes on.
"""

from lang import Ptr, Uaddr, addr_of, array, extern, new, return_address, u8, u64, volatile_load, volatile_store
from kern.abi.errno import Errno
from kern.abi.mman import Prot
from kern.abi.proc import PROCDATA_ADDR, PROCINFO_ADDR, USER_TOP
from lib.files import read_file
from lib.strings import discard
from parlib.vcore import proc_info
from syscalls import sys_mmap
from utest.fault_tests import caught_kernel_instruction, caught_of
from utest.harness import check, equal
from utest.paging import ANONYMOUS, PAGE, unmap, word

DIRECT_MAP: u64 = 0xFFFF_8000_0000_1000
IMAGE: u64 = 0xFFFF_FFFF_8010_0000
TOP: u64 = 0xFFFF_FFFF_FFFF_F000
TABLE: tuple[u64, ...] = (1, 2, 3, 4)

data = array(64, u8)


@extern
def trap_jump(address: u64) -> None:
    """Execute whatever lies there."""
    ...


@extern
def trap_kernel_instruction(index: u64) -> None:
    """Execute an instruction that only the kernel may, or raise an interrupt of its."""
    ...


@extern
def trap_kernel_instructions() -> u64:
    """How many there are."""
    ...


def read_there(address: u64) -> None:
    volatile_load(Ptr[u64](address))


def write_there(address: u64) -> None:
    volatile_store(Ptr[u64](address), 1)


def execute_there(address: u64) -> None:
    trap_jump(address)


def thread_of_kernel() -> u64:
    """Where a record of the kernel lies just now, as it tells itself."""
    shown = read_file("#sched/coreinfo")
    at = shown.find("kthread 0x")
    check(at >= 0, "no thread of the kernel is told")
    address: u64 = 0
    for digit in shown[u64(at) + 10 : u64(at) + 26]:
        address = address * 16 + u64(digit - ord("0") if digit <= ord("9") else digit - ord("a") + 10)
    discard(shown)
    return address & ~u64(7)


def test_kernel_memory() -> None:
    for address in (thread_of_kernel(), DIRECT_MAP, IMAGE, TOP, USER_TOP):
        caught_of(read_there, address, Errno.EFAULT, "a thread that reads the kernel")
        caught_of(write_there, address, Errno.EFAULT, "a thread that writes to the kernel")
        caught_of(execute_there, address, Errno.EFAULT, "a thread that executes the kernel")


def test_read_only() -> None:
    """What the program has been given to read only, and what the kernel tells it, which is no mapping of the process' own."""
    pid = proc_info().pid
    caught_of(write_there, return_address() & ~u64(7), Errno.EPERM, "a thread that writes its code")
    caught_of(write_there, addr_of(TABLE), Errno.EPERM, "a thread that writes a constant")
    caught_of(write_there, PROCINFO_ADDR, Errno.EFAULT, "a thread that writes what the kernel tells")
    equal(u64(proc_info().pid), u64(pid), "its pid")


def test_no_execute() -> None:
    here = array(16, u8)
    block = new(array(16, u8))
    caught_of(execute_there, addr_of(data), Errno.EPERM, "a thread that executes data")
    caught_of(execute_there, addr_of(here), Errno.EPERM, "a thread that executes a stack")
    caught_of(execute_there, addr_of(block[0]), Errno.EPERM, "a thread that executes the heap")
    caught_of(execute_there, PROCDATA_ADDR, Errno.EFAULT, "a thread that executes what it tells the kernel")
    caught_of(execute_there, PROCINFO_ADDR, Errno.EFAULT, "a thread that executes what the kernel tells")
    base = u64(sys_mmap(Uaddr(0), PAGE, Prot.READ | Prot.WRITE, ANONYMOUS, -1, 0))
    word(base).value = 0
    caught_of(execute_there, base, Errno.EPERM, "a thread that executes a page that it may write")
    unmap(base, 1)


def test_kernel_instructions() -> None:
    for index in range(trap_kernel_instructions()):
        caught_kernel_instruction(trap_kernel_instruction, index)
