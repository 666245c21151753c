# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed check: an index past the end (checked builds)."""

from lang import array, i32, u8, u64

numbers = array(4, u8)


def read(i: u64) -> u8:
    return numbers[i]


def main() -> i32:
    print(read(3))
    print(read(4))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
