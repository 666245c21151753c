# SPDX-License-Identifier: LGPL-2.1-or-later
"""tail: prints the last lines."""

from lang import Span, i32, u8, u64
from lib.ends import each_end
from lib.files import read_all
from lib.output import out
from lib.strings import discard
from rt.io import close

USAGE = "usage: tail [-n LINES | -LINES] [FILE…]"


def main() -> i32:
    return each_end(USAGE, tail)


def tail(fd: i32, lines: u64) -> None:
    try:
        content = read_all(fd)
        out.put(content[tail_start(content, lines) :])
        discard(content)
    finally:
        close(fd)


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
