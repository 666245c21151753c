# SPDX-License-Identifier: GPL-2.0-or-later
"""panic."""

from lang import i32, panic


def main() -> i32:
    print("before")
    count = 3
    panic(f"lost {count} of {count * 2}")


if __name__ == "__main__":
    raise SystemExit(main())
