# SPDX-License-Identifier: GPL-2.0-or-later
"""fannkuch N 1: flips of pancakes over all permutations of N, as in the Computer Language Benchmarks Game."""

import sys

from lang import array, i32, i64, u64

MOST = 16

permutation = array(MOST, i32)
first = array(MOST, i32)
count = array(MOST, i32)


def flips_of(n: u64) -> i64:
    """How often the stack is turned until the smallest is on top; works on `permutation`."""
    for i in range(n):
        permutation[i] = first[i]
    flips: i64 = 0
    while (top := u64(permutation[0])) != 0:
        low: u64 = 0
        high = top
        while low < high:
            permutation[low], permutation[high] = permutation[high], permutation[low]
            low += 1
            high -= 1
        flips += 1
    return flips


def main() -> i32:
    n = u64(sys.argv[1])
    for i in range(n):
        first[i] = i32(i)
    checksum: i64 = 0
    most: i64 = 0
    r = n
    even = True
    while True:
        while r != 1:
            count[r - 1] = i32(r)
            r -= 1
        flips = flips_of(n)
        most = max(most, flips)
        checksum += flips if even else -flips
        while True:
            if r == n:
                print(f"{checksum} {most}")
                return 0
            bottom = first[0]
            for i in range(r):
                first[i] = first[i + 1]
            first[r] = bottom
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1
        even = not even
