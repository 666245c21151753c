# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's command line: words separated by blanks, `name` or `name=value`; double quotes keep blanks in a value.

When an option stands there twice, the last one counts. A quote that never closes runs to the end. A backslash takes the next
character as it is; `option` leaves it in the value, and `unescape` writes the value without.
"""

from lang import Text, u64

command_line: str = ""


def set_command_line(line: str) -> None:
    """Remember the line. The storage stays the caller's, and must stay."""
    global command_line
    command_line = line


def option(name: str) -> str | None:
    """The value of the last `name=value`; "" for a bare `name`; None if it is not there."""
    return option_in(command_line, name)


def option_or(name: str, default: str) -> str:
    """The same, with a value for when it is not there."""
    value = option(name)
    return default if value is None else value


def number_option(name: str, default: u64) -> u64:
    """The number in `name=number`; the default if it is not there, or no number of 18 digits at the most."""
    value = option(name)
    return default if value is None or len(value) > 18 or not value.isdigit() else u64(value)


def has_option(name: str) -> bool:
    return option(name) is not None


def option_in(line: str, name: str) -> str | None:
    found: str | None = None
    rest = line
    while True:
        rest = rest.lstrip()
        if not rest:
            return found
        size = word_size(rest)
        value = value_of(rest[:size], name)
        if value is not None:
            found = value
        rest = rest[size:]


def word_size(line: str) -> u64:
    """How long the first word of `line` is, quoted blanks included."""
    quoted = False
    escaped = False
    for i in range(len(line)):
        if escaped:
            escaped = False
        elif line[i] == ord("\\"):
            escaped = True
        elif line[i] == ord('"'):
            quoted = not quoted
        elif line[i] == ord(" ") and not quoted:
            return i
    return len(line)


def value_of(word: str, name: str) -> str | None:
    option = unquote(word)                  # GRUB quotes the whole word: "name=a value"
    if not option.startswith(name):
        return None
    rest = option[len(name) :]
    if not rest:
        return ""
    if not rest.startswith("="):
        return None
    return unquote(rest[1:])


def unquote(value: str) -> str:
    if not value.startswith('"'):
        return value
    inner = value[1:]
    return inner[: len(inner) - 1] if inner.endswith('"') else inner


def unescape(value: str, into: Text) -> None:
    """Append `value` without the backslashes that protect a character."""
    escaped = False
    for i in range(len(value)):
        if value[i] == ord("\\") and not escaped:
            escaped = True
        else:
            into.append(value[i : i + 1])
            escaped = False
