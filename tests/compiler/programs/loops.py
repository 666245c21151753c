# SPDX-License-Identifier: GPL-2.0-or-later
"""Loops: range in all forms, else, break, continue, nesting, walrus, unrolled tuples."""

from lang import array, i32, i64, u8, u32, u64

PRIMES = (2, 3, 5, 7)


def first_factor(n: u64) -> u64:
    for d in range(2, n):
        if d * d > n:
            break
        if n % d == 0:
            return d
    else:
        print("exhausted", end=" ")
    return n


def collatz(n: u64) -> u64:
    steps: u64 = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    else:
        print("done", end=" ")
    return steps


def search(limit: i64) -> i64:
    for a in range(1, limit):
        for b in range(a, limit):
            c = limit - a - b
            if c <= b:
                break
            if a * a + b * b == c * c:
                return a * b * c
    return -1


def steps() -> None:
    for i in range(3):
        print(i, end=" ")
    for i in range(10, 0, -3):
        print(i, end=" ")
    for i in range(u8(250), 255, 2):
        print(i, end=" ")
    for i in reversed(range(3)):
        print(i, end=" ")
    for i in range(5, 2):
        print("never", i)
    stride: u64 = 4
    for i in range(0, 20, stride):
        print(i, end=" ")
    print()


def narrow() -> None:
    """Ends near the limits of the type."""
    low: u8 = 5
    for i in range(low, 0, -2):
        print(i, end=" ")
    for i in range(u8(200), 255, 50):
        print(i, end=" ")
    for i in range(u8(253), 255):
        print(i, end=" ")
    top: i64 = 0x7FFFFFFFFFFFFFFF
    for i in range(top - 3, top, 2):
        print(i, end=" ")
    print()


def main() -> i32:
    print(first_factor(91), first_factor(97), first_factor(2), collatz(27))
    print(search(12), search(1000), search(13))
    steps()
    narrow()
    total: u32 = 0
    for p in PRIMES:
        total += u32(p)
    for x in (1, 2, 3):
        total += u32(x) * 100
    print(total)
    i = 0
    while True:
        i += 1
        if i % 2:
            continue
        if i > 9:
            break
        print(i, end=" ")
    print(i)
    marks = array(5, u8)
    n: u64 = 0
    while (n := n + 1) < 5:
        marks[n] = u8(n * n)
    print(sum(u64(m) for m in marks), sum(1 for m in marks if m > 3), max(m for m in marks), min(i64(m) - 3 for m in marks))
    grid = array(9, u8)
    for y in range(3):
        for x in range(3):
            if x == y:
                continue
            grid[y * 3 + x] = u8(x + y)
    for y in range(3):
        for cell in grid[y * 3 : y * 3 + 3]:
            print(cell, end="")
        print(end="/")
    print()
    for i, p in enumerate(marks[1:], 1):
        print(i, p, end=" ")
    print(5 in range(10), 10 in range(10), 3 in PRIMES)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
