# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed check: a shift past the width."""

from lang import i32, u8, u32


def shifted(x: u32, n: u8) -> u32:
    return x << n


def main() -> i32:
    print(shifted(1, 31))
    print(shifted(1, 32))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
