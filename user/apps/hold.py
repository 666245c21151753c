# SPDX-License-Identifier: LGPL-2.1-or-later
"""hold: holds cores. A thread keeps each of them busy; whenever the kernel takes one, or gives one back, it says which it has."""

from lang import Atomic, Span, array, i32, pause, u32, u64
from lib.args import help_wanted, misuse
from lib.duration import parse_duration_ns
from lib.output import out
from lib.strings import number_or_none
from parlib.control import limit_vcores
from parlib.vcore import max_vcores, proc_info
from pthread import Thread, yield_now
from rt.args import args
from rt.process import getpid
from rt.time import now_ns, sleep_usec

USAGE = """usage: hold CORES [SECONDS]
Without SECONDS it holds them until it is killed."""
LOOK_USEC: u64 = 5_000
TURN: u32 = 2_000                           # rounds of a busy thread until others may have its vcore

threads = array(256, Thread)
over = Atomic[u32](0)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()[1:]
    count = number_or_none(words[0]) if len(words) > 0 else None
    duration = parse_duration_ns(words[1]) if len(words) > 1 else ~u64(0)
    if count is None or duration is None or count == 0 or count > u64(max_vcores()):
        return misuse(f"how many cores, from 1 to {max_vcores()}?", USAGE)
    limit_vcores(u32(count))
    for i in range(count):
        threads[i].start(be_busy, i)
    watch(count, now_ns() + min(duration, ~now_ns()))
    over.store(u32(1))
    for i in range(count):
        threads[i].join()
    return 0


def be_busy(number: u64) -> None:
    while over.load() == 0:
        for _ in range(TURN):
            pause()
        yield_now()


def watch(wanted: u64, end: u64) -> None:
    """Tell what we have: first when it is all that was asked for, then at every change."""
    before = array(256, u32)
    cores = array(256, u32)
    had: u64 = 0
    while now_ns() < end:
        count = our_cores(cores)
        if (had > 0 or count == wanted) and cores[:count] != before[:had]:
            tell(cores[:count])
            for i in range(count):
                before[i] = cores[i]
            had = count
        sleep_usec(LOOK_USEC)


def our_cores(into: Span[u32]) -> u64:
    """The cores that are ours at one moment, in the order of their numbers; returns how many."""
    info = proc_info()
    while True:
        start = info.coremap_seqctr.begin_read()
        count: u64 = 0
        for core in range(info.core_count):
            if info.pcoremap[core].valid != 0:
                into[count] = core
                count += 1
        if not info.coremap_seqctr.must_retry(start):
            return count


def tell(cores: Span[u32]) -> None:
    out.print(f"process {getpid()} has core{'' if len(cores) == 1 else 's'}")
    for core in cores:
        out.print(f" {core}")
    out.put("\n")
    out.flush()
