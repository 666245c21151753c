# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plain spinlock: for what is held very briefly, where a preempted holder may be waited for.

Whoever waits for one in vcore context, or with notifications disabled, while its holder's vcore is preempted, waits until the kernel gives
that back: where this can be, parlib.pdr's lock is the right one.
"""

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, atomic_section, begins_atomic, ends_atomic, must_use, pause, struct, u32


@struct
class SpinLock:
    word: Atomic[u32]                       # 1: held

    @begins_atomic
    def lock(self) -> None:
        while self.word.swap(1, order=ACQUIRE) != 0:  # pairs with unlock
            while self.word.load(order=RELAXED) != 0:
                pause()

    @must_use
    @begins_atomic
    def try_lock(self) -> bool:
        return self.word.swap(1, order=ACQUIRE) == 0

    @ends_atomic
    def unlock(self) -> None:
        self.word.store(0, order=RELEASE)

    def is_held(self) -> bool:
        return self.word.load() != 0

    @atomic_section
    def __enter__(self) -> None:
        self.lock()

    def __exit__(self) -> None:
        self.unlock()
