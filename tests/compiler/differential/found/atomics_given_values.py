# SPDX-License-Identifier: GPL-2.0-or-later
"""An atomic field that was given an expression at construction held 0; given a call, the call's first argument."""

from lang import Atomic, i32, struct, u32, u64


@struct
class Count:
    name: u32
    expected: Atomic[u32]


def doubled(n: u32) -> u32:
    return n * 2


def given(n: u64) -> None:
    sum_of = Count(name=1, expected=u32(n) + 1)
    called = Count(name=2, expected=doubled(u32(n)))
    made = Count(name=3, expected=Atomic[u32](u32(n) + 2))
    plain = Count(4, u32(n))
    for count in (sum_of, called, made, plain):
        count.expected.add(1)
        print(count.name, count.expected.load())


def main() -> i32:
    given(5)
    return 0
