# SPDX-License-Identifier: GPL-2.0-or-later
"""Barrier: so many cores meet, all go on when the last has come. They spin; for boot and for tests of the kernel.

Reusable: a generation count tells one meeting from the next. No locks.
"""

from lang import Atomic, struct, u32
from kern.mm.shootdown import relax


@struct
class Barrier:
    parties: u32
    arrived: Atomic[u32]
    generation: Atomic[u32]

    def wait(self) -> None:
        generation = self.generation.load()
        if self.arrived.add(1) + 1 == self.parties:
            self.arrived.store(0)
            self.generation.add(1)
            return
        while self.generation.load() == generation:
            relax()
