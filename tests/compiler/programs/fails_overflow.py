# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed check: signed overflow."""

from lang import i32


def grow(x: i32) -> i32:
    while True:
        print(x)
        x *= 1000


def main() -> i32:
    return grow(7)


if __name__ == "__main__":
    raise SystemExit(main())
