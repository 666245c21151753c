# SPDX-License-Identifier: LGPL-2.1-or-later
"""crowd [-2 fifo|steal] THREADS: so many threads, all alive at the same time, then all gone; what each cost in time."""

from lang import Atomic, Error, array, free, i32, new, u64
from lib.args import Options, help_wanted, misuse
from lib.strings import number_or_none
from parlib.vcore import num_vcores
from pthread import Attr, Semaphore, Thread
from pthread.choose import use_2ls
from rt.args import args
from rt.time import now_ns

USAGE = "usage: crowd [-2 fifo|steal] THREADS"
SMALL_STACK: u64 = 65536
MOST: u64 = 1_000_000

alive = Atomic[u64](0)
most_alive = Atomic[u64](0)
gate = Semaphore()
all_here = Semaphore()
party: u64 = 0


def main() -> i32:
    global party
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option != ord("2"):
            return options.refuse(USAGE)
        try:
            use_2ls(options.value())
        except Error as e:
            return misuse(f"{e.message}", USAGE)
    words = options.operands()
    count = number_or_none(words[0]) if len(words) == 1 else None
    if count is None or not 1 <= count <= MOST:
        return misuse(f"a number is needed, from 1 to {MOST}", USAGE)
    party = count
    return gather()


def gather() -> i32:
    threads = new(array(party, Thread))
    small = Attr(stack_size=SMALL_STACK, guard_size=0)  # without guards all are one region of memory
    start = now_ns()
    for i in range(party):
        threads[i].start(stand_by, i, small)
    all_here.down()
    met = now_ns()
    held = alive.load()
    cores = num_vcores()
    gate.up()
    for i in range(party):
        threads[i].join()
    ended = now_ns()
    free(threads)
    print(f"{held} threads alive at once, on {cores} vcores")
    print(f"{(met - start) // party} ns each to start and meet, {(ended - met) // party} ns each to wake, end and join")
    return 0 if held == party and alive.load() == 0 else 1


def stand_by(number: u64) -> None:
    """The last one to come tells; all wait, and each lets the next one go."""
    if alive.add(1) + 1 == party:
        all_here.up()
    gate.down()
    gate.up()
    alive.sub(1)
