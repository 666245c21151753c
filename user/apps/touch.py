# SPDX-License-Identifier: LGPL-2.1-or-later
"""touch: makes files that are not there yet; others count as changed now."""

from lang import i32
from kern.abi.file import OpenMode
from lib.args import Options, each, help_wanted, misuse
from lib.posix import utime
from rt.args import args
from rt.io import close, open
from rt.time import wall_ns

USAGE = "usage: touch FILE…"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next() != 0:
        return options.refuse(USAGE)
    if len(options.operands()) == 0:
        return misuse("a file is needed", USAGE)
    return each(options.operands(), touch)


def touch(path: str) -> None:
    close(open(path, OpenMode.WRITE | OpenMode.CREATE))
    utime(path, wall_ns())
