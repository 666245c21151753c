# SPDX-License-Identifier: LGPL-2.1-or-later
"""block N MS: N threads that sleep MS milliseconds in the kernel, all at the same time: a blocked call blocks no vcore."""

from lang import Atomic, array, i32, u64
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from pthread import Thread
from rt.args import args
from rt.time import now_ns, sleep_usec

USAGE = "usage: block [THREADS [MILLISECONDS]]"
MAX_THREADS: u64 = 1000

woken = Atomic[u64](0)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    count = number_or_none(args()[1]) if len(args()) > 1 else 20
    milliseconds = number_or_none(args()[2]) if len(args()) > 2 else 200
    if count is None or milliseconds is None or count == 0 or count > MAX_THREADS or milliseconds > 60_000:
        return misuse(f"1 to {MAX_THREADS} threads and up to 60000 milliseconds", USAGE)
    threads = array(MAX_THREADS, Thread)
    start = now_ns()
    for t in threads[:count]:
        t.start(sleeper, milliseconds * 1000)
    for t in threads[:count]:
        t.join()
    took = (now_ns() - start) // 1_000_000
    print(f"{woken.load()} threads slept {milliseconds} ms each; all together took {took} ms")
    return 0 if woken.load() == count and took >= milliseconds else 1


def sleeper(usec: u64) -> None:
    sleep_usec(usec)
    woken.add(1)
