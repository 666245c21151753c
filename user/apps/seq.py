# SPDX-License-Identifier: LGPL-2.1-or-later
"""seq: counts."""

from lang import i32, i64
from lib.args import help_wanted, misuse
from lib.output import out
from lib.strings import signed_or_none
from rt.args import args

USAGE = "usage: seq [FIRST [STEP]] LAST"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()[1:]
    if not 1 <= len(words) <= 3:
        return misuse("one to three numbers are needed", USAGE)
    first = signed_or_none(words[0]) if len(words) > 1 else 1
    step = signed_or_none(words[1]) if len(words) > 2 else 1
    last = signed_or_none(words[len(words) - 1])
    if first is None or step is None or last is None:
        return misuse("these are not all numbers", USAGE)
    if step == 0:
        return misuse("the step must not be 0", USAGE)
    count(first, step, last)
    out.flush()
    return 0


def count(first: i64, step: i64, last: i64) -> None:
    value = first
    while value <= last if step > 0 else value >= last:
        out.print(f"{value}\n")
        value += step
