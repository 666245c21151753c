# SPDX-License-Identifier: LGPL-2.1-or-later
"""ln: makes symbolic links, names that stand for paths."""

from lang import Error, Span, i32, text
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.files import is_directory, is_link
from lib.paths import basename, join
from lib.posix import symlink
from rt.args import args
from syscalls import sys_remove

USAGE = """usage: ln -s [-fn] TARGET [NAME]
       ln -s [-fn] TARGET… DIRECTORY
  -s  symbolic: there are no others     -f  in the place of a file or link that is there
  -n  a NAME that is a link to a directory is the link"""
PATH_ROOM = 1024


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("sfn"):
        return options.refuse(USAGE)
    words = options.operands()
    if not options.has("s"):
        return misuse("a file has one name here: -s makes a link", USAGE)
    if len(words) == 0:
        return misuse("a target is needed", USAGE)
    return make_links(words, options.has("f"), options.has("n"))


def make_links(words: Span[str], forced: bool, no_entry: bool) -> i32:
    last = words[len(words) - 1] if len(words) > 1 else "."
    targets = words[: max(len(words) - 1, 1)]
    into_directory = is_directory(last) and not (no_entry and is_link(last))
    if len(targets) > 1 and not into_directory:
        return complain(f"{last}: not a directory")
    status: i32 = 0
    for target in targets:
        name = text(PATH_ROOM)
        if into_directory:
            join(name, last, basename(target))
        else:
            name.append(last)
        try:
            make_link(target, name.view, forced)
        except Error as e:
            status = complain_about(name.view, e.message)
    return status


def make_link(target: str, name: str, forced: bool) -> None:
    if forced and not (is_directory(name) and not is_link(name)):
        try:
            sys_remove(name)
        except Error:
            pass                            # nothing there; whatever else it is, making the link says
    symlink(target, name)
