# SPDX-License-Identifier: LGPL-2.1-or-later
"""yes: prints a line for ever."""

from lang import i32
from lib.args import help_wanted
from lib.output import out
from rt.args import args


def main() -> i32:
    if help_wanted("usage: yes [WORD]"):
        return 0
    word = args()[1] if len(args()) > 1 else "y"
    while True:
        out.line(word)
