# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed check: more bytes than fit."""

from lang import array, i32, memcpy, u8


def fill(text: str) -> None:
    items = array(5, u8)
    memcpy(items, text)
    print(items[0 : len(text)])


def main() -> i32:
    fill("12345")
    fill("123456")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
