# SPDX-License-Identifier: LGPL-2.1-or-later
"""echo: prints its arguments."""

from lang import i32, u64
from lib.output import out
from rt.args import args


def main() -> i32:
    words = args()
    newline = len(words) < 2 or words[1] != "-n"
    first: u64 = 1 if newline else 2
    for i in range(first, len(words)):
        if i > first:
            out.put(" ")
        out.put(words[i])
    if newline:
        out.put("\n")
    out.flush()
    return 0
