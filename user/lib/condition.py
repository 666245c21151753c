# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `test` and `[ ]` ask: strings, numbers, files, `!`, `-a`, `-o`. No recursion on input."""

from lang import Errno, Error, Span, i64, u64
from kern.abi.file import Stat
from lib.files import exists, is_directory, is_file, is_link
from lib.strings import signed_or_none
from syscalls import sys_stat


def evaluate(words: Span[str]) -> bool:
    """or : and ('-o' and)*     and : primary ('-a' primary)*. Raises Error(EINVAL) for what makes no sense."""
    if len(words) == 0:
        return False
    result = False
    conjunction = True
    at: u64 = 0
    while True:
        length = primary_length(words[at:])
        conjunction = primary(words[at : at + length]) and conjunction
        at += length
        if at >= len(words):
            return result or conjunction
        if words[at] == "-o":
            result = result or conjunction
            conjunction = True
        elif words[at] != "-a":
            raise Error(Errno.EINVAL, f"{words[at]}: -a or -o is expected here")
        at += 1


def primary_length(words: Span[str]) -> u64:
    """How many words the condition takes that stands first."""
    at: u64 = 0
    while at + 1 < len(words) and words[at] == "!":
        at += 1
    left = len(words) - at
    if left >= 3 and is_comparison(words[at + 1]):
        return at + 3
    if left >= 2 and is_question(words[at]):
        return at + 2
    return at + 1 if left > 0 else at


def primary(words: Span[str]) -> bool:
    if len(words) == 0:
        raise Error(Errno.EINVAL, "a condition is missing")
    at: u64 = 0
    wanted = True
    while at + 1 < len(words) and words[at] == "!":
        wanted = not wanted
        at += 1
    left = len(words) - at
    if left == 3:
        return compare(words[at], words[at + 1], words[at + 2]) == wanted
    if left == 2:
        return question(words[at], words[at + 1]) == wanted
    return (len(words[at]) > 0) == wanted


def is_comparison(word: str) -> bool:
    match word:
        case "=" | "==" | "!=" | "<" | ">" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge":
            return True
        case _:
            return False


def is_question(word: str) -> bool:
    match word:
        case "-n" | "-z" | "-e" | "-f" | "-d" | "-s" | "-L" | "-h":
            return True
        case _:
            return False


def question(kind: str, word: str) -> bool:
    match kind:
        case "-n":
            return len(word) > 0
        case "-z":
            return len(word) == 0
        case "-e":
            return exists(word)
        case "-f":
            return is_file(word)
        case "-d":
            return is_directory(word)
        case "-L" | "-h":
            return is_link(word)
        case _:
            return has_content(word)


def has_content(path: str) -> bool:
    stat = Stat()
    try:
        sys_stat(path, stat)
    except Error:
        return False
    return stat.size > 0


def compare(left: str, operator: str, right: str) -> bool:
    match operator:
        case "=" | "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case ">":
            return left > right
        case _:
            return compare_numbers(number(left), operator, number(right))


def compare_numbers(left: i64, operator: str, right: i64) -> bool:
    match operator:
        case "-eq":
            return left == right
        case "-ne":
            return left != right
        case "-lt":
            return left < right
        case "-le":
            return left <= right
        case "-gt":
            return left > right
        case _:
            return left >= right


def number(word: str) -> i64:
    value = signed_or_none(word)
    if value is None:
        raise Error(Errno.EINVAL, f"{word}: a number is expected here")
    return value
