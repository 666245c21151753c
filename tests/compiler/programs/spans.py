# SPDX-License-Identifier: GPL-2.0-or-later
"""Spans and arrays: slices share storage, contents compare, loops in all forms."""

from lang import Span, array, free, i32, memcpy, memset, new, struct, u8, u16, u64


@struct
class Cell:
    weight: u16
    used: bool


def total(items: Span[u16]) -> u64:
    found: u64 = 0
    for item in items:
        found += u64(item)
    return found


def fill(items: Span[u16], start: u16) -> None:
    for i in range(len(items)):
        items[i] = start + u16(i) * 3


def reverse(items: Span[u8]) -> None:
    i: u64 = 0
    j = len(items)
    while i + 1 < j:
        j -= 1
        items[i], items[j] = items[j], items[i]
        i += 1


def heaviest(cells: Span[Cell]) -> Cell:
    best = cells[0]
    for cell in cells:
        if cell.weight > best.weight:
            best = cell
    return best


def main() -> i32:
    numbers = array(10, u16)
    fill(numbers, 65530)
    for n in numbers:
        print(n, end=" ")
    print(total(numbers), len(numbers))
    middle = numbers[3:7]
    middle[0] = 1
    print(numbers[3], len(middle), len(numbers[8:]), len(numbers[:2]), len(numbers[4:4]))
    print(numbers[2:4] == numbers[2:4], numbers[0:2] == numbers[1:3])
    letters = array(6, u8)
    memcpy(letters, "abcdef")
    reverse(letters)
    print(letters[0:6], letters[1:3] == "ed")
    memset(letters[2:4], ord("-"))
    print(f"{letters[:]:>8}|")
    heap = new(array(100, u16))
    fill(heap, 5)
    print(total(heap), heap[99], 302 in heap, 3 not in heap)
    free(heap)
    cells = array(3, Cell)
    cells[1].weight = 40
    cells[2].weight = 20
    heaviest(cells).used = True
    for i, cell in enumerate(cells):
        print(i, cell.weight, cell.used)
    for i, (a, b) in enumerate(zip(numbers, letters)):
        print(i, a, b, end="; ")
    print()
    for n in reversed(numbers[6:]):
        print(n, end=" ")
    print(sum(n for n in numbers if n < 100), max(numbers), min(numbers[4:6]), any(n == 1 for n in numbers), all(n > 1 for n in numbers))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
