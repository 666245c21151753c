# SPDX-License-Identifier: LGPL-2.1-or-later
"""rmdir: removes empty directories."""

from lang import Error, i32
from kern.abi.file import FileKind
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.files import kind_itself
from rt.args import args
from syscalls import sys_remove

USAGE = "usage: rmdir PATH…"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next() != 0:
        return options.refuse(USAGE)
    if len(options.operands()) == 0:
        return misuse("a path is needed", USAGE)
    status: i32 = 0
    for path in options.operands():
        status = max(status, remove(path))
    return status


def remove(path: str) -> i32:
    kind = kind_itself(path)
    if kind is not None and kind != FileKind.DIR:
        return complain(f"{path}: not a directory")
    try:
        sys_remove(path)
    except Error as e:
        return complain_about(path, e.message)
    return 0
