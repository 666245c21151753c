# SPDX-License-Identifier: LGPL-2.1-or-later
"""mv: renames files, links and directories, or moves them into a directory. Across devices a file is copied and removed."""

from lang import Errno, Error, array, i32, u8
from kern.abi.file import PATH_MAX
from lib.files import copy_file, is_directory, is_link
from lib.onto import each_onto
from lib.posix import readlink, symlink
from syscalls import sys_remove, sys_rename

USAGE = "usage: mv PATH TARGET\n       mv PATH… DIRECTORY"


def main() -> i32:
    return each_onto(USAGE, rename_or_copy)


def rename_or_copy(source: str, place: str) -> None:
    try:
        sys_rename(source, place)
    except Error as e:
        if e.errno != Errno.EXDEV or is_directory(source) and not is_link(source):
            raise
        if is_link(source):
            stands_for = array(PATH_MAX + 1, u8)
            symlink(readlink(source, stands_for), place)
        else:
            copy_file(source, place)
        sys_remove(source)
