# SPDX-License-Identifier: LGPL-2.1-or-later
"""hog: allocates memory until there is no more, or as much as it is told to, tells how much it was, keeps it a while, gives it back."""

from lang import Error, Span, array, free, i32, new, u64, u8
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from syscalls import sys_block

USAGE = "usage: hog [MIB [SECONDS]]"
BLOCK: u64 = 1 << 20
PAGE: u64 = 4096
MAX_BLOCKS: u64 = 65536
LONGEST: u64 = 3600


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    wanted = number_or_none(args()[1]) if len(args()) > 1 else MAX_BLOCKS
    if wanted is None or wanted > MAX_BLOCKS:
        return misuse(f"a number up to {MAX_BLOCKS} is needed", USAGE)
    seconds = number_or_none(args()[2]) if len(args()) > 2 else 0
    if seconds is None or seconds > LONGEST:
        return misuse(f"a number of seconds up to {LONGEST} is needed", USAGE)
    blocks = new(array(wanted, Span[u8]))
    taken: u64 = 0
    try:
        while taken < wanted:
            blocks[taken] = new(array(BLOCK, u8))
            touch(blocks[taken])
            taken += 1
        print(f"allocated {taken} MiB")
    except Error as e:
        print(f"allocated {taken} MiB, then: {e.message}")
    sys_block(seconds * 1_000_000)
    for i in range(taken):
        free(blocks[i])
    free(blocks)
    return 0 if taken == wanted else 1


def touch(block: Span[u8]) -> None:
    offset: u64 = 0
    while offset < len(block):
        block[offset] = 1
        offset += PAGE
