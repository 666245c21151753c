# SPDX-License-Identifier: LGPL-2.1-or-later
"""random [COUNT]: unpredictable 64-bit numbers, one a line, in hexadecimal."""

from lang import Error, i32
from lib.args import complain, help_wanted, misuse
from lib.strings import number_or_none
from lib.urandom import random_u64
from rt.args import args

USAGE = "usage: random [COUNT]"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()
    count = number_or_none(words[1]) if len(words) == 2 else 1
    if len(words) > 2 or count is None:
        return misuse("the count is one number", USAGE)
    try:
        for _ in range(count):
            print(f"{random_u64():016x}")
    except Error as e:
        return complain(f"{e.message}")
    return 0
