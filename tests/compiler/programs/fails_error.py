# SPDX-License-Identifier: GPL-2.0-or-later
"""An error that leaves main."""

from lang import Errno, Error, i32


def deep(n: i32) -> i32:
    if n == 0:
        raise Error(Errno.EPIPE, f"no reader after {n + 5}")
    return deep(n - 1)


def main() -> i32:
    print("before")
    return deep(3)


if __name__ == "__main__":
    raise SystemExit(main())
