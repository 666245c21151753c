# SPDX-License-Identifier: LGPL-2.1-or-later
"""spin: keeps a core busy, for some seconds or for ever."""

from lang import i32, pause
from lib.args import help_wanted, misuse
from lib.duration import parse_duration_ns
from rt.args import args
from rt.time import now_ns

USAGE = "usage: spin [SECONDS]"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    if len(args()) < 2:
        while True:
            pause()
    wanted = parse_duration_ns(args()[1])
    if wanted is None:
        return misuse(f"{args()[1]}: this is no number of seconds", USAGE)
    end = now_ns() + wanted
    while now_ns() < end:
        pause()
    return 0
