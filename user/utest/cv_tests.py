# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `cv`: condition variables, recursive mutexes, semaphores and reader-writer locks, with deadlines too; after Akaros' cv.c."""

from typing import Callable

from lang import Atomic, Raises, array, free, u32, u64
from kern.abi.time import NS_PER_SEC
from parlib.condvar import CondVar, new_condvar
from parlib.mutex import Mutex, RecursiveMutex, new_mutex, new_recursive_mutex
from parlib.rwlock import RwLock
from parlib.semaphore import Semaphore
from pthread import Thread, yield_now
from rt.time import now_ns, sleep_usec
from utest.harness import Suite, check, equal, run, suites

ROUNDS: u64 = 50                            # a signaller from 1000 us after the waiter to 1000 us before it
STEP_USEC: u64 = 20
WAITERS: u64 = 20
TIMEOUT_NS: u64 = 30_000_000

mutex = Mutex()
condition = CondVar()
flag: bool = False
wait_usec: u64 = 0
signal_usec: u64 = 0
woken = Atomic[u64](0)
threads = array(WAITERS, Thread)
other = Thread()
static_recursive = RecursiveMutex()
static_semaphore = Semaphore(count=5)
timed_semaphore = Semaphore(count=1)
rwlock = RwLock()
value: u64 = 0


@suites
class Cv(Suite):
    name: str = "cv"

    def run(self) -> None:
        run("cv.signal_no_wait", test_signal_no_wait)
        run("cv.signal", test_signal)
        run("cv.broadcast", test_broadcast)
        run("cv.signal_no_mutex", test_signal_no_mutex)
        run("cv.broadcast_no_mutex", test_broadcast_no_mutex)
        run("cv.recurse", test_recurse)
        run("cv.recurse_static", test_recurse_static)
        run("cv.semaphore", test_semaphore)
        run("cv.semaphore_static", test_semaphore_static)
        run("cv.semaphore_timeout", test_semaphore_timeout)
        run("cv.cv_timeout", test_cv_timeout)
        run("cv.cv_timeout_no_mutex", test_cv_timeout_no_mutex)
        run("cv.cv_recurse_timeout", test_cv_recurse_timeout)
        run("cv.rwlock", test_rwlock)
        run("cv.mutex_timeout", test_mutex_timeout)
        run("cv.rwlock_timeout", test_rwlock_timeout)
        run("cv.wake_against_timeout", test_wake_against_timeout)


def test_signal_no_wait() -> None:
    lonely = new_condvar()
    lonely.broadcast()
    lonely.signal()
    yield_now()
    free(lonely)


# -- signals and broadcasts ---------------------------------------------------------------------------------------
def wait_with_mutex(number: u64) -> None:
    sleep_usec(wait_usec)
    with mutex:
        while not flag:
            condition.wait(mutex)
    woken.add(1)


def wait_without_mutex(number: u64) -> None:
    sleep_usec(wait_usec)
    with condition.guard as held:
        while not flag:
            condition.wait_holding(held)
    woken.add(1)


def set_flag() -> None:
    global flag
    flag = True


def signal_outside(number: u64) -> None:
    """Outside the mutex: all waiters that saw the flag down are in the queue by then."""
    sleep_usec(signal_usec)
    with mutex:
        set_flag()
    condition.signal()


def broadcast_inside(number: u64) -> None:
    sleep_usec(signal_usec)
    with mutex:
        set_flag()
        condition.broadcast()


def signal_own_lock(number: u64) -> None:
    sleep_usec(signal_usec)
    with condition.guard:
        set_flag()
        condition.signal_holding()


def broadcast_own_lock(number: u64) -> None:
    sleep_usec(signal_usec)
    with condition.guard:
        set_flag()
        condition.broadcast_holding()


def go_through(waiter: Callable[[u64], Raises[None]], count: u64, waker: Callable[[u64], Raises[None]]) -> None:
    """`count` waiters and one waker, from the beginning."""
    global flag
    flag = False
    woken.store(0)
    for i in range(count):
        threads[i].start(waiter, i)
    other.start(waker, 0)
    for i in range(count):
        threads[i].join()
    other.join()
    equal(woken.load(), count, "woken")


def go_through_delays(waiter: Callable[[u64], Raises[None]], waker: Callable[[u64], Raises[None]]) -> None:
    global wait_usec, signal_usec
    for i in range(ROUNDS):
        wait_usec = i * STEP_USEC
        signal_usec = (ROUNDS - i) * STEP_USEC
        go_through(waiter, 1, waker)


def wake_many(waiter: Callable[[u64], Raises[None]], waker: Callable[[u64], Raises[None]]) -> None:
    global wait_usec, signal_usec
    wait_usec = 0
    signal_usec = 1000
    go_through(waiter, WAITERS, waker)


def test_signal() -> None:
    go_through_delays(wait_with_mutex, signal_outside)


def test_broadcast() -> None:
    wake_many(wait_with_mutex, broadcast_inside)


def test_signal_no_mutex() -> None:
    go_through_delays(wait_without_mutex, signal_own_lock)


def test_broadcast_no_mutex() -> None:
    wake_many(wait_without_mutex, broadcast_own_lock)


# -- recursive mutexes --------------------------------------------------------------------------------------------
def use_recursively(lock: RecursiveMutex) -> None:
    lock.lock()
    equal(lock.count, 1, "locked once")
    check(lock.is_mine(), "not the holder")
    check(lock.try_lock(), "its holder cannot lock it again")
    equal(lock.count, 2, "locked twice")
    lock.lock()
    equal(lock.count, 3, "locked three times")
    other.start(try_static, 0)
    other.join()
    lock.unlock()
    lock.unlock()
    equal(lock.count, 1, "unlocked twice")
    check(lock.is_mine(), "not the holder any more")
    lock.unlock()
    equal(lock.count, 0, "unlocked")
    check(not lock.is_mine() and not lock.mutex.is_held(), "still held")


def try_static(number: u64) -> None:
    """Another thread cannot have it meanwhile, if it is the static one that is held."""
    if static_recursive.count > 0:
        check(not static_recursive.try_lock(), "two holders")


def test_recurse() -> None:
    lock = new_recursive_mutex()
    use_recursively(lock)
    free(lock)


def test_recurse_static() -> None:
    use_recursively(static_recursive)


# -- semaphores ---------------------------------------------------------------------------------------------------
def use_semaphore(semaphore: Semaphore, count: u64) -> None:
    equal(semaphore.count, count, "at first")
    for i in range(count):
        semaphore.down()
        equal(semaphore.count, count - i - 1, "after a down")
    check(not semaphore.try_down(), "one too many")
    semaphore.up()
    check(semaphore.try_down(), "one that is there")
    for i in range(count):
        semaphore.up()
        equal(semaphore.count, i + 1, "after an up")


def test_semaphore() -> None:
    semaphore = Semaphore(count=5)
    use_semaphore(semaphore, 5)


def test_semaphore_static() -> None:
    use_semaphore(static_semaphore, 5)


def passed_in_time(start: u64) -> None:
    """Not before the timeout, nor much later."""
    passed = now_ns() - start
    check(TIMEOUT_NS <= passed < TIMEOUT_NS + 10 * NS_PER_SEC, f"{passed} ns for a timeout of {TIMEOUT_NS}")


def test_semaphore_timeout() -> None:
    check(timed_semaphore.down_until(now_ns() + TIMEOUT_NS), "one that is there")
    start = now_ns()
    check(not timed_semaphore.down_until(start + TIMEOUT_NS), "one that is not there")
    passed_in_time(start)
    equal(timed_semaphore.count, 0, "afterwards")
    timed_semaphore.up()
    equal(timed_semaphore.count, 1, "nobody waits any more")


# -- deadlines ----------------------------------------------------------------------------------------------------
def test_cv_timeout() -> None:
    lock = Mutex()
    lonely = CondVar()
    start = now_ns()
    with lock:
        check(not lonely.wait_until(lock, start + TIMEOUT_NS), "nobody signalled")
        check(lock.is_held(), "the mutex is not held after the wait")
    passed_in_time(start)
    check(not lock.is_held(), "the mutex is held")


def test_cv_timeout_no_mutex() -> None:
    lonely = CondVar()
    start = now_ns()
    with lonely.guard as held:
        woken_early = lonely.wait_holding_until(held, start + TIMEOUT_NS)
    check(not woken_early, "nobody signalled")
    passed_in_time(start)


def test_cv_recurse_timeout() -> None:
    lock = RecursiveMutex()
    lonely = CondVar()
    start = now_ns()
    for _ in range(3):
        lock.lock()
    check(not lonely.wait_recursive_until(lock, start + TIMEOUT_NS), "nobody signalled")
    passed_in_time(start)
    equal(lock.count, 3, "locked")
    check(lock.is_mine() and lock.mutex.is_held(), "the mutex is not held after the wait")
    for _ in range(3):
        lock.unlock()
    equal(lock.count, 0, "unlocked")
    check(not lock.mutex.is_held(), "the mutex is held")


def test_mutex_timeout() -> None:
    lock = new_mutex()
    lock.lock()
    start = now_ns()
    check(not lock.lock_until(start + TIMEOUT_NS), "two holders")
    passed_in_time(start)
    lock.unlock()
    check(lock.lock_until(now_ns() + TIMEOUT_NS), "a free mutex")
    lock.unlock()
    check(not lock.is_held(), "held")
    free(lock)


# -- reader-writer lock -------------------------------------------------------------------------------------------
def read_until_written(number: u64) -> None:
    rwlock.lock_read()
    if value == 0:
        sleep_usec(5000)                    # the writer comes meanwhile, and waits
    rwlock.unlock()
    while True:
        rwlock.lock_read()
        seen = value
        rwlock.unlock()
        if seen != 0:
            return
        sleep_usec(1000)


def write_once(number: u64) -> None:
    global value
    sleep_usec(1000)
    if rwlock.try_write():
        rwlock.unlock()
    rwlock.lock_write()
    value = 1
    rwlock.unlock()


def test_rwlock() -> None:
    global value
    value = 0
    go_through_rw()
    equal(u64(rwlock.readers), 0, "readers that are left")
    check(not rwlock.written, "a writer is left")


def go_through_rw() -> None:
    threads[0].start(read_until_written, 0)
    threads[1].start(read_until_written, 1)
    other.start(write_once, 0)
    threads[0].join()
    threads[1].join()
    other.join()
    equal(value, 1, "value")


def hold_and_time_out(number: u64) -> None:
    start = now_ns()
    check(not rwlock.write_until(start + TIMEOUT_NS), "a writer beside a reader")
    passed_in_time(start)


def read_behind_a_writer(number: u64) -> None:
    """A writer waits, so a new reader does as well, until the writer gives up."""
    rwlock.lock_read()
    rwlock.unlock()
    woken.add(1)


def test_rwlock_timeout() -> None:
    woken.store(0)
    rwlock.lock_read()
    other.start(hold_and_time_out, 0)
    sleep_usec(5000)
    threads[0].start(read_behind_a_writer, 0)
    other.join()
    threads[0].join()
    equal(woken.load(), 1, "readers behind a writer that gave up")
    rwlock.unlock()
    rwlock.lock_write()
    start = now_ns()
    check(not rwlock.read_until(start + TIMEOUT_NS), "a reader beside a writer")
    passed_in_time(start)
    rwlock.unlock()
    check(rwlock.read_until(now_ns() + TIMEOUT_NS) and rwlock.readers == 1, "a free lock")
    rwlock.unlock()


# -- both at once -------------------------------------------------------------------------------------------------
given = Atomic[u32](0)
race_semaphore = Semaphore()


def take_before_deadline(number: u64) -> None:
    for i in range(u64(100)):
        if race_semaphore.down_until(now_ns() + 200_000 + (i + number) % 7 * 40_000):
            given.sub(1)


def test_wake_against_timeout() -> None:
    """Ups that come just as waits expire: each is taken by a wait that says so, or is left in the semaphore."""
    given.store(u32(0))
    for i in range(u64(4)):
        threads[i].start(take_before_deadline, i)
    for _ in range(150):
        given.add(1)
        race_semaphore.up()
        sleep_usec(250)
    for i in range(u64(4)):
        threads[i].join()
    equal(race_semaphore.count, u64(given.load()), "left in the semaphore")
