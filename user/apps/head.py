# SPDX-License-Identifier: LGPL-2.1-or-later
"""head: prints the first lines."""

from lang import Error, i32, u64
from lib.args import Options, complain_about, help_wanted, misuse
from lib.output import out
from rt.args import args
from rt.io import STDIN, File, close_file, file_of, open_file

USAGE = "usage: head [-n LINES | -LINES] [FILE…]"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    lines: u64 = 10
    options = Options(args=args())
    while True:
        number = options.next_number()
        if number is not None:
            lines = number
            continue
        option = options.next()
        if option == 0:
            break
        if option != ord("n"):
            return options.refuse(USAGE)
        lines = options.number()
        if options.value_missing:
            return misuse("-n needs a number", USAGE)
    return print_heads(options, lines)


def print_heads(options: Options, lines: u64) -> i32:
    status: i32 = 0
    paths = options.operands()
    if len(paths) == 0:
        head(file_of(STDIN), lines)
    for path in paths:
        try:
            file = open_file(path)
            if len(paths) > 1:
                out.print(f"==> {path} <==\n")
            head(file, lines)
        except Error as e:
            status = complain_about(path, e.message)
    out.flush()
    return status


def head(file: File, lines: u64) -> None:
    left = lines
    try:
        while left > 0:
            line = file.read_line()
            if line is None:
                break
            out.line(line)
            left -= 1
    finally:
        close_file(file)
