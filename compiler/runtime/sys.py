# SPDX-License-Identifier: GPL-2.0-or-later
"""`import sys` in a hosted program: its arguments, its standard streams, and leaving."""

from typing import NoReturn

from lang import Span, extern, i32

argv: Span[str] = Span[str](0, 0)
stdin: i32 = 0
stdout: i32 = 1
stderr: i32 = 2


@extern("exit")
def host_exit(status: i32) -> NoReturn: ...


def exit(status: i32) -> NoReturn:
    host_exit(status)


def set_arguments(arguments: Span[str]) -> None:
    global argv
    argv = arguments
