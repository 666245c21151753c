# SPDX-License-Identifier: GPL-2.0-or-later
"""What the processor keeps the kernel itself from: user memory outside of the user copies, writing what is read-only, executing data.

Each is tried for real, and the page fault is a panic on purpose: in checked builds only, as for kern/ktest/check_tests.py. A page of user
memory is mapped with all rights meanwhile, so that nothing but the processor's guard is in the way.
"""

from typing import Callable

from lang import CHECKED, Ptr, Raises, Uaddr, addr_of, array, at, return_address
from lang import sizeof, struct, text, u8, u64, volatile_load, volatile_store
from arch import cpu, mmu, usercopy
from kern.arch_api import PageFlag
from kern.debug.tripwire import said_by_panic
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm.pages import PAGE_SIZE, alloc_pages, free_pages
from kern.sync.kthread import current_kthread

USER_PAGE: u64 = 0x0030_0000_0000
VALUE: u64 = 0x5EC2_E700
TABLE: tuple[u64, ...] = (1, 2, 3, 4)

data = array(64, u8)


@struct
class Word:
    value: u64


def read_there(address: u64) -> None:
    volatile_load(Ptr[u64](address))


def write_there(address: u64) -> None:
    volatile_store(Ptr[u64](address), 1)


def execute_there(address: u64) -> None:
    cpu.jump(address)


def faults(fn: Callable[[u64], Raises[None]], address: u64, what: str) -> None:
    """That it is a page fault of that very address."""
    if not CHECKED:
        return
    place = text(40)
    place.write(f"address {address:#018x}")
    said = said_by_panic(fn, address)
    check(said.startswith("page fault in the kernel") and said.endswith(place.view), f"{what}: {said}")


@kernel_tests
class UserMemory(KernelTest):
    """The kernel can copy from a user page, and can neither read, write nor execute it otherwise."""

    name: str = "protect.user_memory"

    def run(self) -> None:
        if not cpu.guards_user_memory():
            return
        page = alloc_pages(0)
        at(Word, mmu.phys_to_virt(page)).value = VALUE
        space = mmu.AddressSpace()
        mmu.new_space(space)
        mmu.map_page(space, Uaddr(USER_PAGE), page, PageFlag.READ | PageFlag.WRITE | PageFlag.EXEC | PageFlag.USER)
        saved = cpu.irqs_save()
        mmu.load(space)
        try:
            into = Word()
            equal(usercopy.copy_user(addr_of(into), USER_PAGE, sizeof(Word)), 0, "bytes that could not be copied")
            equal(into.value, VALUE, "what was copied")
            faults(read_there, USER_PAGE, "reading")
            faults(write_there, USER_PAGE, "writing")
            faults(execute_there, USER_PAGE, "executing")
        finally:
            mmu.load_kernel()
            cpu.irqs_restore(saved)
            equal(at(Word, mmu.phys_to_virt(page)).value, VALUE, "the page")
            mmu.unmap_page(space, Uaddr(USER_PAGE))
            mmu.destroy_space(space)
            free_pages(page, 0)


@kernel_tests
class KernelMemory(KernelTest):
    """No memory of the kernel can be both written and executed."""

    name: str = "protect.kernel_memory"

    def run(self) -> None:
        code = return_address() & ~u64(7)
        faults(write_there, code, "writing code")
        faults(write_there, addr_of(TABLE), "writing a constant")
        faults(execute_there, addr_of(data), "executing data")
        faults(execute_there, current_kthread().stack_top - PAGE_SIZE, "executing a stack")
        page = alloc_pages(0)
        try:
            faults(execute_there, u64(mmu.phys_to_virt(page)), "executing a page by the direct map")
        finally:
            free_pages(page, 0)
