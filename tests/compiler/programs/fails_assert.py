# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed assertion, with its message."""

from lang import i32


def check(n: i32) -> None:
    assert n < 3, f"{n} is too many"
    print(n)


def main() -> i32:
    for n in range(5):
        check(i32(n))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
