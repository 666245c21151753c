# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools of numbers: 0 to n - 1, each given out to one at a time, the one that came back last first. No lock: the owner's."""

from lang import Array, array, struct, u32, u64

CAPACITY: u64 = 1024


@struct
class NumberPool:
    """`open(n)` first."""

    stack: Array[u32] = array(CAPACITY)     # those that are free
    free_count: u64
    size: u64
    out: Array[u64] = array(16)             # a bit for each that is given out

    def open(self, size: u64) -> None:
        assert size <= CAPACITY, "a pool of too many numbers"
        self.size = size
        self.free_count = size
        for i in range(size):
            self.stack[i] = u32(size - 1 - i)

    def take(self) -> u64 | None:
        """None if all are out."""
        if self.free_count == 0:
            return None
        self.free_count -= 1
        number = u64(self.stack[self.free_count])
        self.out[number // 64] |= u64(1) << number % 64
        return number

    def give(self, number: u64) -> None:
        assert number < self.size and self.out[number // 64] >> number % 64 & 1 != 0, "a number that is not out is given back"
        self.out[number // 64] &= ~(u64(1) << number % 64)
        self.stack[self.free_count] = u32(number)
        self.free_count += 1
