# SPDX-License-Identifier: LGPL-2.1-or-later
"""registers MILLISECONDS SEED: keeps numbers in all floating-point registers for so long, and tells whether each is what it must be.

Run several at once, with different seeds: what one loses to another shows.
"""

from lang import f64, i32, u64
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from rt.time import now_ns

USAGE = "usage: registers MILLISECONDS SEED"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()
    milliseconds = number_or_none(words[1]) if len(words) == 3 else None
    seed = number_or_none(words[2]) if len(words) == 3 else None
    if milliseconds is None or seed is None:
        return misuse("for how long, and from which number on?", USAGE)
    kept = spin_with_numbers(f64(seed) * 1000.0, milliseconds * 1_000_000)
    print("all registers kept" if kept else "a register was LOST")
    return 0 if kept else 1


def spin_with_numbers(seed: f64, duration_ns: u64) -> bool:
    """Keep a sum in each register for a while; whether each is what it must be."""
    a, b, c, d, e, f, g = seed, seed + 1.0, seed + 2.0, seed + 3.0, seed + 4.0, seed + 5.0, seed + 6.0
    h, i, j, k, p, m, n = seed + 7.0, seed + 8.0, seed + 9.0, seed + 10.0, seed + 11.0, seed + 12.0, seed + 13.0
    rounds: u64 = 0
    end = now_ns() + duration_ns
    while now_ns() < end:
        for _ in range(1000):
            a, b, c, d, e, f, g = a + 1.0, b + 1.0, c + 1.0, d + 1.0, e + 1.0, f + 1.0, g + 1.0
            h, i, j, k, p, m, n = h + 1.0, i + 1.0, j + 1.0, k + 1.0, p + 1.0, m + 1.0, n + 1.0
        rounds += 1000
    base = seed + f64(rounds)
    early = a == base and b == base + 1.0 and c == base + 2.0 and d == base + 3.0 and e == base + 4.0 and f == base + 5.0
    late = h == base + 7.0 and i == base + 8.0 and j == base + 9.0 and k == base + 10.0 and p == base + 11.0 and m == base + 12.0
    return early and late and g == base + 6.0 and n == base + 13.0
