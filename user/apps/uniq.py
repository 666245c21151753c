# SPDX-License-Identifier: LGPL-2.1-or-later
"""uniq: prints runs of equal lines once."""

from lang import i32, u64
from lib.args import Options, help_wanted
from lib.buffer import Buffer
from lib.output import out
from rt.args import args
from rt.io import STDIN, File, close_file, file_of, open_file

USAGE = "usage: uniq [-cd] [FILE]\n  -c  how often each came     -d  only those that came more than once"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("cd"):
        return options.refuse(USAGE)
    paths = options.operands()
    file = open_file(paths[0]) if len(paths) > 0 else file_of(STDIN)
    unique(file, options.has("c"), options.has("d"))
    close_file(file)
    out.flush()
    return 0


def unique(file: File, counted: bool, repeated: bool) -> None:
    previous = Buffer()
    count: u64 = 0
    while (line := file.read_line()) is not None:
        if count > 0 and line == previous.view:
            count += 1
            continue
        show(previous.view, count, counted, repeated)
        previous.clear()
        previous.append(line)
        count = 1
    show(previous.view, count, counted, repeated)
    previous.close()


def show(line: str, count: u64, counted: bool, repeated: bool) -> None:
    if count == 0 or (repeated and count < 2):
        return
    if counted:
        out.print(f"{count:>7} ")
    out.line(line)
