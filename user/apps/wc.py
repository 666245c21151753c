# SPDX-License-Identifier: LGPL-2.1-or-later
"""wc: counts lines, words and bytes."""

from lang import Error, array, i32, struct, u64, u8
from lib.args import Options, complain_about, help_wanted
from lib.output import out
from lib.strings import is_space
from rt.args import args
from rt.io import STDIN, close, open, read

USAGE = "usage: wc [-lwc] [FILE…]\n  -l  lines     -w  words     -c  bytes     (none: all three)"
PIECE = 4096


@struct
class Counts:
    lines: u64 = 0
    words: u64 = 0
    bytes: u64 = 0


@struct
class Wanted:
    lines: bool = False
    words: bool = False
    bytes: bool = False


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if not options.take_flags("lwc"):
        return options.refuse(USAGE)
    wanted = Wanted(options.has("l"), options.has("w"), options.has("c"))
    if not wanted.lines and not wanted.words and not wanted.bytes:
        wanted = Wanted(lines=True, words=True, bytes=True)
    status = count_all(options, wanted)
    out.flush()
    return status


def count_all(options: Options, wanted: Wanted) -> i32:
    total = Counts()
    status: i32 = 0
    paths = options.operands()
    if len(paths) == 0:
        count(STDIN, total)
        show(total, wanted, "")
        return 0
    for path in paths:
        counts = Counts()
        try:
            fd = open(path)
            try:
                count(fd, counts)
            finally:
                close(fd)
            show(counts, wanted, path)
        except Error as e:
            status = complain_about(path, e.message)
        total.lines += counts.lines
        total.words += counts.words
        total.bytes += counts.bytes
    if len(paths) > 1:
        show(total, wanted, "total")
    return status


def count(fd: i32, into: Counts) -> None:
    piece = array(PIECE, u8)
    inside = False
    while (length := read(fd, piece)) > 0:
        into.bytes += length
        for byte in piece[:length]:
            if byte == ord("\n"):
                into.lines += 1
            if is_space(byte):
                inside = False
            elif not inside:
                inside = True
                into.words += 1


def show(counts: Counts, wanted: Wanted, name: str) -> None:
    single = u64(wanted.lines) + u64(wanted.words) + u64(wanted.bytes) == 1
    width: u64 = 0 if single else 7
    first = True
    if wanted.lines:
        put_count(counts.lines, width, first)
        first = False
    if wanted.words:
        put_count(counts.words, width, first)
        first = False
    if wanted.bytes:
        put_count(counts.bytes, width, first)
    if len(name) > 0:
        out.print(f" {name}")
    out.put("\n")


def put_count(value: u64, width: u64, first: bool) -> None:
    if not first:
        out.put(" ")
    out.print(f"{value:>{width}}")
