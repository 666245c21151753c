# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text in, effects out: parse a command, run it, go on. For scripts, `sh -c`, `source` and what was typed."""

from lang import Error, Errno, free, i32, new, text, u64
from lib.files import read_file
from lib.sh.execute import Executor
from lib.sh.lexer import Incomplete, SyntaxProblem
from lib.sh.parser import Parser
from lib.sh.shell import STATUS_NOT_FOUND, STATUS_SYNTAX, Shell, Streams
from lib.strings import discard
from rt.io import flush_stdout

MAX_SOURCED: u64 = 4                        # files that source files that …: each takes its share of the stack


def run_text(sh: Shell, source: str, name: str) -> i32:
    """Run all commands of `source`; the last status. A syntax error ends it, and is shown as at a line of `name` ("": no line)."""
    parser = new(Parser)
    executor = Executor(sh=sh, tree=parser)
    try:
        parser.begin(source)
        while not parser.at_end() and not sh.exiting and not sh.interrupted:
            if not _run_next(sh, parser, executor, name):
                break
    finally:
        free(parser)
    return sh.status


def run_file(sh: Shell, path: str) -> i32:
    """Run a script in this shell."""
    if sh.sourced >= MAX_SOURCED:
        raise Error(Errno.E2BIG, f"{path}: too many files within files")
    try:
        source = read_file(path)
    except Error as e:
        print(f"sh: {e.message}", file=2)
        sh.status = STATUS_NOT_FOUND
        return sh.status
    sh.sourced += 1
    try:
        return run_text(sh, source, path)
    finally:
        sh.sourced -= 1
        discard(source)


def is_complete(source: str) -> bool:
    """Whether no more lines are needed to make sense of `source`; wrong text counts as complete."""
    parser = new(Parser)
    try:
        parser.begin(source)
        while not parser.at_end():
            parser.parse()
    except Incomplete:
        return False
    except SyntaxProblem:
        return True
    finally:
        free(parser)
    return True


def _run_next(sh: Shell, parser: Parser, executor: Executor, name: str) -> bool:
    """Parse and run one complete command; False after a syntax error."""
    try:
        node = parser.parse()
    except Error as e:
        why = text(160)
        why.append(e.message)
        _tell_problem(sh, parser, name, why.view)
        sh.status = STATUS_SYNTAX
        return False
    if node != 0:
        executor.run(node, Streams())
        flush_stdout()
    return True


def _tell_problem(sh: Shell, parser: Parser, name: str, why: str) -> None:
    source = parser.lexer.source
    at = min(parser.lexer.problem_at, len(source))
    line: u64 = 1
    line_start: u64 = 0
    for i in range(at):
        if source[i] == ord("\n"):
            line += 1
            line_start = i + 1
    column = at - line_start + 1
    flush_stdout()
    if len(name) > 0:
        print(f"{name}:{line}:{column}: syntax error: {why}", file=2)
    elif line > 1:
        print(f"{sh.name}: syntax error in line {line} at column {column}: {why}", file=2)
    else:
        print(f"{sh.name}: syntax error at column {column}: {why}", file=2)
