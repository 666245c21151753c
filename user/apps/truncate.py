# SPDX-License-Identifier: LGPL-2.1-or-later
"""truncate: cuts files to a size, or lets them grow to it by zeros."""

from lang import Error, i32, u64
from kern.abi.file import OpenMode
from lib.args import Options, complain_about, help_wanted, misuse
from lib.posix import ftruncate
from rt.args import args
from rt.io import close, open

USAGE = "usage: truncate -s BYTES FILE…\n  a file that is not there is made"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    size: u64 | None = None
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("s"):
            size = options.number()
            if options.value_missing:
                return misuse("-s takes a number of bytes", USAGE)
        else:
            return options.refuse(USAGE)
    if size is None or len(options.operands()) == 0:
        return misuse("a size and a file are needed", USAGE)
    status: i32 = 0
    for path in options.operands():
        try:
            cut(path, size)
        except Error as e:
            status = complain_about(path, e.message)
    return status


def cut(path: str, size: u64) -> None:
    fd = open(path, OpenMode.WRITE | OpenMode.CREATE)
    try:
        ftruncate(fd, size)
    finally:
        close(fd)
