# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed check: a slice past the end."""

from lang import Span, array, i32, u8, u64


def tail(items: Span[u8], start: u64) -> u64:
    return len(items[start:])


def main() -> i32:
    items = array(4, u8)
    print(tail(items, 4))
    print(tail(items, 5))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
