# SPDX-License-Identifier: LGPL-2.1-or-later
"""cp: copies files."""

from lang import Error, i32, text
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.files import copy_file, is_directory
from lib.paths import basename, join
from rt.args import args

USAGE = "usage: cp FILE TARGET\n       cp FILE… DIRECTORY"
PATH_ROOM = 1024


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next() != 0:
        return options.refuse(USAGE)
    paths = options.operands()
    if len(paths) < 2:
        return misuse("a file and a target are needed", USAGE)
    target = paths[len(paths) - 1]
    into_directory = is_directory(target)
    if len(paths) > 2 and not into_directory:
        return complain(f"{target}: not a directory")
    status: i32 = 0
    for source in paths[:len(paths) - 1]:
        status = max(status, copy_one(source, target, into_directory))
    return status


def copy_one(source: str, target: str, into_directory: bool) -> i32:
    place = text(PATH_ROOM)
    if into_directory:
        join(place, target, basename(source))
    else:
        place.append(target)
    if is_directory(source):
        return complain(f"{source}: is a directory")
    if place.view == source:
        return complain(f"{source}: source and target are the same")
    try:
        copy_file(source, place.view)
    except Error as e:
        return complain_about(source, e.message)
    return 0
