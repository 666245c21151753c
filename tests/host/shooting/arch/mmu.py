# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: an address space of one page, and cores that remember its translation, also while they are elsewhere, as arch/riscv/mmu.py lets
them. What the hardware would do by itself is done when it is asked for."""

from lang import ACQUIRE, RELAXED, SEQ_CST, Atomic, PerCore, fence, struct, u64

UNMAPPED: u64 = 0


@struct
class AddressSpace:
    entry: Atomic[u64]  # its page table
    stamp: Atomic[u64]


@struct
class Tlb:
    is_known: bool
    translation: u64
    stamp: u64


last_stamp = Atomic[u64](0)
tlbs = PerCore[Tlb]()


def translate(space: AddressSpace) -> u64:
    """What an access of this core to the page comes to."""
    mine = tlbs.mine
    if not mine.is_known:
        mine.translation = space.entry.load(order=RELAXED)
        mine.is_known = True
    return mine.translation


def load(space: AddressSpace) -> None:
    fence(SEQ_CST)
    stamp = space.stamp.load(order=RELAXED)
    if tlbs.mine.stamp != stamp:
        flush_local_all()
        tlbs.mine.stamp = stamp


def load_kernel() -> None:
    pass


def outdate(space: AddressSpace) -> None:
    space.stamp.store(last_stamp.add(1) + 1)


def flush_local_all() -> None:
    """Orders "previous stores already visible to the current hart" before what its walks of the tables read from here on (RISC-V
    Privileged Architecture, SFENCE.VMA)."""
    fence(ACQUIRE)
    tlbs.mine.is_known = False
