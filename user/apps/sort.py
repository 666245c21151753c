# SPDX-License-Identifier: LGPL-2.1-or-later
"""sort: orders lines by their bytes, or as numbers."""

from lang import Error, Span, array, free, i32, i64, new, u64
from lib.args import Options, complain_about, help_wanted
from lib.buffer import Buffer
from lib.files import read_all
from lib.output import out
from lib.strings import discard, is_digit, is_space, sort_strings
from rt.args import args
from rt.io import STDIN, close, open

USAGE = "usage: sort [-rnu] [FILE…]\n  -r  backwards     -n  by the number at the start     -u  equal lines once"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("rnu"):
        return options.refuse(USAGE)
    content = Buffer()
    status = gather(options.operands(), content)
    lines = split_lines(content.view)
    if options.has("n"):
        sort_numbers(lines)
    else:
        sort_strings(lines)
    print_lines(lines, options.has("r"), options.has("u"))
    out.flush()
    free(lines)
    content.close()
    return status


def gather(paths: Span[str], into: Buffer) -> i32:
    """Everything from all files, each ended by a line end."""
    status: i32 = 0
    if len(paths) == 0:
        add_content(STDIN, into)
    for path in paths:
        try:
            fd = open(path)
            try:
                add_content(fd, into)
            finally:
                close(fd)
        except Error as e:
            status = complain_about(path, e.message)
    return status


def add_content(fd: i32, into: Buffer) -> None:
    content = read_all(fd)
    into.append(content)
    discard(content)
    if into.used > 0 and into.memory[into.used - 1] != ord("\n"):
        into.add(ord("\n"))


def split_lines(content: str) -> Span[str]:
    """The lines of a text that ends in a line end, in allocated memory; they stay where they are."""
    count: u64 = 0
    for byte in content:
        if byte == ord("\n"):
            count += 1
    lines = new(array(count + 1, str))
    rest = content
    for i in range(count):
        lines[i], rest = rest.split1("\n")
    return lines[:count]


def number_of(line: str) -> i64:
    """The number a line begins with, 0 if none; as large as fits if it is larger."""
    at: u64 = 0
    while at < len(line) and is_space(line[at]):
        at += 1
    negative = at < len(line) and line[at] == ord("-")
    if negative:
        at += 1
    value: i64 = 0
    while at < len(line) and is_digit(line[at]):
        if value > 900_000_000_000_000_000:
            break
        value = value * 10 + i64(line[at] - ord("0"))
        at += 1
    return 0 - value if negative else value


def before(a: str, b: str) -> bool:
    left = number_of(a)
    right = number_of(b)
    return left < right or (left == right and a < b)


def sort_numbers(lines: Span[str]) -> None:
    """Shell sort: in place, no recursion."""
    gap = len(lines) // 2
    while gap > 0:
        for i in range(gap, len(lines)):
            held = lines[i]
            k = i
            while k >= gap and before(held, lines[k - gap]):
                lines[k] = lines[k - gap]
                k -= gap
            lines[k] = held
        gap //= 2


def print_lines(lines: Span[str], backwards: bool, once: bool) -> None:
    for i in range(len(lines)):
        at = len(lines) - 1 - i if backwards else i
        previous = at + 1 if backwards else at - 1
        if not once or i == 0 or lines[at] != lines[previous]:
            out.line(lines[at])
