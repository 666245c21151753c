# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmesg: prints the kernel's log."""

from lang import i32
from lib.args import help_wanted
from lib.files import copy_fd
from rt.io import STDOUT, close, open


def main() -> i32:
    if help_wanted("usage: dmesg"):
        return 0
    fd = open("/proc/log")
    copy_fd(fd, STDOUT)
    close(fd)
    return 0
