# SPDX-License-Identifier: LGPL-2.1-or-later
"""head: prints the first lines."""

from lang import i32, u64
from lib.ends import each_end
from lib.output import out
from rt.io import close_file, file_of

USAGE = "usage: head [-n LINES | -LINES] [FILE…]"


def main() -> i32:
    return each_end(USAGE, head)


def head(fd: i32, lines: u64) -> None:
    file = file_of(fd)
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
