# SPDX-License-Identifier: LGPL-2.1-or-later
"""ls: lists directories."""

from lang import Error, Span, array, free, i32, new, struct, text, u8, u32, u64
from kern.abi.file import PATH_MAX, DirEntry, FileKind, Stat
from lib import console
from lib.args import Options, complain_about, help_wanted
from lib.calendar import Calendar
from lib.files import close_directory, exists, open_directory
from lib.output import out
from lib.paths import join
from lib.posix import readlink
from lib.strings import columns, discard, duplicate
from rt.args import args
from rt.io import STDOUT
from syscalls import sys_lstat, sys_stat

USAGE = """usage: ls [-1aFl] [PATH…]
  -1  one name a line     -a  names that begin with a dot too     -l  kind, rights, size, time; links with what they stand for
  -F  a mark behind each name: / directory, @ link, * program, | pipe"""
LINE_WIDTH: u64 = 80
PATH_ROOM = 1024


@struct
class Style:
    single: bool = False
    everything: bool = False
    detailed: bool = False
    marked: bool = False


@struct
class Entry:
    name: str                               # allocated
    size: u64 = 0
    mtime_ns: u64 = 0
    kind: u32 = 0
    mode: u32 = 0
    mark: str = ""
    stands_for: str = ""                    # of a link, in detailed listings; allocated


@struct
class Listing:
    """A growing table of entries, which own their names."""

    entries: Span[Entry]
    count: u64 = 0


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("1alF"):
        return options.refuse(USAGE)
    single = options.has("1") or not console.is_console(STDOUT)
    style = Style(single, everything=options.has("a"), detailed=options.has("l"), marked=options.has("F"))
    paths = options.operands()
    if len(paths) == 0:
        status = list_path(".", style, False)
    else:
        status = list_paths(paths, style)
    out.flush()
    return status


def list_paths(paths: Span[str], style: Style) -> i32:
    status: i32 = 0
    for i in range(len(paths)):
        status = max(status, list_path(paths[i], style, len(paths) > 1))
    return status


def list_path(path: str, style: Style, with_title: bool) -> i32:
    """What a link stands for is listed, unless that is not there, or details are wanted."""
    stat = Stat()
    try:
        sys_lstat(path, stat)
        if stat.kind == FileKind.LINK and not style.detailed and exists(path):
            sys_stat(path, stat)
        if stat.kind != FileKind.DIR:
            entry = Entry(name=path, size=stat.size, mtime_ns=stat.mtime_ns, kind=stat.kind)
            complete(entry, path, style)
            if style.detailed:
                print_detailed(entry)
            else:
                print_name(entry)
                out.put("\n")
            discard(entry.stands_for)
            return 0
        if with_title:
            out.line(path)
        list_directory(path, style)
    except Error as e:
        return complain_about(path, e.message)
    return 0


def list_directory(path: str, style: Style) -> None:
    listing = Listing()
    directory = open_directory(path)
    try:
        while directory.next():
            if style.everything or not directory.name.startswith("."):
                add(listing, path, directory.entry, directory.name, style)
        sort_entries(listing.entries[: listing.count])
        print_listing(listing, style)
    finally:
        close_directory(directory)
        for i in range(listing.count):
            discard(listing.entries[i].name)
            discard(listing.entries[i].stands_for)
        if len(listing.entries) > 0:
            free(listing.entries)


def add(listing: Listing, folder: str, found: DirEntry, name: str, style: Style) -> None:
    if listing.count == len(listing.entries):
        grow(listing)
    entry = listing.entries[listing.count]
    entry.name = duplicate(name)
    listing.count += 1
    entry.size = found.size
    entry.mtime_ns = found.mtime_ns
    entry.kind = found.kind
    if style.detailed or style.marked:
        path = text(PATH_ROOM)
        complete(entry, join(path, folder, name), style)


def complete(entry: Entry, path: str, style: Style) -> None:
    """What directories do not tell. If it has gone since, the rest is shown all the same."""
    entry.mark = ""
    entry.stands_for = ""
    entry.mode = 0
    stat = Stat()
    try:
        sys_lstat(path, stat)
        entry.mode = stat.mode
        if style.detailed and entry.kind == FileKind.LINK:
            stands_for = array(PATH_MAX + 1, u8)
            entry.stands_for = duplicate(readlink(path, stands_for))
    except Error:
        return
    if style.marked:
        entry.mark = mark_of(entry)


def mark_of(entry: Entry) -> str:
    match entry.kind:
        case FileKind.DIR:
            return "/"
        case FileKind.LINK:
            return "@"
        case FileKind.PIPE:
            return "|"
        case _:
            return "*" if entry.kind == FileKind.FILE and entry.mode & 0o111 != 0 else ""


def grow(listing: Listing) -> None:
    larger = new(array(max(len(listing.entries) * 2, 32), Entry))
    for i in range(listing.count):
        copy_entry(larger[i], listing.entries[i])
    if len(listing.entries) > 0:
        free(listing.entries)
    listing.entries = larger


def copy_entry(into: Entry, source: Entry) -> None:
    into.name = source.name
    into.size = source.size
    into.mtime_ns = source.mtime_ns
    into.kind = source.kind
    into.mode = source.mode
    into.mark = source.mark
    into.stands_for = source.stands_for


def sort_entries(entries: Span[Entry]) -> None:
    """Shell sort by name: in place, no recursion."""
    gap = len(entries) // 2
    held = Entry()
    while gap > 0:
        for i in range(gap, len(entries)):
            copy_entry(held, entries[i])
            k = i
            while k >= gap and held.name < entries[k - gap].name:
                copy_entry(entries[k], entries[k - gap])
                k -= gap
            copy_entry(entries[k], held)
        gap //= 2


def print_listing(listing: Listing, style: Style) -> None:
    entries = listing.entries[: listing.count]
    if style.detailed:
        for i in range(len(entries)):
            print_detailed(entries[i])
    elif style.single:
        for i in range(len(entries)):
            print_name(entries[i])
            out.put("\n")
    else:
        print_columns(entries)


def print_columns(entries: Span[Entry]) -> None:
    """Down, then across, as many columns as fit."""
    if len(entries) == 0:
        return
    widest: u64 = 0
    for i in range(len(entries)):
        widest = max(widest, columns(entries[i].name) + len(entries[i].mark))
    per_line = max(LINE_WIDTH // (widest + 2), 1)
    lines = (len(entries) + per_line - 1) // per_line
    for line in range(lines):
        at = line
        while at < len(entries):
            print_name(entries[at])
            used = columns(entries[at].name) + len(entries[at].mark)
            at += lines
            if at < len(entries):
                for _ in range(widest + 2 - used):
                    out.put(" ")
        out.put("\n")


def print_name(entry: Entry) -> None:
    out.put(entry.name)
    out.put(entry.mark)


def print_detailed(entry: Entry) -> None:
    rights = text(16)
    rights.append(kind_letter(entry.kind))
    bit: u32 = 0o400
    for letter in "rwxrwxrwx":
        if entry.mode & bit == 0:
            rights.append("-")
        else:
            rights.append("r" if letter == ord("r") else ("w" if letter == ord("w") else "x"))
        bit >>= 1
    when = Calendar()
    when.set_ns(entry.mtime_ns)
    out.print(
        f"{rights} {entry.size:>9} {when.year:04}-{when.month:02}-{when.day:02} {when.hour:02}:{when.minute:02} {entry.name}{entry.mark}"
    )
    if entry.kind == FileKind.LINK:
        out.print(f" -> {entry.stands_for}")
    out.put("\n")


def kind_letter(kind: u32) -> str:
    if kind == FileKind.DIR:
        return "d"
    if kind == FileKind.CHAR:
        return "c"
    if kind == FileKind.LINK:
        return "l"
    return "p" if kind == FileKind.PIPE else "-"
