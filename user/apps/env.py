# SPDX-License-Identifier: LGPL-2.1-or-later
"""env: prints the environment."""

from lang import i32
from lib.args import help_wanted
from lib.output import out
from rt.args import environment


def main() -> i32:
    if help_wanted("usage: env"):
        return 0
    for entry in environment():
        out.line(entry)
    out.flush()
    return 0
