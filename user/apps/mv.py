# SPDX-License-Identifier: LGPL-2.1-or-later
"""mv: renames files and directories, or moves them into a directory. Across devices a file is copied and removed."""

from lang import Errno, Error, i32, text
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.files import copy_file, is_directory
from lib.paths import basename, join
from rt.args import args
from syscalls import sys_remove, sys_rename

USAGE = "usage: mv PATH TARGET\n       mv PATH… DIRECTORY"
PATH_ROOM = 1024


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next() != 0:
        return options.refuse(USAGE)
    paths = options.operands()
    if len(paths) < 2:
        return misuse("a path and a target are needed", USAGE)
    target = paths[len(paths) - 1]
    into_directory = is_directory(target)
    if len(paths) > 2 and not into_directory:
        return complain(f"{target}: not a directory")
    status: i32 = 0
    for source in paths[:len(paths) - 1]:
        status = max(status, move_one(source, target, into_directory))
    return status


def move_one(source: str, target: str, into_directory: bool) -> i32:
    place = text(PATH_ROOM)
    if into_directory:
        join(place, target, basename(source))
    else:
        place.append(target)
    try:
        rename_or_copy(source, place.view)
    except Error as e:
        return complain_about(source, e.message)
    return 0


def rename_or_copy(source: str, target: str) -> None:
    try:
        sys_rename(source, target)
    except Error as e:
        if e.errno != Errno.EXDEV or is_directory(source):
            raise
        copy_file(source, target)
        sys_remove(source)
