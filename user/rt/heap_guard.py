# SPDX-License-Identifier: LGPL-2.1-or-later
"""The heap's checks in checked builds of programs, as the kernel has them: overruns, use after free, double free, free of what never was.

Blocks are guarded as kern/abi/guard.py says. A freed block waits in the quarantine, so that it is not given out again at once; when that is
full, the oldest leaves. What is found ends the process: which block, who allocated it, who freed it. Release builds do not link this.
Lock: `quarantine.lock`, a leaf.
"""

from typing import NoReturn

from lang import Array, Span, Text, array, panic, sizeof, struct, text, u8, u64
from kern.abi.guard import RED, Damage, Guard, examine, first_other, give_out, guard_of, take_back
from parlib.pdr import PdrLock
from rt.symbols import write_symbol

QUARANTINE: u64 = 64                        # freed blocks that are kept back


@struct
class Quarantine:
    lock: PdrLock
    blocks: Array[u64] = array(QUARANTINE)
    came: u64


quarantine = Quarantine()


def exchange(block: u64) -> u64:
    """Into the quarantine; the block that leaves it, 0 while there is room."""
    with quarantine.lock:
        place = quarantine.came % QUARANTINE
        leaving = quarantine.blocks[place]
        quarantine.blocks[place] = block
        quarantine.came += 1
        return leaving


def check_given(slot: u64, room: u64, size: u64, by: u64) -> None:
    """A block goes out."""
    damage = give_out(slot, room, size, by, False)
    if damage != Damage.NONE:
        report(damage, slot, room)


def check_freed(slot: u64, room: u64, by: u64) -> None:
    """A block comes back."""
    damage = examine(slot, room)
    if damage != Damage.NONE:
        report(damage, slot, room)
    take_back(slot, room, by, False)


def report(damage: Damage, slot: u64, room: u64) -> NoReturn:
    guard = guard_of(slot, room)
    line = text(400)
    match damage:
        case Damage.OVERRUN:
            describe_overrun(line, slot, room, guard)
        case Damage.WRITTEN_AFTER_FREE:
            line.write(f"write after free: the block of {guard.size} bytes at {slot:#x}")
        case Damage.FREED_TWICE:
            line.write(f"freed twice: the block of {guard.size} bytes at {slot:#x}")
        case _:
            line.write(f"free of {slot:#x}, which was never allocated")
    describe_place(line, "allocated", guard.allocated_by)
    if damage == Damage.WRITTEN_AFTER_FREE or damage == Damage.FREED_TWICE:
        describe_place(line, "freed", guard.freed_by)
    panic(f"{line.view}")


def describe_overrun(line: Text, slot: u64, room: u64, guard: Guard) -> None:
    """The first byte behind the block that is not as it should be. What the guard says may be broken as well."""
    size = u64(guard.size)
    end = room - sizeof(Guard)
    place = size + first_other(slot + size, end - size, RED) if size <= end else end
    if place == end:
        line.write(f"overrun: the guard behind the block at {slot:#x} is broken")
    else:
        line.write(f"overrun: byte {place} of the block of {size} bytes at {slot:#x} was written: {Span[u8](slot, room)[place]:#04x}")


def describe_place(line: Text, what: str, address: u64) -> None:
    """`; allocated in make_job+0x12`."""
    if address != 0:
        line.write(f"; {what} at {address:#x}")
        write_symbol(address - 1, line)
