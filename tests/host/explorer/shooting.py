# SPDX-License-Identifier: GPL-2.0-or-later
"""TLB shootdown (kern/mm/shootdown.py) against cores that enter and leave the address space (kern/core/current.py): a page that is freed
once everybody was told is used by nobody.

A core serves what it was asked for between two instructions of its program, as an interrupt lets it.
"""

from lang import RELAXED, Atomic, pause, struct, u32, u64
from arch import mmu
from arch.mmu import UNMAPPED
from kern.core.current import enter_address_space, leave_address_space
from kern.mm.shootdown import flush_space, serve_flush
from kern.proc.proc import Proc

STAND_INS = ("tests/host/shooting", "tests/host/machine")
REAL = ("kern.mm.shootdown", "kern.core.current")
PAGE: u64 = 7


@struct
class Page:
    """The page of a process, which is unmapped and freed while others use it."""

    p: Proc
    freed: Atomic[u32]
    done: Atomic[u32]  # cores that flush no more

    def begin(self) -> None:
        self.p.pid = 1
        self.p.space.entry.store(PAGE)
        self.p.space.stamp.store(1)
        mmu.last_stamp.store(1)
        for target in range(u32(3)):  # all have been in there, and remember
            tlb = mmu.tlbs[target]
            tlb.stamp = 1
            tlb.translation = PAGE
            tlb.is_known = True

    def unmap(self) -> None:
        self.p.space.entry.store(UNMAPPED, order=RELAXED)
        flush_space(self.p)
        self.freed.store(1)
        self.done.add(1)

    def use(self) -> None:
        """One instruction of a program that runs in the process."""
        assert mmu.translate(self.p.space) == UNMAPPED or self.freed.load() == 0, "a page that was freed is used"

    def visit(self) -> None:
        enter_address_space(self.p)
        serve_flush()
        self.use()
        serve_flush()
        self.use()
        leave_address_space()

    def idle(self, others: u32) -> None:
        """Until nobody waits for this core."""
        while self.done.load() < others:
            serve_flush()
            pause()


@struct
class Visited:
    """A core enters the address space, uses the page, leaves, and comes back, while another one, which is not in there, unmaps the page."""

    page: Page
    ALLOWS_RACES = True  # who is in there is looked at without a lock
    PREEMPTIONS = 3
    STALE_READS = 2

    def setup(self) -> None:
        self.page.begin()
        self.page.done.store(1)  # core 2 does nothing

    def thread_zero(self) -> None:
        self.page.unmap()

    def thread_one(self) -> None:
        self.page.visit()
        self.page.visit()
        self.page.idle(2)


@struct
class Left:
    """A core that was in there leaves, and comes back: it has been told before, or looks by itself when it does."""

    page: Page
    ALLOWS_RACES = True
    PREEMPTIONS = 3
    STALE_READS = 2

    def setup(self) -> None:
        self.page.begin()

    def thread_zero(self) -> None:
        self.page.unmap()

    def thread_one(self) -> None:
        enter_address_space(self.page.p)
        self.page.use()
        leave_address_space()
        self.page.visit()
        self.page.idle(1)


@struct
class Both:
    """Two that are in there unmap at once, and each waits for the other; a third uses the page."""

    page: Page
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 1

    def setup(self) -> None:
        self.page.begin()

    def shoot(self) -> None:
        enter_address_space(self.page.p)
        self.page.unmap()
        self.page.use()
        self.page.idle(2)
        leave_address_space()

    def thread_zero(self) -> None:
        self.shoot()

    def thread_one(self) -> None:
        self.shoot()

    def thread_two(self) -> None:
        self.page.visit()
        self.page.idle(2)
