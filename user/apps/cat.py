# SPDX-License-Identifier: LGPL-2.1-or-later
"""cat: prints files, or standard input, one after the other."""

from lang import Error, Errno, i32
from lib.args import Options, complain_about, help_wanted
from lib.files import copy_fd
from rt.args import args
from rt.io import STDIN, STDOUT, close, open

USAGE = "usage: cat [FILE…]      (- or nothing: standard input)"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next() != 0:
        return options.refuse(USAGE)
    files = options.operands()
    if len(files) == 0:
        return print_file("-")
    status: i32 = 0
    for path in files:
        status = max(status, print_file(path))
    return status


def print_file(path: str) -> i32:
    try:
        if path == "-":
            copy_fd(STDIN, STDOUT)
            return 0
        fd = open(path)
        try:
            copy_fd(fd, STDOUT)
        finally:
            close(fd)
    except Error as e:
        if e.errno == Errno.EPIPE:
            return 1
        return complain_about(path, e.message)
    return 0
