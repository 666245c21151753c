# SPDX-License-Identifier: GPL-2.0-or-later
"""Under CPython a failed check ran `finally` and `__exit__` on its way out, and `except:` took it."""

from lang import Errno, Error, i32, i64, struct, u32


@struct
class Guard:
    depth: u32

    def __enter__(self) -> u32:
        self.depth += 1
        return self.depth

    def __exit__(self) -> None:
        self.depth -= 1
        print("leave", self.depth)


guard = Guard()


def shift(a: i64, n: u32) -> i64:
    with guard:
        try:
            if n == 3:
                raise Error(Errno.EDOM, "three")
            return a << n
        except:  # noqa: E722
            print("taken")
            return 0
        finally:
            print("finally")


def main() -> i32:
    print(shift(3, 2), shift(1, 3))
    print(shift(3, 70))
    return 0
