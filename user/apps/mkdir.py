# SPDX-License-Identifier: LGPL-2.1-or-later
"""mkdir: makes directories."""

from lang import Error, i32
from lib.args import Options, complain_about, help_wanted, misuse
from lib.files import is_directory
from rt.args import args
from syscalls import sys_mkdir

USAGE = "usage: mkdir [-p] PATH…\n  -p  make those on the way too; one that is there is no error"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    parents = False
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("p"):
            parents = True
        else:
            return options.refuse(USAGE)
    if len(options.operands()) == 0:
        return misuse("a path is needed", USAGE)
    status: i32 = 0
    for path in options.operands():
        status = max(status, make(path, parents))
    return status


def make(path: str, parents: bool) -> i32:
    try:
        if parents:
            make_parents(path)
        else:
            sys_mkdir(path, 0o755)
    except Error as e:
        return complain_about(path, e.message)
    return 0


def make_parents(path: str) -> None:
    for i in range(1, len(path) + 1):
        if i == len(path) or path[i] == ord("/"):
            if not is_directory(path[:i]):
                sys_mkdir(path[:i], 0o755)
