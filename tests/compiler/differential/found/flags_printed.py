# SPDX-License-Identifier: GPL-2.0-or-later
"""Flags that are no single member: printed as `?`; members are strings; CPython did not know members of a mixed-in width together."""

from enum import IntFlag

from lang import i32, u8, u32


class Mode(u8, IntFlag):
    R = 1
    W = 2
    X = 4


class Plain(IntFlag):
    R = 1
    W = 2


class Top(u8, IntFlag):
    HIGH = 128


def show(m: Mode, n: u32) -> None:
    print(m, Mode.R, ~m, f"{m}|{Mode.R}|{u8(m):#x}|{m:#x}")
    print(Plain(n), ~Plain(n), Plain(n) & Plain.R, Plain(n) == Plain.R, Mode.R.name.find("R"), Mode.W.name[0], u32(Plain(n)))


def main() -> i32:
    show(Mode.R | Mode.W, 0)
    show(Mode.R & Mode.W, 3)
    show(Mode.R, 2)
    show(Mode(6), 9)
    print(Mode(u8(0)), Top(0), ~Top.HIGH)
    return 0
