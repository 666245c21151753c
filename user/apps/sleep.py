# SPDX-License-Identifier: LGPL-2.1-or-later
"""sleep: waits."""

from lang import i32
from lib.args import help_wanted, misuse
from lib.duration import parse_duration_ns
from rt.args import args
from rt.time import sleep_ns

USAGE = "usage: sleep SECONDS      (fractions are fine: 0.25)"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    if len(args()) != 2:
        return misuse("how many seconds?", USAGE)
    wanted = parse_duration_ns(args()[1])
    if wanted is None:
        return misuse(f"{args()[1]}: this is no number of seconds", USAGE)
    sleep_ns(wanted)
    return 0
