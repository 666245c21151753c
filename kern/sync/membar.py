# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory barriers by the pair of accesses that they keep in order, for code that is written in their terms.

Two accesses of this core, one before the barrier and one after, are seen in that order by every other core that itself keeps its own two in
order: a barrier always needs a partner, and the comment at one names the other. A read-modify-write is a read and a write, and keeps
nothing else in order. What has one atomic word to hang on reads better with an `order=` on that word.

            orders              strong order    weak order
    cmb     nothing (compiler)  -               -
    rmb     reads               -               reads before all
    wmb     writes              -               all before writes
    rwmb    reads, then writes  -               reads before all
    wrmb    writes, then reads  full fence      full fence
    mb      all                 full fence      full fence
Under the strong order (total store order; Intel SDM vol. 3, 9.2) only a write is ever reordered, with a later read of ordinary memory;
under the weak one (RVWMO, the unprivileged specification's chapter 17) everything. Tests look at the instructions of each. The `_f`
forms also order accesses of devices and of write-combined memory, and string instructions.
"""

from lang import ACQUIRE, RELEASE, SEQ_CST, artificial, compiler_fence, fence
from arch import cpu


@artificial
def cmb() -> None:
    """The compiler moves no access across it. For what an interrupt handler of this core sees."""
    compiler_fence()


@artificial
def rmb() -> None:
    """Reads before it come before reads after it."""
    fence(ACQUIRE)


@artificial
def wmb() -> None:
    """Writes before it come before writes after it."""
    fence(RELEASE)


@artificial
def rwmb() -> None:
    """Reads before it come before writes after it."""
    fence(ACQUIRE)


@artificial
def wrmb() -> None:
    """Writes before it come before reads after it: between "I have posted" and "has somebody gone?", on both sides."""
    fence(SEQ_CST)


@artificial
def mb() -> None:
    """Everything before it comes before everything after it."""
    fence(SEQ_CST)


@artificial
def rmb_f() -> None:
    compiler_fence()
    cpu.read_fence()
    compiler_fence()


@artificial
def wmb_f() -> None:
    compiler_fence()
    cpu.write_fence()
    compiler_fence()


@artificial
def rwmb_f() -> None:
    mb_f()


@artificial
def wrmb_f() -> None:
    mb_f()


@artificial
def mb_f() -> None:
    compiler_fence()
    cpu.device_fence()
    compiler_fence()
