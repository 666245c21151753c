# SPDX-License-Identifier: LGPL-2.1-or-later
"""The few names of Python's `sys` that programs use: standard streams by descriptor, the arguments, `exit`."""

from typing import NoReturn

from lang import Span, i32
from rt.exit import exit as exit_process

argv: Span[str] = Span[str](0, 0)           # all arguments; the first is the program's name
stdin: i32 = 0
stdout: i32 = 1
stderr: i32 = 2


def set_arguments(arguments: Span[str]) -> None:
    """Called once, before `main`."""
    global argv
    argv = arguments


def exit(status: i32) -> NoReturn:
    """Flush standard output and end the process, all its threads with it."""
    exit_process(status)
