# SPDX-License-Identifier: LGPL-2.1-or-later
"""threads [--2ls=fifo|steal] N M: N threads, each M times: note where it runs, work a little, let others run. Then tells where each ran.

The 2LS decides who runs where: one queue for all vcores, or a queue for each and stealing."""

from lang import Error, Array, Atomic, Span, addr_of, array, at, free, i32, new, pause, popcount, struct, u64
from lib.args import help_wanted, misuse
from lib.output import out
from lib.strings import number_or_none
from parlib.vcore import vcoreid_now
from pthread import Thread, yield_now
from pthread.choose import use_2ls
from rt.args import args
from rt.time import now_tsc, ns_to_tsc

USAGE = "usage: threads [--2ls=fifo|steal] THREADS LOOPS"
MAX_THREADS: u64 = 200_000
WORK_NS: u64 = 50_000
WORDS: u64 = 4                              # 64 vcores in each


@struct
class Worker:
    loops: u64
    vcores: Array[u64] = array(WORDS)       # one bit for each vcore it ran on
    thread: Thread


finished = Atomic[u64](0)
loops_done = Atomic[u64](0)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    given = args()[1:]
    if len(given) > 0 and given[0].startswith("--2ls="):
        try:
            use_2ls(given[0][6:])
        except Error as e:
            return misuse(f"{e.message}", USAGE)
        given = given[1:]
    if len(given) != 2:
        return misuse("how many threads, and how many loops?", USAGE)
    count = number_or_none(given[0])
    loops = number_or_none(given[1])
    if count is None or loops is None or count == 0 or count > MAX_THREADS:
        return misuse(f"two numbers are needed, the first from 1 to {MAX_THREADS}", USAGE)
    table = new(array(count, Worker))
    started = start_all(table, loops)
    for i in range(started):
        table[i].thread.join()
    report(table[:started])
    free(table)
    return 0 if started == count and finished.load() == count else 1


def start_all(table: Span[Worker], loops: u64) -> u64:
    for i in range(len(table)):
        table[i].loops = loops
        table[i].thread.start(work, addr_of(table[i]))
    return len(table)


def work(address: u64) -> None:
    """One thread: `address` is its Worker."""
    worker = at(Worker, address)
    pause_cycles = ns_to_tsc(WORK_NS)
    for _ in range(worker.loops):
        vcore = vcoreid_now()
        worker.vcores[vcore // 64] |= 1 << (vcore % 64)
        start = now_tsc()
        while now_tsc() - start < pause_cycles:
            pause()
        loops_done.add(1)
        yield_now()
    finished.add(1)


def report(table: Span[Worker]) -> None:
    used = array(WORDS, u64)
    for i in range(len(table)):
        out.print(f"thread {i + 1:>4} ran on vcores")
        for word in range(WORDS):
            used[word] |= table[i].vcores[word]
        put_vcores(table[i].vcores)
        out.put("\n")
    vcores: u64 = 0
    for word in range(WORDS):
        vcores += popcount(used[word])
    plural = "" if len(table) == 1 else "s"
    out.print(f"{finished.load()} thread{plural} finished, {loops_done.load()} loops, {vcores} vcores used\n")
    out.flush()


def put_vcores(bits: Span[u64]) -> None:
    for word in range(WORDS):
        for bit in range(u64(64)):
            if bits[word] >> bit & 1 != 0:
                out.print(f" {word * 64 + bit}")
