# SPDX-License-Identifier: LGPL-2.1-or-later
"""tail: prints the last lines."""

from lang import Error, Span, i32, u64, u8
from lib.args import Options, complain_about, help_wanted, misuse
from lib.files import read_all
from lib.output import out
from lib.strings import discard
from rt.args import args
from rt.io import STDIN, close, open

USAGE = "usage: tail [-n LINES | -LINES] [FILE…]"


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
    return print_tails(options, lines)


def print_tails(options: Options, lines: u64) -> i32:
    status: i32 = 0
    paths = options.operands()
    if len(paths) == 0:
        tail(STDIN, lines)
    for path in paths:
        try:
            fd = open(path)
            if len(paths) > 1:
                out.print(f"==> {path} <==\n")
            try:
                tail(fd, lines)
            finally:
                close(fd)
        except Error as e:
            status = complain_about(path, e.message)
    out.flush()
    return status


def tail(fd: i32, lines: u64) -> None:
    content = read_all(fd)
    out.put(content[tail_start(content, lines) :])
    discard(content)


def tail_start(content: Span[u8], lines: u64) -> u64:
    """Where the last `lines` lines begin. A line end at the very end ends the last line; it does not begin another."""
    at = len(content)
    if at > 0 and content[at - 1] == ord("\n"):
        at -= 1
    left = lines
    while at > 0:
        if content[at - 1] == ord("\n"):
            left -= 1
            if left == 0:
                return at
        at -= 1
    return len(content) if lines == 0 else 0
