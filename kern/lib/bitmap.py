# SPDX-License-Identifier: GPL-2.0-or-later
"""Bitmap: a set of small numbers, one bit each, over words that the caller gives. Not atomic; no lock."""

from lang import Span, ctz, popcount, struct, u64


@struct
class Bitmap:
    words: Span[u64]
    size: u64                               # numbers are 0 .. size-1

    def test(self, n: u64) -> bool:
        return self.words[n // 64] >> (n % 64) & 1 != 0

    def set(self, n: u64) -> None:
        self.words[n // 64] |= u64(1) << (n % 64)

    def clear(self, n: u64) -> None:
        self.words[n // 64] &= ~(u64(1) << (n % 64))

    def count(self) -> u64:
        total: u64 = 0
        for word in self.words[: words_for(self.size)]:
            total += u64(popcount(word))
        return total

    def first_clear(self, start: u64) -> u64 | None:
        """The lowest number from `start` on that is not in the set."""
        n = start
        while n < self.size:
            free = ~self.words[n // 64] >> (n % 64)
            if free != 0:
                found = n + u64(ctz(free))
                return found if found < self.size else None
            n = (n // 64 + 1) * 64
        return None

    def first_set(self, start: u64) -> u64 | None:
        """The lowest number from `start` on that is in the set."""
        n = start
        while n < self.size:
            used = self.words[n // 64] >> (n % 64)
            if used != 0:
                found = n + u64(ctz(used))
                return found if found < self.size else None
            n = (n // 64 + 1) * 64
        return None


def words_for(size: u64) -> u64:
    return (size + 63) // 64
