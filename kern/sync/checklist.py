# SPDX-License-Identifier: GPL-2.0-or-later
"""Checklist: somebody waits until every core of a set has checked in. It spins, and knows who is missing.

    checklist.expect(cores)                 # on each core, when its part is done:
    …                                           checklist.check_in()
    checklist.wait()
A core's check-in is its last touch, so the list may stand on the waiter's stack. Everything that a core did before its check-in is seen
after `wait`. For one waiter at a time: `expect` panics while an earlier one is not over. No locks.
"""

from lang import ACQUIRE, RELEASE, RELAXED, Array, Atomic, array, ctz, struct, u32, u64
from kern.core.core_set import WORDS, CoreSet
from kern.core.percore import core
from kern.mm.shootdown import relax


@struct
class Checklist:
    left: Array[Atomic[u64]] = array(WORDS)

    def expect(self, cores: CoreSet) -> None:
        """Wait for these from now on. Before any of them is told."""
        assert self.missing() is None, "a checklist is begun anew before all have checked in"
        for i in range(WORDS):
            self.left[i].store(cores.words[i], order=RELAXED)

    def check_in(self) -> None:
        """This core has done its part."""
        self.check_in_as(core.mine.core_id)

    def check_in_as(self, id: u32) -> None:
        bit = u64(1) << (id % 64)
        old = self.left[id // 64].and_(~bit, order=RELEASE)  # pairs with the loads in missing
        assert old & bit != 0, "a core checks in that is not on the list"

    def missing(self) -> u32 | None:
        """The lowest core that has not checked in yet."""
        for i in range(WORDS):
            word = self.left[i].load(order=ACQUIRE)  # pairs with check_in_as
            if word != 0:
                return u32(i) * 64 + u32(ctz(word))
        return None

    def wait(self) -> None:
        """Spin until all have checked in."""
        while self.missing() is not None:
            relax()
