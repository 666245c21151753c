# SPDX-License-Identifier: LGPL-2.1-or-later
"""pthreads: mutex, condition variable, barrier, semaphore, once and keys at work; says what each came to."""

from typing import Callable

from lang import Atomic, Raises, array, i32, u64
from lib.args import help_wanted, misuse
from pthread import Barrier, CondVar, Key, Mutex, Once, Semaphore, Thread, yield_now
from rt.args import args

USAGE = "usage: pthreads"
WORKERS: u64 = 16
ROUNDS: u64 = 200
ITEMS: u64 = 1000
CAPACITY: u64 = 8

mutex = Mutex()
counter: u64 = 0
barrier = Barrier(parties=WORKERS)
last_ones = Atomic[u64](0)
early = Atomic[u64](0)
arrived = Atomic[u64](0)
semaphore = Semaphore()
inside = Atomic[u64](0)
most_inside = Atomic[u64](0)
once = Once()
once_runs = Atomic[u64](0)
key = Key()
forgotten = Atomic[u64](0)
queue_mutex = Mutex()
not_empty = CondVar()
not_full = CondVar()
queue_used: u64 = 0
consumed = Atomic[u64](0)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    if len(args()) > 1:
        return misuse(f"{args()[1]}: nothing is to be told", USAGE)
    good = True
    run_all(add_with_mutex)
    good = tell("mutex", counter, WORKERS * ROUNDS) and good
    run_all(meet_at_barrier)
    good = tell("barrier: last ones", last_ones.load(), ROUNDS) and good
    good = tell("barrier: too early", early.load(), 0) and good
    for _ in range(3):
        semaphore.up()
    run_all(pass_semaphore)
    good = tell("semaphore: most at once is 3 or fewer", u64(most_inside.load() <= 3), 1) and good
    run_all(do_once)
    good = tell("once", once_runs.load(), 1) and good
    key.create(forget)
    run_all(use_key)
    good = tell("keys: destructors run", forgotten.load(), WORKERS) and good
    run_all(produce_or_consume)
    good = tell("condition variable: items", consumed.load(), ITEMS * (WORKERS // 2)) and good
    return 0 if good else 1


def run_all(action: Callable[[u64], Raises[None]]) -> None:
    threads = array(WORKERS, Thread)
    for i in range(WORKERS):
        threads[i].start(action, i)
    for t in threads:
        t.join()


def tell(what: str, found: u64, expected: u64) -> bool:
    right = found == expected
    if right:
        print(f"{what}: {found}")
    else:
        print(f"{what}: {found}, but {expected} was expected")
    return right


def add_with_mutex(number: u64) -> None:
    global counter
    for _ in range(ROUNDS):
        with mutex:
            seen = counter
            yield_now()
            counter = seen + 1


def meet_at_barrier(number: u64) -> None:
    for turn in range(ROUNDS):
        arrived.add(1)
        if barrier.wait():
            last_ones.add(1)
        if arrived.load() < (turn + 1) * WORKERS:
            early.add(1)


def pass_semaphore(number: u64) -> None:
    for _ in range(ROUNDS):
        semaphore.down()
        now = inside.add(1) + 1
        if now > most_inside.load():
            most_inside.store(now)
        yield_now()
        inside.sub(1)
        semaphore.up()


def do_once(number: u64) -> None:
    once.call(count_once)


def count_once() -> None:
    once_runs.add(1)


def use_key(number: u64) -> None:
    key.set(number + 1)
    yield_now()
    assert key.get() == number + 1, "a key's value is another thread's"


def forget(value: u64) -> None:
    forgotten.add(1)


def produce_or_consume(number: u64) -> None:
    for _ in range(ITEMS):
        if number % 2 == 0:
            produce()
        else:
            consume()


def produce() -> None:
    global queue_used
    with queue_mutex:
        while queue_used == CAPACITY:
            not_full.wait(queue_mutex)
        queue_used += 1
        not_empty.signal()


def consume() -> None:
    global queue_used
    with queue_mutex:
        while queue_used == 0:
            not_empty.wait(queue_mutex)
        queue_used -= 1
        not_full.signal()
    consumed.add(1)
