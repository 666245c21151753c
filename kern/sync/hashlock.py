# SPDX-License-Identifier: GPL-2.0-or-later
"""Hash locks: few spinlocks for very many objects, chosen by address, where a lock in each object would cost too much room.

    with page_locks.of(addr_of(page)).irqs_off():
Two objects may share a lock, so a holder takes no second one of the same table. Each lock has a cache line of its own: who holds one does
not slow those who hold another.
"""

from lang import Array, array, struct, u64
from kern.sync.spinlock import SpinLock

HASH_LOCKS: u64 = 1024
SMALL_HASH_LOCKS: u64 = 32
GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15         # 2**64 / golden ratio: the upper bits of a product with it are well mixed


@struct(align=64)
class PaddedLock:
    lock: SpinLock


@struct
class HashLocks:
    """For objects of which the machine has very many: 64 KiB."""

    locks: Array[PaddedLock] = array(HASH_LOCKS)

    def of(self, key: u64) -> SpinLock:
        return self.locks[slot_of(key, HASH_LOCKS)].lock


@struct
class SmallHashLocks:
    """For the objects of one subsystem: 2 KiB."""

    locks: Array[PaddedLock] = array(SMALL_HASH_LOCKS)

    def of(self, key: u64) -> SpinLock:
        return self.locks[slot_of(key, SMALL_HASH_LOCKS)].lock


def slot_of(key: u64, count: u64) -> u64:
    """Which of `count` locks, a power of two up to 65536, is the key's."""
    return (key * GOLDEN >> 48) % count
