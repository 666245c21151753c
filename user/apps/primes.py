# SPDX-License-Identifier: LGPL-2.1-or-later
"""primes N: counts the primes below N on every core that the process is granted."""

from lang import Atomic, array, i32, u64
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from parlib.vcore import max_vcores
from pthread import Thread
from rt.args import args

USAGE = "usage: primes N"
CHUNK: u64 = 4096
MAX_WORKERS = 64

next_chunk = Atomic[u64](0)
found = Atomic[u64](0)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    limit = number_or_none(args()[1]) if len(args()) == 2 else None
    if limit is None:
        return misuse("below which number?", USAGE)
    threads = array(MAX_WORKERS, Thread)
    count = min(u64(max_vcores()), len(threads))
    for t in threads[:count]:
        t.start(worker, limit)
    for t in threads[:count]:
        t.join()
    print(f"{found.load():,} primes below {limit:,}, on up to {count} vcores")
    return 0


def worker(limit: u64) -> None:
    while (start := next_chunk.add(CHUNK)) < limit:
        stop = min(start + CHUNK, limit)
        found.add(u64(sum(1 for n in range(start, stop) if is_prime(n))))


def is_prime(n: u64) -> bool:
    if n < 4:
        return n > 1
    if n % 2 == 0:
        return False
    d: u64 = 3
    while d * d <= n:
        if n % d == 0:
            return False
        d += 2
    return True
