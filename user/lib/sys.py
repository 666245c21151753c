# SPDX-License-Identifier: LGPL-2.1-or-later
"""The few names of Python's `sys` that programs use: standard streams by descriptor, the arguments, `exit`."""

from typing import NoReturn

from lang import Span, i32
from rt.args import args
from rt.exit import exit as exit_process

stdin: i32 = 0
stdout: i32 = 1
stderr: i32 = 2


def argv() -> Span[str]:
    """All arguments; the first is the program's name."""
    return args()


def exit(status: i32) -> NoReturn:
    """Flush standard output and end the process, all its threads with it."""
    exit_process(status)
