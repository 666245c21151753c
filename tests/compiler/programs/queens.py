# SPDX-License-Identifier: GPL-2.0-or-later
"""Backtracking: queens, sudoku-like masks, permutations, memo tables."""

from lang import Array, Span, array, i32, i64, struct, u8, u32, u64


def queens(n: u32, columns: u32, left: u32, right: u32) -> u64:
    full: u32 = (1 << n) - 1
    if columns == full:
        return 1
    count: u64 = 0
    free = full & ~(columns | left | right)
    while free:
        place = free & -free
        free ^= place
        count += queens(n, columns | place, (left | place) << 1, (right | place) >> 1)
    return count


def permute(items: Span[u8], k: u64, seen: Span[u64]) -> None:
    if k == len(items):
        seen[0] += 1
        value: u64 = 0
        for item in items:
            value = value * 10 + u64(item)
        seen[1] = max(seen[1], value)
        return
    for i in range(k, len(items)):
        items[k], items[i] = items[i], items[k]
        permute(items, k + 1, seen)
        items[k], items[i] = items[i], items[k]


@struct
class Memo:
    known: Array[u64] = array(91)

    def fib(self, n: u64) -> u64:
        if n < 2:
            return n
        if self.known[n] == 0:
            self.known[n] = self.fib(n - 1) + self.fib(n - 2)
        return self.known[n]


def ackermann(m: i64, n: i64) -> i64:
    if m == 0:
        return n + 1
    return ackermann(m - 1, 1 if n == 0 else ackermann(m, n - 1))


def main() -> i32:
    for n in range(1, 8):
        print(queens(u32(n), 0, 0, 0), end=" ")
    print()
    items = array(5, u8)
    for i in range(5):
        items[i] = u8(i) + 1
    seen = array(2, u64)
    permute(items, 0, seen)
    print(seen[0], seen[1])
    memo = Memo()
    print(memo.fib(90), memo.fib(50), ackermann(2, 9))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
