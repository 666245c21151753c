# SPDX-License-Identifier: LGPL-2.1-or-later
"""readlink: shows what links stand for, or where a path ends."""

from lang import array, i32, u8
from kern.abi.file import PATH_MAX, OpenMode
from lib.args import Options, each, help_wanted, misuse
from lib.output import out
from lib.posix import path_of, readlink
from rt.args import args
from rt.io import close, open

USAGE = """usage: readlink [-f] PATH…
  -f  the path of the file or directory itself, after all links"""


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("f"):
        return options.refuse(USAGE)
    if len(options.operands()) == 0:
        return misuse("a path is needed", USAGE)
    status = each(options.operands(), lambda path: show(path, options.has("f")))
    out.flush()
    return status


def show(path: str, to_end: bool) -> None:
    found = array(PATH_MAX + 1, u8)
    if not to_end:
        out.line(readlink(path, found))
        return
    fd = open(path, OpenMode.READ)
    try:
        out.line(path_of(fd, found))
    finally:
        close(fd)
