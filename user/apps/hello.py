# SPDX-License-Identifier: LGPL-2.1-or-later
"""hello: the smallest program that says something: who it is and where it runs."""

from lang import i32
from lib.args import help_wanted
from parlib.vcore import max_vcores
from rt.process import getpid


def main() -> i32:
    if help_wanted("usage: hello"):
        return 0
    print(f"Hello from Pykaros! I am process {getpid()}, and may have up to {max_vcores()} vcores.")
    return 0
