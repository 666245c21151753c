# SPDX-License-Identifier: LGPL-2.1-or-later
"""mv: renames files and directories, or moves them into a directory. Across devices a file is copied and removed."""

from lang import Errno, Error, i32
from lib.files import copy_file, is_directory
from lib.onto import each_onto
from syscalls import sys_remove, sys_rename

USAGE = "usage: mv PATH TARGET\n       mv PATH… DIRECTORY"


def main() -> i32:
    return each_onto(USAGE, rename_or_copy)


def rename_or_copy(source: str, place: str) -> None:
    try:
        sys_rename(source, place)
    except Error as e:
        if e.errno != Errno.EXDEV or is_directory(source):
            raise
        copy_file(source, place)
        sys_remove(source)
