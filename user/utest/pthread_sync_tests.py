# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of the suite `pthread`: what threads share and wait for: mutexes, locks, barriers, keys, semaphores, futexes."""

from lang import Atomic, Errno, Error, u32, u64
from pthread import (
    Barrier,
    Clock,
    CondVar,
    ErrorCheckMutex,
    Key,
    Mutex,
    Once,
    RecursiveMutex,
    RwLock,
    Sem,
    SpinLock,
    forget,
    futex_wait,
    futex_wake,
    sem_open,
    yield_now,
)
from rt.time import now_ns, sleep_usec, wall_ns
from utest.harness import check, equal, run
from utest.pthread_crowd import MANY, cleaned, count, join_all, note_cleanup, ready, threads, wait_until_ready

TIMEOUT_NS: u64 = 20_000_000
HOUR_NS: u64 = 3_600_000_000_000

mutex = Mutex()
semaphore = Sem()
checked = ErrorCheckMutex()
nested = RecursiveMutex()
condition = CondVar()
spin = SpinLock()
rwlock = RwLock()
barrier = Barrier(parties=MANY)
once = Once()
key = Key()
word = Atomic[u32](0)
counter: u64 = 0
last_seen: u64 = 0


def run_sync() -> None:
    run("pthread.mutex_kinds", test_mutex_kinds)
    run("pthread.condition_of_each_kind", test_condition_of_each_kind)
    run("pthread.timed", test_timed)
    run("pthread.clocks", test_clocks)
    run("pthread.spin", test_spin)
    run("pthread.rwlock", test_rwlock)
    run("pthread.barrier_and_once", test_barrier_and_once)
    run("pthread.keys", test_keys)
    run("pthread.semaphore", test_semaphore)
    run("pthread.futex", test_futex)
    run("pthread.futex_timeout", test_futex_timeout)
    run("pthread.futex_against_timeout", test_futex_against_timeout)


def unlock_of_others(number: u64) -> None:
    try:
        checked.unlock()
    except Error as error:
        if error.errno == Errno.EPERM:
            count.add(1)
    check(not checked.try_lock(), "two holders")


def test_mutex_kinds() -> None:
    count.store(0)
    checked.lock()
    threads[0].start(unlock_of_others, 0)
    threads[0].join()
    equal(count.load(), 1, "EPERM")
    twice = Errno.OK
    try:
        checked.lock()
    except Error as error:
        twice = error.errno
    check(twice == Errno.EDEADLK, "locked twice")
    checked.unlock()
    recursive = RecursiveMutex()
    with recursive:
        with recursive:
            equal(recursive.count, 2, "depth")
    equal(recursive.count, 0, "depth")


def wait_with_kind(number: u64) -> None:
    """Locked twice where that can be: all of it is released meanwhile, and the caller's again afterwards."""
    if number < 2:
        checked.lock()
        ready.add(1)
        if number == 0:
            condition.wait_checked(checked)
        else:
            check(condition.wait_checked_until(checked, now_ns() + HOUR_NS), "woken")
        checked.unlock()                    # raises if it is not the caller's
    else:
        nested.lock()
        nested.lock()
        ready.add(1)
        if number == 2:
            condition.wait_recursive(nested)
        else:
            check(condition.wait_recursive_until(nested, now_ns() + HOUR_NS), "woken")
        nested.unlock()
        check(nested.is_mine(), "it was locked twice")
        nested.unlock()
    count.add(1)


def test_condition_of_each_kind() -> None:
    for kind in range(u64(4)):
        count.store(0)
        ready.store(u32(0))
        threads[0].start(wait_with_kind, kind)
        wait_until_ready(1)
        if kind < 2:
            checked.lock()                  # to be had as soon as it waits
            condition.signal()
            checked.unlock()
        else:
            nested.lock()
            condition.signal()
            nested.unlock()
        threads[0].join()
        equal(count.load(), 1, "woken, and went on")
    check(not checked.inner.is_held() and not nested.mutex.is_held(), "something is left")
    refused = Errno.OK
    try:
        condition.wait_checked(checked)
    except Error as error:
        refused = error.errno
    check(refused == Errno.EPERM, "waits with a mutex that it does not hold")


def test_timed() -> None:
    start = now_ns()
    checked.lock()
    threads[0].start(time_out_on_checked, 0)
    threads[0].join()
    checked.unlock()
    check(now_ns() - start >= TIMEOUT_NS, "too early")
    check(checked.lock_until(now_ns() + TIMEOUT_NS), "a free one")
    checked.unlock()


def time_out_on_checked(number: u64) -> None:
    check(not checked.lock_until(now_ns() + TIMEOUT_NS), "two holders")


def test_clocks() -> None:
    """A deadline by the wall clock is as far away as it says."""
    lonely = CondVar(clock=Clock.REALTIME)
    start = now_ns()
    with mutex:
        check(not lonely.wait_until(mutex, wall_ns() + TIMEOUT_NS), "nobody signalled")
    passed = now_ns() - start
    check(TIMEOUT_NS - 1_000_000 <= passed < 500 * TIMEOUT_NS, f"{passed} ns")
    lonely.clock = Clock.MONOTONIC
    start = now_ns()
    with mutex:
        check(not lonely.wait_until(mutex, now_ns() + TIMEOUT_NS), "nobody signalled")
    check(now_ns() - start >= TIMEOUT_NS, "too early")


def count_spinning(number: u64) -> None:
    global counter
    for _ in range(500):
        with spin:
            counter += 1


def test_spin() -> None:
    global counter
    counter = 0
    for i in range(MANY):
        threads[i].start(count_spinning, i)
    join_all()
    equal(counter, MANY * 500, "counted")


def read_or_write(number: u64) -> None:
    """Writers leave the two words different for a moment."""
    global counter, last_seen
    for i in range(u64(200)):
        if (i + number) % 5 == 0:
            rwlock.lock_write()
            counter += 1
            if i % 2 == 0:
                yield_now()
            last_seen = counter
        else:
            rwlock.lock_read()
            check(counter == last_seen, "a reader sees a half-done write")
            if i % 7 == 0:
                yield_now()
        rwlock.unlock()


def test_rwlock() -> None:
    global counter, last_seen
    counter = 0
    last_seen = 0
    for i in range(MANY):
        threads[i].start(read_or_write, i)
    join_all()
    equal(counter, MANY * 40, "writes")
    check(rwlock.readers == 0 and not rwlock.written, "not free at the end")


def count_once() -> None:
    count.add(1)


def meet(number: u64) -> None:
    for _ in range(10):
        once.call(count_once)
        if barrier.wait():
            cleaned.add(1)


def test_barrier_and_once() -> None:
    count.store(0)
    cleaned.store(0)
    for i in range(MANY):
        threads[i].start(meet, i)
    join_all()
    equal(count.load(), 1, "runs of a once")
    equal(cleaned.load(), 10, "last ones at the barrier")


def use_key(number: u64) -> None:
    equal(key.get(), 0, "value of a new thread")
    key.set(number + 1)
    yield_now()
    equal(key.get(), number + 1, "own value")


def test_keys() -> None:
    cleaned.store(0)
    key.create(note_cleanup)
    for i in range(MANY):
        threads[i].start(use_key, i)
    join_all()
    equal(cleaned.load(), MANY * (MANY + 1) // 2, "destroyed")
    key.set(5)
    key.delete()
    again = Key()
    again.create(forget)
    equal(again.get(), 0, "the value of a key that was deleted")
    again.delete()


def pass_on(number: u64) -> None:
    for _ in range(100):
        semaphore.wait()
        count.add(1)
        semaphore.post()


def test_semaphore() -> None:
    count.store(0)
    semaphore.init(2)
    for i in range(MANY):
        threads[i].start(pass_on, i)
    join_all()
    equal(count.load(), MANY * 100, "passes")
    equal(semaphore.value, 2, "value")
    check(semaphore.try_wait() and semaphore.try_wait() and not semaphore.try_wait(), "more than there are")
    start = now_ns()
    check(not semaphore.wait_until(wall_ns() + TIMEOUT_NS), "nobody posted")
    check(now_ns() - start >= TIMEOUT_NS - 1_000_000, "too early")
    unsupported = Errno.OK
    try:
        sem_open("/name")
    except Error as error:
        unsupported = error.errno
    check(unsupported == Errno.ENOSYS, "a named one")


# -- futexes ------------------------------------------------------------------------------------------------------
def wait_on_word(number: u64) -> None:
    ready.add(1)
    while word.load() == 0:
        check(futex_wait(word, 0), "woken by nobody")
    count.add(1)


def test_futex() -> None:
    count.store(0)
    ready.store(u32(0))
    word.store(u32(0))
    check(futex_wait(word, 1), "it has another value")
    equal(futex_wake(word, 5), 0, "nobody to wake")
    for i in range(MANY):
        threads[i].start(wait_on_word, i)
    wait_until_ready(u32(MANY))
    sleep_usec(5000)
    word.store(u32(1))
    woken = futex_wake(word, 3)
    check(woken <= 3, "more than asked for")
    futex_wake(word, MANY)
    join_all()
    equal(count.load(), MANY, "woken")


def test_futex_timeout() -> None:
    word.store(u32(0))
    start = now_ns()
    check(not futex_wait(word, 0, start + TIMEOUT_NS), "nobody woke it")
    check(now_ns() - start >= TIMEOUT_NS, "too early")
    equal(futex_wake(word, 1), 0, "somebody is left")


def wait_briefly(number: u64) -> None:
    for i in range(u64(100)):
        if futex_wait(word, 0, now_ns() + 100_000 + (i + number) % 5 * 30_000):
            count.add(1)


def test_futex_against_timeout() -> None:
    """Each wake-up is a wait's that was woken, and none is left."""
    count.store(0)
    word.store(u32(0))
    for i in range(u64(4)):
        threads[i].start(wait_briefly, i)
    woken: u64 = 0
    for _ in range(100):
        woken += futex_wake(word, 1)
        sleep_usec(150)
    for i in range(u64(4)):
        threads[i].join()
    equal(count.load(), woken, "woken")
