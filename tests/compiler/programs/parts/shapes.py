# SPDX-License-Identifier: GPL-2.0-or-later
"""A module of the program `modules.py`: a struct, a constant, a variable and functions."""

from lang import struct, u32, u64

from parts.tools import doubled

UNIT: u32 = 10
made: u64 = 0


@struct
class Square:
    side: u32

    def area(self) -> u32:
        return self.side * self.side


def square(side: u32) -> u32:
    global made
    made += 1
    return doubled(side) + UNIT


def how_many() -> u64:
    return made
