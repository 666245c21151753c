# SPDX-License-Identifier: LGPL-2.1-or-later
"""lockstat: what the kernel's spinlocks did while a program ran: how often they were taken and waited for, and how long they were held."""

from lang import Error, array, i32, u64
from kern.abi.file import OpenMode
from lib.args import complain_about
from lib.command import Command
from lib.files import read_file
from lib.output import out
from lib.strings import discard, next_field, number_or_none
from rt.args import args
from rt.io import close, open, write_all
from rt.process import wait
from rt.time import tsc_to_ns

USAGE = """usage: lockstat PROGRAM [ARG…]
For each place in the kernel that takes one: how often it did; how often not at once, and how long that took, on average and at most;
how long it was held, on average and at most; in ns. Checked builds only."""
FILE = "#kprof/locks"


def main() -> i32:
    command = Command(words=args()[1:])
    if not command.is_found(USAGE):
        return command.status
    try:
        tell("on")
        try:
            status = wait(command.start())
        finally:
            tell("off")
        show()
    except Error as e:
        return complain_about(command.words[0], e.message)
    return status


def tell(order: str) -> None:
    fd = open(FILE, OpenMode.WRITE)
    try:
        write_all(fd, order)
    finally:
        close(fd)


def show() -> None:
    content = read_file(FILE)
    _, rest = content.split1("\n")
    out.print(f"{'TAKEN':>10} {'WAITED':>8} {'NS EACH':>10} {'LONGEST':>10} {'HELD NS':>10} {'LONGEST':>10} PLACE\n")
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        show_class(line)
    out.flush()
    discard(content)


def show_class(line: str) -> None:
    numbers = array(6, u64)
    at: u64 = 0
    for i in range(6):
        field, at = next_field(line, at)
        number = number_or_none(field)
        numbers[i] = 0 if number is None else number
    taken, waited = numbers[0], numbers[1]
    out.print(f"{taken:>10} {waited:>8} {tsc_to_ns(numbers[2]) // max(waited, 1):>10} {tsc_to_ns(numbers[3]):>10}")
    out.print(f" {tsc_to_ns(numbers[4]) // taken:>10} {tsc_to_ns(numbers[5]):>10}{line[at:]}\n")
