# SPDX-License-Identifier: LGPL-2.1-or-later
"""stat: tells what there is to know about files, and of links about themselves."""

from lang import array, i32, text, u8, u32
from kern.abi.file import PATH_MAX, FileKind, Stat
from lib.args import Options, each, help_wanted, misuse
from lib.calendar import Calendar
from lib.output import out
from lib.posix import lstat, readlink, stat
from rt.args import args

USAGE = "usage: stat [-L] PATH…\n  -L  about what links stand for"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("L"):
        return options.refuse(USAGE)
    if len(options.operands()) == 0:
        return misuse("a path is needed", USAGE)
    status = each(options.operands(), lambda path: show(path, options.has("L")))
    out.flush()
    return status


def show(path: str, follow: bool) -> None:
    found = Stat()
    stands_for = array(PATH_MAX + 1, u8)
    name = text(2 * PATH_MAX + 8)
    name.append(path)
    if follow:
        stat(path, found)
    else:
        lstat(path, found)
        if found.kind == FileKind.LINK:
            name.append(" -> ")
            name.append(readlink(path, stands_for))
    when = Calendar()
    when.set_ns(found.mtime_ns)
    out.print(f"  path: {name}\n  kind: {words_for(found.kind)}\n  size: {found.size}\n  mode: {found.mode:04o}\n")
    out.print(f"device: {found.dev}, file {found.ino}\n")
    out.print(f"change: {when.year:04}-{when.month:02}-{when.day:02} {when.hour:02}:{when.minute:02}:{when.second:02}\n")


def words_for(kind: u32) -> str:
    match kind:
        case FileKind.DIR:
            return "directory"
        case FileKind.CHAR:
            return "device"
        case FileKind.PIPE:
            return "pipe"
        case FileKind.LINK:
            return "link"
        case _:
            return "file"
