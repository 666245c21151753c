# SPDX-License-Identifier: LGPL-2.1-or-later
"""grep: prints the lines that match a pattern."""

from lang import Error, i32, new, struct, u64
from lib.args import Options, complain_about, help_wanted, misuse
from lib.output import out
from lib.regex import Regex
from rt.args import args
from rt.io import STDIN, File, close_file, file_of, open_file

USAGE = """usage: grep [-ivncq] PATTERN [FILE…]
  -i  upper and lower case are the same     -v  lines that do not match
  -n  line numbers     -c  just how many     -q  nothing: the status is 0 at the first that matches
  pattern: .  *  +  ?  ^  $  [abc] [^a-z]  and a backslash before what is to stand for itself"""


@struct
class Search:
    regex: Regex
    inverted: bool = False
    numbered: bool = False
    counted: bool = False
    quiet: bool = False
    named: bool = False
    matches: u64 = 0


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("ivncq"):
        return options.refuse(USAGE)
    search = new(Search, inverted=options.has("v"), numbered=options.has("n"), counted=options.has("c"), quiet=options.has("q"))
    search.regex.ignore_case = options.has("i")
    words = options.operands()
    if len(words) == 0:
        return misuse("a pattern is needed", USAGE)
    try:
        search.regex.compile(words[0])
    except Error as e:
        complain_about(words[0], e.message)
        return 2
    search.named = len(words) > 2
    problems = False
    if len(words) == 1:
        search_file(search, "standard input", file_of(STDIN))
    for path in words[1:]:
        try:
            search_file(search, path, open_file(path))
        except Error as e:
            complain_about(path, e.message)
            problems = True
        if search.quiet and search.matches > 0:
            return 0
    out.flush()
    if problems:
        return 2
    return 0 if search.matches > 0 else 1


def search_file(search: Search, name: str, file: File) -> None:
    number: u64 = 0
    found: u64 = 0
    try:
        while (line := file.read_line()) is not None:
            number += 1
            if search.regex.matches(line) != search.inverted:
                found += 1
                if search.quiet:
                    break
                if not search.counted:
                    print_match(search, name, number, line)
    finally:
        close_file(file)
    search.matches += found
    if search.counted and not search.quiet:
        if search.named:
            out.print(f"{name}:")
        out.print(f"{found}\n")


def print_match(search: Search, name: str, number: u64, line: str) -> None:
    if search.named:
        out.print(f"{name}:")
    if search.numbered:
        out.print(f"{number}:")
    out.line(line)
