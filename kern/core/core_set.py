# SPDX-License-Identifier: GPL-2.0-or-later
"""CoreSet: a set of cores, one bit each. Not atomic; no lock."""

from lang import Array, array, popcount, struct, u32, u64
from arch import smp

MAX_CORES: u32 = 256
WORDS: u64 = 4                              # of 64 cores


@struct
class CoreSet:
    words: Array[u64] = array(WORDS)

    def add(self, core: u32) -> None:
        self.words[core // 64] |= u64(1) << (core % 64)

    def remove(self, core: u32) -> None:
        self.words[core // 64] &= ~(u64(1) << (core % 64))

    def __contains__(self, core: u32) -> bool:
        return self.words[core // 64] >> (core % 64) & 1 != 0

    def add_all(self) -> None:
        """Every core that runs."""
        for core in range(u32(0), smp.core_count()):
            self.add(core)

    def clear(self) -> None:
        for i in range(WORDS):
            self.words[i] = 0

    def __len__(self) -> u64:
        total: u64 = 0
        for word in self.words:
            total += u64(popcount(word))
        return total
