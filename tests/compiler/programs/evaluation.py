# SPDX-License-Identifier: GPL-2.0-or-later
"""Order of evaluation: once each, left to right, short circuits, default and keyword arguments."""

from lang import Array, array, i32, struct, u8, u32, u64

trace: u64 = 0


def t(n: u64) -> u64:
    global trace
    trace = trace * 10 + n
    return n


def show(name: str) -> None:
    global trace
    print(name, trace)
    trace = 0


@struct
class Cell:
    value: u64
    items: Array[u64] = array(4)

    def at(self, n: u64) -> Cell:
        t(n)
        return self


cell = Cell()
grid = array(6, u32)


def three(a: u64, b: u64 = 7, c: u64 = 9) -> u64:
    return a * 100 + b * 10 + c


def flag(n: u64, value: bool) -> bool:
    t(n)
    return value


def even(n: u64) -> bool:
    return n == 0 or odd(n - 1)


def odd(n: u64) -> bool:
    return n != 0 and even(n - 1)


def main() -> i32:
    print(t(1) + t(2) * t(3))
    show("sum")
    print(three(t(1), t(2), t(3)), three(1), three(1, c=2), three(c=t(3), a=t(1)))
    show("arguments")
    cell.items[t(2)] += t(5)
    show("subscript")
    cell.at(1).value += t(2)
    cell.at(3).items[t(1)] = t(4)
    show("places")
    print(t(1) < t(2) < t(3), t(3) < t(2) < t(1))
    show("chain")
    if flag(1, False) and flag(2, True) or flag(3, True):
        show("logic")
    print(t(1) if flag(2, True) else t(3))
    show("choice")
    a, b = t(1), t(2)
    a, b = b, a
    cell.items[0], cell.items[1] = t(3), t(4)
    print(a, b, cell.items[0], cell.items[1])
    show("tuple")
    for i in range(t(1), t(4)):
        t(i)
    show("range")
    print(min(t(3), t(1), t(2)), max(t(1), t(2)))
    show("extremes")
    grid[0] = 5
    k: u8 = 0
    grid[k], k = 9, 3
    print(grid[0], k)
    k += 1
    grid[k] = grid[k - 4] = 8
    print(grid[4], grid[0])
    print(even(10), odd(10), even(7))
    x = 5
    y = x
    x += 1
    print(x, y)
    print(sum(t(n) for n in range(u64(1), 4)), any(t(n) == 2 for n in range(u64(1), 5)), all(t(n) < 2 for n in range(u64(1), 5)))
    show("reductions")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
