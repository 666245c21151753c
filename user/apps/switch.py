# SPDX-License-Identifier: LGPL-2.1-or-later
"""switch N: what it costs to switch from a thread to the next, among N threads on one vcore."""

from lang import Atomic, array, i32, u64
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from pthread import Thread, yield_now
from parlib.control import limit_vcores
from rt.args import args
from rt.time import now_tsc, tsc_to_ns

USAGE = "usage: switch THREADS [SWITCHES]"
MAX_THREADS: u64 = 1000
DEFAULT_SWITCHES: u64 = 200_000

waiting = Atomic[u64](0)
first_tsc = Atomic[u64](0)
last_tsc = Atomic[u64](0)
party: u64 = 0


def main() -> i32:
    global party
    if help_wanted(USAGE):
        return 0
    if not 2 <= len(args()) <= 3:
        return misuse("how many threads?", USAGE)
    count = number_or_none(args()[1])
    switches = number_or_none(args()[2]) if len(args()) > 2 else DEFAULT_SWITCHES
    if count is None or switches is None or count == 0 or count > MAX_THREADS or switches < count:
        return misuse(f"numbers are needed: 1 to {MAX_THREADS} threads, and as many switches at least", USAGE)
    limit_vcores(1)
    threads = array(MAX_THREADS, Thread)
    party = count
    each = switches // count
    for t in threads[:count]:
        t.start(work, each)
    for t in threads[:count]:
        t.join()
    total = each * count
    cycles = (last_tsc.load() - first_tsc.load()) // total
    ns = tsc_to_ns((last_tsc.load() - first_tsc.load()) * 10) // total
    print(f"{total} switches among {count} threads: {ns // 10}.{ns % 10} ns each, {cycles} cycles each")
    return 0


def work(switches: u64) -> None:
    # Nobody's switches count before all are there.
    if waiting.add(1) + 1 == party:
        first_tsc.store(now_tsc())
    while waiting.load() < party:
        yield_now()
    for _ in range(switches):
        yield_now()
    last_tsc.store(now_tsc())
