# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `head` and `tail` share: how many lines of which files, and the headings between those."""

from typing import Callable

from lang import Error, Raises, i32, u64
from lib.args import Options, complain_about, help_wanted, misuse
from lib.output import out
from rt.args import args
from rt.io import STDIN, open


def each_end(usage: str, show: Callable[[i32, u64], Raises[None]]) -> i32:
    """The whole command: `show(fd, lines)`, which closes it, for each file, or for standard input. The status to exit with."""
    if help_wanted(usage):
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
            return options.refuse(usage)
        lines = options.number()
        if options.value_missing:
            return misuse("-n needs a number", usage)
    paths = options.operands()
    if len(paths) == 0:
        show(STDIN, lines)
    status: i32 = 0
    for path in paths:
        try:
            fd = open(path)
            if len(paths) > 1:
                out.print(f"==> {path} <==\n")
            show(fd, lines)
        except Error as e:
            status = complain_about(path, e.message)
    out.flush()
    return status
