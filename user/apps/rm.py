# SPDX-License-Identifier: LGPL-2.1-or-later
"""rm: removes files and links, and with -r directories and all that is in them, but not what links in them stand for."""

from lang import Errno, Error, i32, text, u64
from kern.abi.file import FileKind
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.files import Names, kind_itself, list_names
from lib.paths import basename, join
from rt.args import args
from syscalls import sys_remove

USAGE = "usage: rm [-rf] PATH…\n  -r  directories with their contents     -f  what is not there is no error"
PATH_ROOM = 1024


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("rf"):
        return options.refuse(USAGE)
    recursive, forced = options.has("r"), options.has("f")
    if len(options.operands()) == 0 and not forced:
        return misuse("a path is needed", USAGE)
    status: i32 = 0
    for path in options.operands():
        status = max(status, remove(path, recursive, forced))
    return status


def remove(path: str, recursive: bool, forced: bool) -> i32:
    name = basename(path)
    if name == "." or name == ".." or name == "/":
        return complain(f"{path}: will not be removed")
    try:
        if kind_itself(path) != FileKind.DIR:
            sys_remove(path)
        elif recursive:
            remove_tree(path)
        else:
            return complain(f"{path}: is a directory")
    except Error as e:
        if forced and e.errno == Errno.ENOENT:
            return 0
        return complain_about(path, e.message)
    return 0


def remove_tree(root: str) -> None:
    """Depth first, with a list of directories instead of recursion: each is emptied of files and removed after those found in it."""
    folders = Names()
    path = text(PATH_ROOM)
    try:
        folders.add(root)
        at: u64 = 0
        while at < folders.count:
            empty_folder(folders.items[at], folders)
            at += 1
        while at > 0:
            at -= 1
            path.clear()
            path.append(folders.items[at])
            sys_remove(path.view)
    finally:
        folders.close()


def empty_folder(folder: str, folders: Names) -> None:
    """Remove the files in a folder; add the folders in it to the list."""
    names = Names()
    path = text(PATH_ROOM)
    try:
        list_names(folder, names)
        for name in names.all():
            inside = join(path, folder, name)
            if kind_itself(inside) == FileKind.DIR:
                folders.add(inside)
            else:
                sys_remove(inside)
    finally:
        names.close()
