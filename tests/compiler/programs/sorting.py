# SPDX-License-Identifier: GPL-2.0-or-later
"""Algorithms on spans: quicksort, heapsort, binary search, a comparison function."""

from typing import Callable

from lang import Span, array, i32, i64, struct, u32, u64


@struct
class Random:
    state: u64 = 88172645463325252

    def next(self) -> u64:
        x = self.state
        x ^= x << 13
        x ^= x >> 7
        x ^= x << 17
        self.state = x
        return x


def quicksort(items: Span[i64]) -> None:
    if len(items) < 2:
        return
    pivot = items[len(items) // 2]
    i: i64 = 0
    j = i64(len(items)) - 1
    while i <= j:
        while items[i] < pivot:
            i += 1
        while items[j] > pivot:
            j -= 1
        if i <= j:
            items[i], items[j] = items[j], items[i]
            i += 1
            j -= 1
    quicksort(items[0 : j + 1])
    quicksort(items[i:])


def sift(items: Span[u32], start: u64, end: u64, before: Callable[[u32, u32], bool]) -> None:
    root = start
    while (child := root * 2 + 1) < end:
        if child + 1 < end and before(items[child], items[child + 1]):
            child += 1
        if not before(items[root], items[child]):
            return
        items[root], items[child] = items[child], items[root]
        root = child


def heapsort(items: Span[u32], before: Callable[[u32, u32], bool]) -> None:
    n = len(items)
    for start in reversed(range(n // 2)):
        sift(items, start, n, before)
    for end in reversed(range(1, n)):
        items[0], items[end] = items[end], items[0]
        sift(items, 0, end, before)


def less(a: u32, b: u32) -> bool:
    return a < b


def by_low_digit(a: u32, b: u32) -> bool:
    return a % 10 < b % 10 or a % 10 == b % 10 and a > b


def search(items: Span[i64], wanted: i64) -> u64 | None:
    low: u64 = 0
    high = len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < len(items) and items[low] == wanted else None


numbers = array(300, i64)


def main() -> i32:
    random = Random()
    for i in range(len(numbers)):
        numbers[i] = i64(random.next() % 1000) - 500
    quicksort(numbers)
    print(all(numbers[i] <= numbers[i + 1] for i in range(len(numbers) - 1)), numbers[0], numbers[299], sum(numbers))
    for wanted in (numbers[7], i64(1000)):
        at = search(numbers, wanted)
        print(at if at is not None else u64(9999))
    small = array(20, u32)
    for i in range(20):
        small[i] = u32(random.next() % 100)
    heapsort(small, less)
    for n in small:
        print(n, end=" ")
    print()
    heapsort(small, by_low_digit)
    for n in small:
        print(n, end=" ")
    print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
