# SPDX-License-Identifier: GPL-2.0-or-later
"""Module-level storage: initialisers, tables of structs and functions, references between globals, constants."""

from typing import Callable, Final

from lang import Array, Ref, Span, Text, array, i32, i64, struct, text, u16, u32, u64

PAGE = 1 << 12
PAGES: u64 = 16
BYTES = PAGE * 16
NAMES = ("zero", "one", "two")
PAIRS = ((1, 10), (2, 20))
GREETING: str = "hi"


@struct
class Command:
    name: str
    run: Callable[[u32], u32]
    count: u32
    LIMIT: Final = 3


@struct
class Heap:
    limit: u64 = PAGES * 2
    first: u16 = 0xBEEF
    title: Text = text(12)
    sizes: Array[u32] = array(3)


def twice(x: u32) -> u32:
    return x * 2


def square(x: u32) -> u32:
    return x * x


double_command = Command("double", twice)
square_command = Command(name="square", run=square, count=5)
heap = Heap(first=7)
other = Heap(limit=9)
line = text(10)
chosen: Ref[Command] | None = None
default: Ref[Command] = square_command
words = array(3, str)
commands = array(2, Ref[Command])
hits: i64 = -4
ready: bool = True
mask = ~0xF


def choose(name: str) -> None:
    global chosen
    chosen = double_command if name == "double" else square_command if name == "square" else None


def count_hits() -> i64:
    global hits, ready
    hits += 1
    ready = hits < 0
    return hits


def total(items: Span[u32]) -> u32:
    found: u32 = 0
    for n in items:
        found += n
    return found


def main() -> i32:
    print(PAGE, PAGES, BYTES, NAMES[1], len(NAMES), GREETING, Command.LIMIT, mask)
    for name in ("double", "square", "cube"):
        choose(name)
        if chosen is None:
            print(name, "unknown")
        else:
            found = chosen
            found.count += 1
            print(found.name, found.run(9), found.count)
    print(default.name, default.count, heap.limit, heap.first, other.limit, other.first)
    heap.title.write(f"{heap.limit} pages of")
    print(heap.title, heap.title.len, other.title.len, heap.title.truncated)
    heap.sizes[1] = 40
    other.sizes[2] = 2
    print(total(heap.sizes), total(other.sizes))
    while ready:
        count_hits()
    print(hits, ready)
    words[0] = "alpha"
    words[2] = GREETING
    for word in words:
        print(f"[{word}]", end="")
    print()
    commands[0] = double_command
    commands[1] = default
    print(sum(c.run(3) for c in commands))
    for a, b in PAIRS:
        print(a * b, end=" ")
    print(line.len, line == "")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
