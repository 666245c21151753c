# SPDX-License-Identifier: GPL-2.0-or-later
"""`Error`, and the checks that end a program."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from lang.errno import Errno
from lang.integers import CheckFailed
from lang.text import Str, clip

MESSAGE_ROOM = 127


class Error(Exception):
    """`raise Error(Errno.ENOENT, f"no file {name}")`."""

    def __init__(self, errno: Any = Errno.EUNSPECIFIED, message: Any = "") -> None:
        super().__init__(errno, message)
        self.errno = errno if isinstance(errno, Errno) else Errno(int(errno))
        self.message = Str(clip(str(message), MESSAGE_ROOM)[0])

    def __str__(self) -> str:
        return f"[Errno.{self.errno.name}] {self.message}"


class Panic(Exception):
    """`panic(…)`: the program ends with status 101."""


def panic(message: Any = "") -> NoReturn:
    raise Panic(str(message))


ENDINGS = (CheckFailed, Panic, AssertionError)  # what ends a program, where compiled code would not return


def going_on() -> bool:
    """In `finally`: whether the program still runs."""
    return not isinstance(sys.exc_info()[1], ENDINGS)


def unreachable() -> NoReturn:
    raise CheckFailed("unreachable code was reached")
