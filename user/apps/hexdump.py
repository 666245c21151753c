# SPDX-License-Identifier: LGPL-2.1-or-later
"""hexdump: prints files, or standard input, as bytes in hexadecimal and as text."""

from lang import Span, array, i32, u64, u8
from lib.args import Options, each, help_wanted
from lib.output import out
from rt.args import args
from rt.io import STDIN, close, open, read_full

USAGE = "usage: hexdump [FILE…]"
PER_LINE: u64 = 16


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next() != 0:
        return options.refuse(USAGE)
    if len(options.operands()) == 0:
        dump(STDIN)
    status = each(options.operands(), dump_file)
    out.flush()
    return status


def dump_file(path: str) -> None:
    fd = open(path)
    try:
        dump(fd)
    finally:
        close(fd)


def dump(fd: i32) -> None:
    line = array(PER_LINE, u8)
    offset: u64 = 0
    while (count := read_full(fd, line)) > 0:
        dump_line(offset, line[:count])
        offset += count
    out.print(f"{offset:08x}\n")


def dump_line(offset: u64, line: Span[u8]) -> None:
    out.print(f"{offset:08x} ")
    for i in range(PER_LINE):
        if i == PER_LINE // 2:
            out.put(" ")
        if i < len(line):
            out.print(f" {line[i]:02x}")
        else:
            out.put("   ")
    out.put("  |")
    for i in range(len(line)):
        out.put(line[i : i + 1] if 32 <= line[i] < 127 else ".")
    out.put("|\n")
