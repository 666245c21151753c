# SPDX-License-Identifier: GPL-2.0-or-later
"""A `try` whose body cannot raise, with a handler of one kind, made its function one that raises."""

from typing import Callable

from lang import Errno, Error, i32, u64


class Trouble(Error):
    pass


def quiet(x: u64) -> u64:
    try:
        x += 1
    except Trouble:
        return 0
    return x


def failing(x: u64) -> u64:
    try:
        if x == 3:
            raise Error(Errno.EIO, "not the kind that is caught")
    except Trouble:
        return 0
    return x


def apply(f: Callable[[u64], u64], x: u64) -> u64:
    return f(x)


def main() -> i32:
    print(apply(quiet, 4))
    for x in range(2, 4):
        try:
            print(failing(u64(x)))
        except Error as e:
            print(e.errno, e.message)
    return 0
