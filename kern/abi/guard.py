# SPDX-License-Identifier: GPL-2.0-or-later
"""How heap blocks are guarded in checked builds, by the kernel's heap and by that of programs.

A slot is what an allocator cuts its memory into: the block that is given out, a red zone, and at the slot's end a `Guard`:

    | block, `size` bytes | red zone, 8 bytes and what rounding leaves | Guard |

While the block is out, the red zone holds RED; an overrun is seen when the block comes back, or when somebody looks. While it is free all
of it holds FREE, so that a write after free is seen when the slot is given out again, and a read is of nonsense: 0xdddd… is no address.
No locks: a slot belongs to its allocator or to the block's owner.
"""

from enum import IntEnum, auto

from lang import Ptr, Span, at, memset, sizeof, struct, u8, u32, u64

RED: u8 = 0xBD
FREE: u8 = 0xDD
GUARD_ROOM: u64 = 48                        # what a guard and the least red zone take beyond the block, which is padded to 8 bytes
SECRET: u64 = 0x6755_6152_6421_9E37         # no pattern, no address: what an intact guard's first word differs by from its slot's


class BlockState(IntEnum):
    FRESH = auto()                          # never given out
    OUT = auto()
    FREED = auto()
    LEAVING = auto()                        # freed, and kept back no longer


class Damage(IntEnum):
    NONE = auto()
    FREED_TWICE = auto()
    NEVER_ALLOCATED = auto()
    OVERRUN = auto()
    WRITTEN_AFTER_FREE = auto()


@struct
class Guard:
    """The addresses are of code: after the call that allocated the block, or freed it."""

    proof: u64                              # the slot's address ^ SECRET: an overrun breaks it before the rest
    size: u32                               # of the block
    state: u32                              # a BlockState, unless it is broken
    allocated_by: u64
    freed_by: u64
    link: u64                               # the allocator's own, while the slot is free


def guard_of(slot: u64, room: u64) -> Guard:
    """The guard of a slot of `room` bytes, a multiple of 8."""
    return at(Guard, slot + room - sizeof(Guard))


def prepare(slot: u64, room: u64, kept: bool) -> None:
    """Make a fresh slot of memory that may hold anything. `kept`: the block's bytes mean something while it is free."""
    guard = guard_of(slot, room)
    guard.proof = slot ^ SECRET
    guard.size = 0
    guard.state = u32(BlockState.FRESH)
    guard.allocated_by = 0
    guard.freed_by = 0
    if not kept:
        memset(Span[u8](slot, room - sizeof(Guard)), FREE)


def give_out(slot: u64, room: u64, size: u64, by: u64, kept: bool) -> Damage:
    """A free slot's block is about to be given out; says whether it was written to meanwhile."""
    guard = guard_of(slot, room)
    found = Damage.NONE
    if guard.proof != slot ^ SECRET or not kept and first_other(slot, room - sizeof(Guard), FREE) < room - sizeof(Guard):
        found = Damage.WRITTEN_AFTER_FREE
    elif guard.state == BlockState.OUT:
        found = Damage.FREED_TWICE
    guard.size = u32(size)
    guard.state = u32(BlockState.OUT)
    guard.allocated_by = by
    memset(Span[u8](slot + size, room - sizeof(Guard) - size), RED)
    return found


def examine(slot: u64, room: u64) -> Damage:
    """Whether the block that starts at `slot` is out, and whole."""
    guard = guard_of(slot, room)
    if guard.proof != slot ^ SECRET:
        return Damage.OVERRUN
    if guard.state == BlockState.FREED:
        return Damage.FREED_TWICE
    if guard.state != BlockState.OUT:
        return Damage.NEVER_ALLOCATED
    end = slot + room - sizeof(Guard)
    start = slot + u64(guard.size)
    return Damage.OVERRUN if first_other(start, end - start, RED) < end - start else Damage.NONE


def take_back(slot: u64, room: u64, by: u64, kept: bool) -> None:
    """The block is freed; `examine` found nothing."""
    guard = guard_of(slot, room)
    guard.state = u32(BlockState.FREED)
    guard.freed_by = by
    if not kept:
        memset(Span[u8](slot, room - sizeof(Guard)), FREE)


def first_other(start: u64, count: u64, byte: u8) -> u64:
    """Index of the first byte that is not `byte`; `count` if there is none."""
    done: u64 = 0
    while done < count and (start + done) % 8 != 0:
        if Ptr[u8](start)[done] != byte:
            return done
        done += 1
    words = u64(byte) * 0x0101_0101_0101_0101
    while done + 8 <= count and Ptr[u64](start + done)[0] == words:
        done += 8
    while done < count:
        if Ptr[u8](start)[done] != byte:
            return done
        done += 1
    return count
