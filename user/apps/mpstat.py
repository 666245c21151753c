# SPDX-License-Identifier: LGPL-2.1-or-later
"""mpstat: what the cores spend their time with, over a while."""

from lang import Error, i32, u64
from kern.abi.file import OpenMode
from lib.args import complain, help_wanted, misuse
from lib.files import read_file
from lib.strings import discard, number_or_none
from rt.args import args
from rt.io import close, open, write_all
from rt.time import sleep_usec

USAGE = "usage: mpstat [MILLISECONDS]"
FILE = "#kprof/mpstat"
USUAL_MS: u64 = 1000


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()
    wanted = number_or_none(words[1]) if len(words) == 2 else USUAL_MS
    if len(words) > 2 or wanted is None:
        return misuse("how long is one number", USAGE)
    try:
        tell("on")
        sleep_usec(wanted * 1000)
        shown = read_file(FILE)
        tell("off")
    except Error as e:
        return complain(f"{e.message}")
    print(shown, end="")
    discard(shown)
    return 0


def tell(order: str) -> None:
    fd = open(FILE, OpenMode.WRITE)
    try:
        write_all(fd, order)
    finally:
        close(fd)
