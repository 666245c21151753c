# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: of what checked builds watch about locks, who holds one. The host has no table of symbols to tell places with."""

from typing import NoReturn

from lang import RELAXED, at, panic, struct, u32, u64
from kern.core.percore import core
from kern.sync.spinlock import HOLDER, SpinLock

MOST_SPINS: u32 = 1 << 31


@struct
class HeldLocks:
    count: u32


def before_spinlock(lock: u64, known: u32) -> u32:
    there = at(SpinLock, lock)
    # Both may be old, but never older than this core's own last store: its own number is there only if it holds the lock.
    if there.is_held() and there.owner.load(order=RELAXED) & HOLDER == core.mine.core_id + 1:
        panic(f"spinlock {lock:#x} taken twice on core {core.mine.core_id}")
    return 0


def got_spinlock(lock: u64, cls: u32, waited: u64) -> None:
    pass


def lost_spinlock(lock: u64) -> None:
    pass


def wrong_holder(lock: u64, holder: u32) -> NoReturn:
    panic(f"spinlock {lock:#x} released by core {core.mine.core_id}, and core {holder} - 1 holds it")


def check_spin(lock: u64, holder: u32, start_ns: u64) -> u64:
    return 0


def before_qlock(held: HeldLocks, lock: u64) -> None:
    pass


def got_qlock(held: HeldLocks, lock: u64) -> None:
    held.count += 1


def lost_qlock(held: HeldLocks, lock: u64) -> None:
    held.count -= 1
