# SPDX-License-Identifier: GPL-2.0-or-later
"""Spinlocks: mutual exclusion between cores for a few instructions, never across a block.

`with lock:` leaves interrupts as they are: for data that no interrupt handler touches.
`with lock.irqs_off():` also keeps them off while it is held, and restores them after: for all other data.
A lock that is ever taken by a handler is always taken with `irqs_off()`.
Test-and-set, with reads while it is held: fair order would only hurt where a virtual CPU that holds it may be stopped.
Who spins serves TLB shootdowns (see kern/mm/shootdown.py), since it may do so with interrupts off for long.
Checked builds know the holder and watch the order of locks: kern/sync/lockcheck.py. What takes and releases a lock is `artificial`: in
backtraces and reports its line is that of who does it.
"""

from lang import ACQUIRE, CHECKED, RELAXED, RELEASE, Atomic, Ref, addr_of, artificial, atomic_section, begins_atomic, container_of
from lang import cycle_counter, ends_atomic, must_use, noinline, struct, u32, u64
from arch import cpu
from kern.core.percore import core
from kern.mm.shootdown import relax
from kern.sync.lockcheck import MOST_SPINS, before_spinlock, check_spin, got_spinlock, lost_spinlock, wrong_holder

CLASS_SHIFT: u32 = 16
HOLDER: u32 = 0xFFFF


@struct
class SpinLock:
    word: Atomic[u32]                       # 1 while held
    owner: Atomic[u32]                      # checked builds: core id + 1 of the holder in the low half, the lock's class in the high one
    saved: u64                              # interrupt state to restore, while held through irqs_off()

    @artificial
    @begins_atomic
    def lock(self) -> None:
        """Take the lock; spins. Does not change whether interrupts are on."""
        if CHECKED:
            self.lock_checked()
            return
        while self.word.swap(1, order=ACQUIRE) != 0:  # pairs with unlock
            while self.word.load(order=RELAXED) != 0:
                relax()
        core.mine.lock_depth += 1

    @artificial
    @begins_atomic
    @must_use
    def try_lock(self) -> bool:
        """Take the lock if it is free. Does not change whether interrupts are on."""
        if self.word.swap(1, order=ACQUIRE) != 0:  # pairs with unlock
            return False
        core.mine.lock_depth += 1
        if CHECKED:
            self.note_taken(self.owner.load(order=RELAXED) >> CLASS_SHIFT, 0)
        return True

    @artificial
    @ends_atomic
    def unlock(self) -> None:
        if CHECKED:
            owner = self.owner.load(order=RELAXED)
            if owner & HOLDER != core.mine.core_id + 1:
                wrong_holder(addr_of(self), owner & HOLDER)
            self.owner.store(owner & ~HOLDER, order=RELAXED)
            lost_spinlock(addr_of(self))
        core.mine.lock_depth -= 1
        self.word.store(0, order=RELEASE)   # pairs with lock and try_lock

    @artificial
    def lock_checked(self) -> None:
        """`lock` in checked builds."""
        cls = before_spinlock(addr_of(self), self.owner.load(order=RELAXED) >> CLASS_SHIFT)
        waited: u64 = 0
        if self.word.swap(1, order=ACQUIRE) != 0:  # pairs with unlock
            waited = self.spin_checked()
        core.mine.lock_depth += 1
        self.note_taken(cls, waited)

    @noinline
    def spin_checked(self) -> u64:
        """Wait for the lock, though not for ever, and take it. Returns the cycles that it took."""
        start = cycle_counter()
        spins: u32 = 0
        since: u64 = 0
        while self.word.load(order=RELAXED) != 0 or self.word.swap(1, order=ACQUIRE) != 0:  # pairs with unlock
            relax()
            spins += 1
            if spins % MOST_SPINS == 0:
                since = check_spin(addr_of(self), self.owner.load(order=RELAXED) & HOLDER, since)
        return cycle_counter() - start

    @artificial
    def note_taken(self, cls: u32, waited: u64) -> None:
        self.owner.store(cls << CLASS_SHIFT | core.mine.core_id + 1, order=RELAXED)
        got_spinlock(addr_of(self), cls, waited)

    def is_held(self) -> bool:
        return self.word.load(order=RELAXED) != 0

    def irqs_off(self) -> "IrqsOffLock":
        """The same lock, taken with interrupts off: `with lock.irqs_off():`."""
        return container_of(IrqsOffLock, "spin", self)

    @ends_atomic
    def force_unlock(self) -> None:
        """Break the lock, whoever holds it. For panic only."""
        self.owner.and_(~HOLDER)
        self.word.store(0)

    @artificial
    @atomic_section
    def __enter__(self) -> "SpinLock":
        self.lock()
        return self

    @artificial
    def __exit__(self) -> None:
        self.unlock()


@struct
class IrqsOffLock:
    """A view of a SpinLock, in the same storage, that saves and restores the interrupt state around it.

    Not a subclass: `with` would take the lock without interrupts off through a reference to the base.
    """

    spin: SpinLock

    @artificial
    @ends_atomic
    def drop(self) -> None:
        """Release the lock and restore interrupts."""
        saved = self.spin.saved
        self.spin.unlock()
        cpu.irqs_restore(saved)

    @artificial
    @begins_atomic
    def retake(self) -> None:
        """Take the lock, interrupts off."""
        saved = cpu.irqs_save()
        self.spin.lock()
        self.spin.saved = saved             # inside the lock: only its holder writes this

    @artificial
    @atomic_section
    def __enter__(self) -> "IrqsOffLock":
        self.retake()
        return self

    @artificial
    def __exit__(self) -> None:
        self.drop()


@struct
class Attempt:
    """`with Attempt(lock) as held:` takes the lock if it is free; `held` says whether. It never waits, so it may stand under any lock."""

    lock: Ref[SpinLock]
    held: bool

    @artificial
    @atomic_section
    def __enter__(self) -> bool:
        self.held = self.lock.try_lock()
        return self.held

    @artificial
    def __exit__(self) -> None:
        if self.held:
            self.lock.unlock()
