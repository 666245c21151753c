# SPDX-License-Identifier: LGPL-2.1-or-later
"""Command lines: options, operands, usage and error messages in one style.

    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("n"): ...
        else:
            return options.refuse(USAGE)
    return each(options.operands(), show)

and, where no option has a value,

    if not options.take_flags("al"):
        return options.refuse(USAGE)
    everything = options.has("a")

Letters may be joined (`-la`), a value may follow its letter at once or as the next argument, `--` ends options, `--help`
is seen by `help_wanted` before anything else.
"""

from collections.abc import Callable

from lang import Array, Error, Format, Raises, Span, array, i32, struct, text, u8, u64
from lib.paths import basename, is_absolute
from lib.strings import is_digit, number_or_none
from rt.args import args
from rt.io import STDERR


def program() -> str:
    """This program's name, as messages begin with it."""
    return basename(args()[0]) if len(args()) > 0 else "?"


def help_wanted(usage: str) -> bool:
    """Print the usage if `--help` was given."""
    for arg in args()[min(1, len(args())) :]:
        if arg == "--":
            return False
        if arg == "--help":
            print(usage)
            return True
    return False


def complain(message: Format) -> i32:
    """`program: message` on standard error; gives the status 1 to return."""
    line = text(400)
    line.write(message)
    print(f"{program()}: {line}", file=STDERR)
    return 1


def complain_about(what: str, why: str) -> i32:
    """The same about one file or thing. The kernel's sentences about files begin with their paths, which is not said twice."""
    if is_absolute(why):
        return complain(f"{why}")
    return complain(f"{what}: {why}")


def each(paths: Span[str], action: Callable[[str], Raises[None]]) -> i32:
    """`action(path)` for all of them, also after one that failed, about which it complains. The status to exit with."""
    status: i32 = 0
    for path in paths:
        try:
            action(path)
        except Error as e:
            status = complain_about(path, e.message)
    return status


def misuse(message: Format, usage: str) -> i32:
    """A command line that makes no sense: the reason and the usage on standard error; gives the status 2 to return."""
    line = text(400)
    line.write(message)
    print(f"{program()}: {line}\n{usage}", file=STDERR)
    return 2


@struct
class Options:
    args: Span[str]
    at: u64 = 1                             # the argument looked at
    inside: u64 = 0                         # the letter looked at within it, 0: none yet
    letter: u8 = 0
    value_missing: bool = False
    flags: Array[bool] = array(128)         # by letter: those that `take_flags` met

    def next(self) -> u8:
        """The next option letter; 0 where the operands begin."""
        if self.at >= len(self.args):
            return 0
        current = self.args[self.at]
        if self.inside == 0:
            if len(current) < 2 or current[0] != ord("-"):
                return 0
            if current == "--":
                self.at += 1
                return 0
            self.inside = 1
        self.letter = current[self.inside]
        self.inside += 1
        if self.inside >= len(current):
            self._next_argument()
        return self.letter

    def take_flags(self, known: str) -> bool:
        """Take all options. False at one that is not of these letters, for `refuse`; else `has` tells which were there."""
        while (letter := self.next()) != 0:
            if letter not in known:
                return False
            self.flags[letter] = True
        return True

    def has(self, flag: str) -> bool:
        """Whether this letter was among those taken."""
        return self.flags[flag[0]]

    def next_number(self) -> u64 | None:
        """If the next option is a number (`head -5`): take it."""
        if self.inside != 0 or self.at >= len(self.args):
            return None
        current = self.args[self.at]
        if len(current) < 2 or current[0] != ord("-") or not is_digit(current[1]):
            return None
        value = number_or_none(current[1:])
        if value is not None:
            self._next_argument()
        return value

    def value(self) -> str:
        """The value of the option just taken; "" and `value_missing` if there is none."""
        if self.at >= len(self.args):
            self.value_missing = True
            return ""
        found = self.args[self.at][self.inside :]
        self._next_argument()
        return found

    def number(self) -> u64:
        """A value that is a number; `value_missing` is set if it is not."""
        found = number_or_none(self.value())
        if found is None:
            self.value_missing = True
            return 0
        return found

    def operands(self) -> Span[str]:
        return self.args[min(self.at, len(self.args)) :]

    def refuse(self, usage: str) -> i32:
        """For an option that the program does not know."""
        letter = text(4)
        current = self.args[self.at] if self.inside != 0 else self.args[self.at - 1]
        if current.startswith("--"):
            return misuse(f"unknown option {current}", usage)
        for i in range(len(current)):
            if current[i] == self.letter:
                letter.append(current[i : i + 1])
                break
        return misuse(f"unknown option -{letter}", usage)

    def _next_argument(self) -> None:
        self.at += 1
        self.inside = 0
