# SPDX-License-Identifier: GPL-2.0-or-later
"""sort N ROUNDS: quicksort (median of three, insertion sort for short parts) of N pseudo-random integers."""

import sys

from lang import Span, array, i32, i64, new, u64

SHORT: i64 = 16


def insertion_sort(items: Span[u64], low: i64, high: i64) -> None:
    for i in range(low + 1, high + 1):
        x = items[i]
        j = i - 1
        while j >= low and items[j] > x:
            items[j + 1] = items[j]
            j -= 1
        items[j + 1] = x


def median(a: u64, b: u64, c: u64) -> u64:
    if a < b:
        return b if b < c else max(a, c)
    return a if a < c else max(b, c)


def quicksort(items: Span[u64], low: i64, high: i64) -> None:
    while high - low > SHORT:
        pivot = median(items[low], items[low + (high - low) // 2], items[high])
        i = low
        j = high
        while i <= j:
            while items[i] < pivot:
                i += 1
            while items[j] > pivot:
                j -= 1
            if i <= j:
                items[i], items[j] = items[j], items[i]
                i += 1
                j -= 1
        if j - low < high - i:
            quicksort(items, low, j)
            low = i
        else:
            quicksort(items, i, high)
            high = j
    insertion_sort(items, low, high)


def main() -> i32:
    n = u64(sys.argv[1])
    rounds = u64(sys.argv[2])
    items = new(array(n, u64))
    state: u64 = 88172645463325252
    check: u64 = 0
    for _ in range(rounds):
        for i in range(n):
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            items[i] = state
        quicksort(items, 0, i64(n) - 1)
        for i in range(n):
            check = check * 31 + items[i]
    print(check)
    return 0
