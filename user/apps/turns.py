# SPDX-License-Identifier: LGPL-2.1-or-later
"""turns MILLISECONDS: computes for so long, and tells how often somebody else had the core meanwhile, and for how long at a time."""

from lang import i32, u64
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from rt.time import now_ns

USAGE = "usage: turns MILLISECONDS"
NS_PER_MS: u64 = 1_000_000
SHORTEST_NS: u64 = 5 * NS_PER_MS            # what is taken for somebody else's turn


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()
    wanted = number_or_none(words[1]) if len(words) == 2 else None
    if wanted is None:
        return misuse("for how long?", USAGE)
    others: u64 = 0
    away: u64 = 0
    before = now_ns()
    end = before + wanted * NS_PER_MS
    while before < end:
        now = now_ns()
        if now - before >= SHORTEST_NS:
            others += 1
            away += now - before
        before = now
    print(f"{others} turns of others, {away // max(others, 1) // NS_PER_MS} ms each")
    return 0
