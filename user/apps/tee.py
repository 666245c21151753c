# SPDX-License-Identifier: LGPL-2.1-or-later
"""tee: copies standard input to standard output and to files."""

from lang import Error, array, i32, u64, u8
from kern.abi.file import OpenMode
from lib.args import Options, complain_about, help_wanted, misuse
from rt.args import args
from rt.io import STDIN, STDOUT, open, read, write_all

USAGE = "usage: tee [-a] [FILE…]\n  -a  append"
MAX_FILES: u64 = 32
PIECE = 4096


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    mode = OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("a"):
            mode = OpenMode.WRITE | OpenMode.CREATE | OpenMode.APPEND
        else:
            return options.refuse(USAGE)
    if len(options.operands()) > MAX_FILES:
        return misuse(f"more than {MAX_FILES} files", USAGE)
    fds = array(MAX_FILES, i32)
    count: u64 = 0
    status: i32 = 0
    for path in options.operands():
        try:
            fds[count] = open(path, mode)
            count += 1
        except Error as e:
            status = complain_about(path, e.message)
    piece = array(PIECE, u8)
    while (length := read(STDIN, piece)) > 0:
        write_all(STDOUT, piece[:length])
        for fd in fds[:count]:
            write_all(fd, piece[:length])
    return status
