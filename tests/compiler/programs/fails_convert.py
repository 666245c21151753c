# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed check: a conversion that loses."""

from lang import i32, i64, u8


def narrow(x: i64) -> u8:
    return u8(x)


def main() -> i32:
    print(narrow(255))
    print(narrow(-1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
