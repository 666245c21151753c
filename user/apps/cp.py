# SPDX-License-Identifier: LGPL-2.1-or-later
"""cp: copies files; of a link, what it stands for."""

from lang import Errno, Error, i32
from lib.files import copy_file, is_directory, is_same
from lib.onto import each_onto

USAGE = "usage: cp FILE TARGET\n       cp FILE… DIRECTORY"


def main() -> i32:
    return each_onto(USAGE, copy_onto)


def copy_onto(source: str, place: str) -> None:
    if is_directory(source):
        raise Error(Errno.EISDIR, "is a directory")
    if is_same(source, place):
        raise Error(Errno.EINVAL, "source and target are the same")
    copy_file(source, place)
