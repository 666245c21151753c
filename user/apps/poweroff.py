# SPDX-License-Identifier: LGPL-2.1-or-later
"""poweroff: turns the machine off."""

from lang import i32, u32
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from syscalls import sys_poweroff

USAGE = "usage: poweroff [STATUS]      (an emulator's host gets the status)"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    status = number_or_none(args()[1]) if len(args()) > 1 else 0
    if status is None or status > 255:
        return misuse("the status must be a number up to 255", USAGE)
    sys_poweroff(u32(status))
    return 0
