# SPDX-License-Identifier: GPL-2.0-or-later
"""A static method was called on an object that nobody had looked for: an index did not fail, a call was not made."""

from lang import array, i32, struct, u32, u64


@struct
class Part:
    a: u32

    @staticmethod
    def double(x: u32) -> u32:
        return x * 2

    @staticmethod
    def nothing() -> None:
        print("nothing")


parts = array(2, Part)
asked: u64 = 0


def which() -> u64:
    global asked
    asked += 1
    return asked - 1


def find() -> Part:
    print("find")
    return parts[which()]


def main() -> i32:
    print(parts[which()].double(3), find().double(4), asked)
    parts[0].nothing()
    find().nothing()
    return 0
