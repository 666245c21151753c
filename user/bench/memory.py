# SPDX-License-Identifier: LGPL-2.1-or-later
"""memory KIB: what is in use on an idle machine that was given so much, and what a process and a thread more take.

What the kernel keeps for itself counts as well. A process is `sleep`, and the first of them are not counted: they take what cores have on
lists of their own, which some kernels count as free and others do not. A thread waits for the others, on a stack of 64 KiB.
"""

from lang import Span, array, i32, u64
from lib.args import help_wanted, misuse
from lib.files import read_file
from lib.strings import discard, next_field, number_or_none
from pthread import Attr, Barrier, Thread
from rt.args import args
from rt.process import create_child, kill, run, wait
from rt.time import sleep_usec

USAGE = "usage: memory KIB"
UNCOUNTED: u64 = 64
PROCESSES: u64 = 1000
THREADS: u64 = 1000
SETTLE_USEC: u64 = 200_000                  # what is freed late is freed by then

sleepers = array(UNCOUNTED + PROCESSES, i32)
threads = array(THREADS, Thread)
gate = Barrier(parties=THREADS + 1)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    all = number_or_none(args()[1]) if len(args()) == 2 else None
    if all is None:
        return misuse("how much memory has the machine?", USAGE)
    tell("memory in use, idle", all - free_kib(), 1)
    measure_processes()
    measure_threads()
    return 0


def free_kib() -> u64:
    sleep_usec(SETTLE_USEC)
    content = read_file("/proc/meminfo")
    label = "MemFree:"
    field, _ = next_field(content, u64(max(content.find(label), 0)) + len(label))
    kib = u64(field)
    discard(content)
    return kib


def tell(name: str, kib: u64, count: u64) -> None:
    tenths = kib * 10 // count
    print(f"{name:<56} {tenths // 10:>9,}.{tenths % 10} KiB")


def measure_processes() -> None:
    start_sleepers(sleepers[:UNCOUNTED])
    before = free_kib()
    start_sleepers(sleepers[UNCOUNTED:])
    tell("memory of a process", before - free_kib(), PROCESSES)
    for pid in sleepers:
        kill(pid)
        wait(pid)


def start_sleepers(pids: Span[i32]) -> None:
    argv = array(2, str)
    argv[0] = "sleep"
    argv[1] = "1000"
    for i in range(len(pids)):
        pids[i] = create_child("/bin/sleep", argv[:])
        run(pids[i])


def measure_threads() -> None:
    small = Attr(stack_size=65536, guard_size=0)
    first = Thread()
    first.start(nothing, 0)                 # with it the process is a many-core one, which costs it vcores
    first.join()
    before = free_kib()
    for t in threads:
        t.start(stand_by, 0, small)
    gate.wait()
    tell("memory of a thread", before - free_kib(), THREADS)
    gate.wait()
    for t in threads:
        t.join()


def nothing(unused: u64) -> None:
    return


def stand_by(unused: u64) -> None:
    gate.wait()
    gate.wait()
