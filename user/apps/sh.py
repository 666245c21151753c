# SPDX-License-Identifier: LGPL-2.1-or-later
"""sh: the shell. At a console it edits lines; `sh -c COMMAND [NAME [ARG…]]` and `sh FILE [ARG…]` run what they are given."""

from lang import Error, Span, i32, new
from lib import console
from lib.args import help_wanted
from lib.files import read_all
from lib.sh.builtins import note_directory
from lib.sh.interactive import run_interactive
from lib.sh.interpret import run_file, run_text
from lib.sh.shell import STATUS_SYNTAX, Shell
from lib.strings import discard, is_name
from rt.args import args, environment
from rt.io import STDIN

USAGE = """usage: sh [FILE [ARG…]]
       sh -c COMMAND [NAME [ARG…]]
Without arguments: commands from the keyboard, or from standard input if that is no console. `help` there says more."""


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    sh = new(Shell, name="sh")
    words = args()
    take_environment(sh)
    if len(words) > 1 and words[1] == "-c":
        return run_argument(sh, words)
    if len(words) > 1 and words[1].startswith("-"):
        print(f"sh: unknown option {words[1]}\n{USAGE}", file=2)
        return STATUS_SYNTAX
    if len(words) > 1:
        sh.name = words[1]
        sh.parameters = words[2:]
        return run_file(sh, words[1])
    if console.is_console(STDIN):
        return run_interactive(sh)
    source = read_all(STDIN)
    try:
        return run_text(sh, source, "standard input")
    finally:
        discard(source)


def run_argument(sh: Shell, words: Span[str]) -> i32:
    if len(words) < 3:
        print(f"sh: -c needs a command\n{USAGE}", file=2)
        return STATUS_SYNTAX
    if len(words) > 3:
        sh.name = words[3]
        sh.parameters = words[4:]
    return run_text(sh, words[2], "")


def take_environment(sh: Shell) -> None:
    """Variables of the environment become exported ones; what a shell cannot do without gets a value."""
    for entry in environment():
        name, value = entry.split1("=")
        if is_name(name) and len(name) < len(entry):
            take_variable(sh, name, value)
    if not sh.variables.has("PATH"):
        take_variable(sh, "PATH", "/bin")
    if not sh.variables.has("HOME"):
        take_variable(sh, "HOME", "/")
    note_directory(sh)


def take_variable(sh: Shell, name: str, value: str) -> None:
    """One too many is said and left out."""
    try:
        sh.variables.set(name, value)
        sh.variables.export(name)
    except Error as e:
        print(f"sh: {name}: {e.message}", file=2)
