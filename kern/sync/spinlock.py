# SPDX-License-Identifier: GPL-2.0-or-later
"""Spinlocks: mutual exclusion between cores for a few instructions, never across a block.

`with lock:` leaves interrupts as they are: for data that no interrupt handler touches.
`with lock.irqs_off():` also keeps them off while it is held, and restores them after: for all other data.
A lock that is ever taken by a handler is always taken with `irqs_off()`.
Test-and-set, with reads while it is held: fair order would only hurt where a virtual CPU that holds it may be stopped.
Who spins serves TLB shootdowns (see kern/mm/shootdown.py), since it may do so with interrupts off for long.
Checked builds record the holder, and panic on recursion and on a release by another core.
"""

from lang import ACQUIRE, CHECKED, RELAXED, RELEASE, Atomic, addr_of, atomic_section, begins_atomic, cast, must_use
from lang import ends_atomic, panic, struct, u32, u64
from arch import cpu
from kern.core.percore import core
from kern.mm.shootdown import relax


@struct
class SpinLock:
    word: Atomic[u32]                       # 1 while held
    holder: Atomic[u32]                     # core id + 1 of the holder, in checked builds
    saved: u64                              # interrupt state to restore, while held through irqs_off()

    @begins_atomic
    def lock(self) -> None:
        """Take the lock; spins. Does not change whether interrupts are on."""
        if CHECKED:
            self.check_not_mine()
        while self.word.swap(1, order=ACQUIRE) != 0:        # pairs with unlock
            while self.word.load(order=RELAXED) != 0:
                relax()
        self.note_taken()

    @begins_atomic
    @must_use
    def try_lock(self) -> bool:
        """Take the lock if it is free. Does not change whether interrupts are on."""
        if self.word.swap(1, order=ACQUIRE) != 0:           # pairs with unlock
            return False
        self.note_taken()
        return True

    @ends_atomic
    def unlock(self) -> None:
        if CHECKED:
            if self.holder.load(order=RELAXED) != core.mine.core_id + 1:
                panic(f"spinlock {addr_of(self):#x} released by core {core.mine.core_id}, held by {self.holder.load()} - 1")
            self.holder.store(0, order=RELAXED)
        core.mine.lock_depth -= 1
        self.word.store(0, order=RELEASE)                   # pairs with lock and try_lock

    def is_held(self) -> bool:
        return self.word.load(order=RELAXED) != 0

    def irqs_off(self) -> "IrqsOffLock":
        """The same lock, taken with interrupts off: `with lock.irqs_off():`."""
        return cast(IrqsOffLock, self)

    @ends_atomic
    def force_unlock(self) -> None:
        """Break the lock, whoever holds it. For panic only."""
        self.holder.store(0)
        self.word.store(0)

    def note_taken(self) -> None:
        core.mine.lock_depth += 1
        if CHECKED:
            self.holder.store(core.mine.core_id + 1, order=RELAXED)

    def check_not_mine(self) -> None:
        # Both may be old, but never older than this core's own last store: its own number is there only if it holds the lock.
        if self.word.load(order=RELAXED) != 0 and self.holder.load(order=RELAXED) == core.mine.core_id + 1:
            panic(f"spinlock {addr_of(self):#x} taken twice by core {core.mine.core_id}")

    @atomic_section
    def __enter__(self) -> "SpinLock":
        self.lock()
        return self

    def __exit__(self) -> None:
        self.unlock()


@struct
class IrqsOffLock:
    """A view of a SpinLock, in the same storage, that saves and restores the interrupt state around it.

    Not a subclass: `with` would take the lock without interrupts off through a reference to the base.
    """

    spin: SpinLock

    @ends_atomic
    def drop(self) -> None:
        """Release the lock and restore interrupts."""
        saved = self.spin.saved
        self.spin.unlock()
        cpu.irqs_restore(saved)

    @begins_atomic
    def retake(self) -> None:
        """Take the lock, interrupts off."""
        saved = cpu.irqs_save()
        self.spin.lock()
        self.spin.saved = saved             # inside the lock: only its holder writes this

    @atomic_section
    def __enter__(self) -> "IrqsOffLock":
        self.retake()
        return self

    def __exit__(self) -> None:
        self.drop()
