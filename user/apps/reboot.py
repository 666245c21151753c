# SPDX-License-Identifier: LGPL-2.1-or-later
"""reboot: restarts the machine."""

from lang import i32
from lib.args import help_wanted
from syscalls import sys_reboot


def main() -> i32:
    if help_wanted("usage: reboot"):
        return 0
    sys_reboot()
    return 0
