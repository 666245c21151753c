# SPDX-License-Identifier: GPL-2.0-or-later
"""An error raised while another one is handled, through `finally` and `with`, leaves main with the last message."""

from lang import Errno, Error, i32, struct


@struct
class Door:
    def __enter__(self) -> None:
        print("in")

    def __exit__(self) -> None:
        print("out")


door = Door()


def first() -> i32:
    raise Error(Errno.ENOENT, "first")


def main() -> i32:
    try:
        with door:
            first()
    except Error as e:
        try:
            raise Error(Errno.EBUSY, f"second after {e.message}")
        finally:
            print("finally")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
