# SPDX-License-Identifier: GPL-2.0-or-later
"""The heap's checks in checked builds: overruns, use after free, double free, free of what was never allocated.

Blocks are guarded as kern/abi/guard.py says. A freed block waits in its core's quarantine, so that it is not given out again at once;
when the quarantine is full, the oldest leaves. A freed page of memory is filled with FREE, and looked at when it is allocated again.
What is found panics: which block, who allocated it, who freed it. Release builds do not link this.
No locks: a quarantine is its core's own, used with interrupts off.
"""

from typing import NoReturn

from lang import Array, Paddr, PerCore, Span, Text, array, memset, panic, sizeof, struct, text, u8, u64, unproven
from arch import cpu, mmu
from kern.abi.guard import FREE, RED, Damage, Guard, examine, first_other, give_out, guard_of, take_back
from kern.debug.symbols import Location, find

QUARANTINE: u64 = 64                        # freed blocks that a core keeps back: at most 128 KiB
FREED_PAGE: u64 = 0xDDDD_DDDD_9A6E_F4EE     # owner of a free page that was filled when it was freed


@struct
class Quarantine:
    """A ring: `taken` of all that came went again."""

    blocks: Array[u64] = array(QUARANTINE)
    came: u64
    went: u64


@struct
class Report:
    line: Text = text(500)


quarantines = PerCore[Quarantine]()
reports = PerCore[Report]()                 # what is about to be said; not on the stack, which may be short


def exchange(block: u64) -> u64:
    """Into this core's quarantine; returns the block that leaves it, 0 while there is room."""
    saved = cpu.irqs_save()
    ring = quarantines.mine
    leaving: u64 = 0
    if ring.came - ring.went == QUARANTINE:
        leaving = oldest(ring)
    ring.blocks[ring.came % QUARANTINE] = block
    ring.came += 1
    cpu.irqs_restore(saved)
    return leaving


def release_one() -> u64:
    """The oldest block of this core's quarantine, out of turn; 0 if it is empty."""
    saved = cpu.irqs_save()
    ring = quarantines.mine
    leaving: u64 = 0
    if ring.came != ring.went:
        leaving = oldest(ring)
    cpu.irqs_restore(saved)
    return leaving


def oldest(ring: Quarantine) -> u64:
    block = ring.blocks[ring.went % QUARANTINE]
    ring.went += 1
    return block


def check_given(block: u64, room: u64, size: u64, by: u64, kept: bool) -> None:
    """A block of the heap goes out."""
    damage = give_out(block, room, size, by, kept)
    if damage != Damage.NONE:
        report(damage, block, room)


def check_freed(block: u64, room: u64, by: u64, kept: bool) -> None:
    """A block comes back to the heap."""
    damage = examine(block, room)
    if damage != Damage.NONE:
        report(damage, block, room)
    take_back(block, room, by, kept)


@unproven("says what is wrong, and panics")
def report(damage: Damage, block: u64, room: u64) -> NoReturn:
    guard = guard_of(block, room)
    line = reports.mine.line
    line.clear()
    match damage:
        case Damage.OVERRUN:
            describe_overrun(line, block, room, guard)
        case Damage.WRITTEN_AFTER_FREE:
            describe_written(line, block, room)
        case Damage.FREED_TWICE:
            line.write(f"freed twice: the block of {guard.size} bytes at {block:#x}")
        case _:
            line.write(f"free of {block:#x}, which was never allocated")
    describe_place(line, "allocated in", guard.allocated_by)
    if damage == Damage.WRITTEN_AFTER_FREE or damage == Damage.FREED_TWICE:
        describe_place(line, "freed in", guard.freed_by)
    panic(f"{line.view}")


def describe_overrun(line: Text, block: u64, room: u64, guard: Guard) -> None:
    """The first byte behind the block that is not as it should be. What the guard says may be broken as well."""
    size = u64(guard.size)
    end = room - sizeof(Guard)
    at = end
    if size <= end:
        at = size + first_other(block + size, end - size, RED)
    if at == end:
        line.write(f"overrun: the guard behind the block at {block:#x} is broken")
    else:
        line.write(f"overrun: byte {at} of the block of {size} bytes at {block:#x} was written: {Span[u8](block, room)[at]:#04x}")


def describe_written(line: Text, block: u64, room: u64) -> None:
    end = room - sizeof(Guard)
    at = first_other(block, end, FREE)
    if at == end:
        line.write(f"write after free: the guard behind the block at {block:#x} is broken")
    else:
        size = guard_of(block, room).size
        line.write(f"write after free: byte {at} of the block of {size} bytes at {block:#x} was written: {Span[u8](block, room)[at]:#04x}")


def describe_place(line: Text, what: str, address: u64) -> None:
    """`; allocated in make_job at kern/ktest/check_tests.py:31`."""
    where = Location(function="", file="")
    if address == 0 or not find(address - 1, where):
        return                              # not known, or overwritten
    if where.file:
        line.write(f"; {what} {where.function} at {where.file}:{where.line}")
    else:
        line.write(f"; {what} {where.function}+{where.offset:#x}")


# -- pages --------------------------------------------------------------------------------------------------------
def fill_freed(paddr: Paddr, size: u64) -> None:
    """The pages are about to be freed."""
    memset(Span[u8](u64(mmu.phys_to_virt(paddr)), size), FREE)


def check_page(paddr: Paddr, size: u64) -> None:
    """A page that was filled when it was freed is being allocated again."""
    start = u64(mmu.phys_to_virt(paddr))
    at = first_other(start, size, FREE)
    if at < size:
        panic(f"write after free: byte {at} of the free page {u64(paddr):#x} was written: {Span[u8](start, size)[at]:#04x}")
