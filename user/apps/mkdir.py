# SPDX-License-Identifier: LGPL-2.1-or-later
"""mkdir: makes directories."""

from lang import i32
from lib.args import Options, each, help_wanted, misuse
from lib.files import is_directory
from rt.args import args
from syscalls import sys_mkdir

USAGE = "usage: mkdir [-p] PATH…\n  -p  make those on the way too; one that is there is no error"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("p"):
        return options.refuse(USAGE)
    if len(options.operands()) == 0:
        return misuse("a path is needed", USAGE)
    return each(options.operands(), make_parents if options.has("p") else make)


def make(path: str) -> None:
    sys_mkdir(path, 0o755)


def make_parents(path: str) -> None:
    for i in range(1, len(path) + 1):
        if i == len(path) or path[i] == ord("/"):
            if not is_directory(path[:i]):
                make(path[:i])
