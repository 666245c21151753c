# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed check: division by zero."""

from lang import i32, u64


def divide(a: u64, b: u64) -> u64:
    return a // b


def main() -> i32:
    print(divide(7, 2))
    print(divide(7, 0))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
