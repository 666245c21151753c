# SPDX-License-Identifier: LGPL-2.1-or-later
"""Greetings, as a shared library: what `hellodyn` says. It has what a library may have: functions that raise, variables, zeroed memory,
classes that a program derives from; and it uses the program's runtime, of which there is one in a process.
"""

from abc import ABC, abstractmethod

from lang import Errno, Error, Text, array, noinline, u8, u64

greetings: u64 = 0                          # how many were made
blank = array(10000, u8)                    # nobody writes to it


class Greeter(ABC):
    """How to greet."""

    word: str = "Hello"

    @abstractmethod
    def end(self) -> str:
        """What stands behind the name."""


@noinline
def greet(greeter: Greeter, name: str, into: Text) -> None:
    """Write a greeting. Raises EINVAL for nobody."""
    global greetings
    if not name:
        raise Error(Errno.EINVAL, f"greeting number {greetings + 1} is for nobody")
    greetings += 1
    into.write(f"{greeter.word}, {name}{greeter.end()}")


@noinline
def is_blank() -> bool:
    """Whether the zeroed memory of the library is."""
    return not any(byte != 0 for byte in blank)
