# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed check: a number that is no member of an enum."""

from enum import IntEnum

from lang import i32, u32


class Level(IntEnum):
    LOW = 1
    HIGH = 4


def level_of(n: u32) -> Level:
    return Level(n)


def main() -> i32:
    print(level_of(4))
    print(level_of(2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
