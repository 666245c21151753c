# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `pthread`: what a program that knows POSIX threads expects; and futexes. mutex_null_attr is Akaros' test."""

from lang import Atomic, Errno, Error, Span, addr_of, array, struct, u8, u32, u64
from kern.abi.signal import Signal
from parlib.signal import MaskChange, sigprocmask
from parlib.signal_state import bit
from pthread import (
    CANCELED,
    Attr,
    Barrier,
    CancelType,
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
    Thread,
    cleanup_pop,
    cleanup_push,
    exit_thread,
    forget,
    futex_wait,
    futex_wake,
    self_id,
    sem_open,
    set_cancel_enabled,
    set_cancel_type,
    test_cancel,
    yield_now,
)
from pthread.attr import DEFAULT_STACK_SIZE
from rt import io
from rt.time import now_ns, sleep_usec, wall_ns
from utest.harness import Suite, check, equal, run, suites

MANY: u64 = 16
TIMEOUT_NS: u64 = 20_000_000

threads = array(MANY, Thread)
count = Atomic[u64](0)
cleaned = Atomic[u64](0)
ready = Atomic[u32](0)
stop = Atomic[u32](0)
mutex = Mutex()
condition = CondVar()
semaphore = Sem()
checked = ErrorCheckMutex()
spin = SpinLock()
rwlock = RwLock()
barrier = Barrier(parties=MANY)
once = Once()
key = Key()
word = Atomic[u32](0)
counter: u64 = 0
stack_seen: u64 = 0


@suites
class Pthreads(Suite):
    name: str = "pthread"

    def run(self) -> None:
        run("pthread.mutex_null_attr", test_mutex_null_attr)
        run("pthread.attr", test_attr)
        run("pthread.default_stack", test_default_stack)
        run("pthread.detached", test_detached)
        run("pthread.equal_and_self", test_equal_and_self)
        run("pthread.misuse", test_misuse)
        run("pthread.mask_is_inherited", test_mask_is_inherited)
        run("pthread.cancel_deferred", test_cancel_deferred)
        run("pthread.cancel_blocked", test_cancel_blocked)
        run("pthread.cancel_disabled", test_cancel_disabled)
        run("pthread.cancel_asynchronous", test_cancel_asynchronous)
        run("pthread.cancel_storm", test_cancel_storm)
        run("pthread.cleanup", test_cleanup)
        run("pthread.mutex_kinds", test_mutex_kinds)
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


def join_all() -> None:
    for t in threads:
        t.join()


def error_of(handle: Thread) -> Errno:
    try:
        handle.join()
    except Error as error:
        return error.errno
    return Errno.OK


def test_mutex_null_attr() -> None:
    lock = Mutex()
    lock.lock()
    check(not lock.try_lock(), "two holders")
    lock.unlock()


# -- attributes ---------------------------------------------------------------------------------------------------
@struct
class Deep:
    bytes: u64


def use_stack(size: u64) -> None:
    """Touches its stack down to that depth."""
    here = array(1, u64)
    at_depth = Span[u8](addr_of(here) - size, 8)
    at_depth[0] = 7
    count.add(u64(at_depth[0]))


def test_attr() -> None:
    count.store(0)
    attr = Attr(stack_size=32768, guard_size=8192)
    for t in threads:
        t.start(use_stack, 16384, attr)
    join_all()
    equal(count.load(), MANY * 7, "small stacks")
    large = Attr(stack_size=64 << 20)
    threads[0].start(use_stack, 60 << 20, large)
    threads[0].join()
    equal(count.load(), MANY * 7 + 7, "a large one")
    refused = Errno.OK
    try:
        threads[0].start(use_stack, 0, Attr(stack_size=100))
    except Error as error:
        refused = error.errno
    check(refused == Errno.EINVAL, "a stack of 100 bytes")


def test_default_stack() -> None:
    """4 MiB, of which pages are there when they are touched."""
    count.store(0)
    equal(DEFAULT_STACK_SIZE, 4 << 20, "default size")
    threads[0].start(use_stack, (4 << 20) - 65536)
    threads[0].join()
    equal(count.load(), 7, "down to the end")


def note_end(number: u64) -> None:
    count.add(1)


def test_detached() -> None:
    count.store(0)
    for t in threads:
        t.start(note_end, 0, Attr(detached=True))
        equal(u64(t.id), 0, "the handle has a thread")
    for _ in range(2000):
        if count.load() == MANY:
            break
        sleep_usec(1000)
    equal(count.load(), MANY, "ended")


def say_id(number: u64) -> None:
    exit_thread(u64(self_id()))


def test_equal_and_self() -> None:
    for t in threads:
        t.start(say_id, 0)
    check(threads[0] == threads[0] and not (threads[0] == threads[1]), "equal")
    for t in threads:
        id = u64(t.id)
        equal(t.join(), id, "its own number")


def wait_for_stop(number: u64) -> None:
    ready.add(1)
    while stop.load() == 0:
        yield_now()


def test_misuse() -> None:
    """Errors, not crashes."""
    stop.store(u32(0))
    lonely = Thread()
    check(error_of(lonely) == Errno.EINVAL, "join of nothing")
    lonely.start(wait_for_stop, 0)
    refused = Errno.OK
    try:
        lonely.start(wait_for_stop, 0)
    except Error as error:
        refused = error.errno
    check(refused == Errno.EBUSY, "started twice")
    stop.store(u32(1))
    lonely.join()


def tell_mask(number: u64) -> None:
    exit_thread(sigprocmask(MaskChange.BLOCK, 0))


def test_mask_is_inherited() -> None:
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR2))
    threads[0].start(tell_mask, 0)
    equal(threads[0].join(), before | bit(Signal.USR2), "mask of the new thread")
    sigprocmask(MaskChange.SET, before)


# -- cancelling ---------------------------------------------------------------------------------------------------
def note_cleanup(value: u64) -> None:
    cleaned.add(value)


def go_until_cancelled(number: u64) -> None:
    """`finally` runs, and what was pushed."""
    cleanup_push(note_cleanup, 1)
    cleanup_push(note_cleanup, 10)
    cleanup_push(note_cleanup, 100)
    cleanup_pop(False)
    try:
        ready.add(1)
        while True:
            test_cancel()
            yield_now()
    finally:
        cleaned.add(1000)


def wait_until_ready(wanted: u32) -> None:
    while ready.load() < wanted:
        yield_now()


def test_cancel_deferred() -> None:
    cleaned.store(0)
    ready.store(u32(0))
    threads[0].start(go_until_cancelled, 0)
    wait_until_ready(1)
    threads[0].cancel()
    equal(threads[0].join(), CANCELED, "result")
    equal(cleaned.load(), 1011, "cleaned up")


def block_somewhere(number: u64) -> None:
    """In each kind of wait that is a cancellation point, and each time with something to put in order."""
    try:
        ready.add(1)
        if number == 0:
            ends = io.pipe()
            into = array(8, u8)
            io.read(ends[0], into[:])
        elif number == 1:
            with mutex:
                while True:
                    condition.wait(mutex)
        elif number == 2:
            with mutex:
                while True:
                    _ = condition.wait_until(mutex, now_ns() + 3_600_000_000_000)
        elif number == 3:
            semaphore.wait()
        else:
            sleep_usec(3_600_000_000)
    finally:
        cleaned.add(1)
    count.add(1)                            # nobody gets here


def test_cancel_blocked() -> None:
    cleaned.store(0)
    count.store(0)
    ready.store(u32(0))
    for i in range(u64(5)):
        threads[i].start(block_somewhere, i)
    wait_until_ready(5)
    sleep_usec(20_000)
    for i in range(u64(5)):
        threads[i].cancel()
        equal(threads[i].join(), CANCELED, "result")
    equal(cleaned.load(), 5, "cleaned up")
    equal(count.load(), 0, "that went on")
    check(not mutex.is_held(), "the mutex is held by one that is gone")
    check(condition.inner.waiters.is_empty() and semaphore.inner.waiters.is_empty(), "one that is gone still waits")


def put_off(number: u64) -> None:
    check(set_cancel_enabled(False), "not enabled at first")
    ready.add(1)
    while stop.load() == 0:
        yield_now()
        test_cancel()
    count.add(1)
    set_cancel_enabled(True)
    test_cancel()
    count.add(100)


def test_cancel_disabled() -> None:
    count.store(0)
    ready.store(u32(0))
    stop.store(u32(0))
    threads[0].start(put_off, 0)
    wait_until_ready(1)
    threads[0].cancel()
    for _ in range(50):
        yield_now()
    stop.store(u32(1))
    equal(threads[0].join(), CANCELED, "result")
    equal(count.load(), 1, "went on as long as it was disabled, no further")


def compute_for_ever(number: u64) -> None:
    set_cancel_type(CancelType.ASYNCHRONOUS)
    cleanup_push(note_cleanup, 5)
    ready.add(1)
    while True:
        counting()


def counting() -> None:
    global counter
    counter += 1


def test_cancel_asynchronous() -> None:
    """A thread that never comes to a cancellation point."""
    cleaned.store(0)
    ready.store(u32(0))
    threads[0].start(compute_for_ever, 0)
    wait_until_ready(1)
    threads[0].cancel()
    equal(threads[0].join(), CANCELED, "result")
    equal(cleaned.load(), 5, "cleaned up")


def wait_or_be_cancelled(number: u64) -> None:
    with mutex:
        while True:
            condition.wait(mutex)


def test_cancel_storm() -> None:
    """Just as they come to wait, while others are woken."""
    for round in range(u64(10)):
        for i in range(u64(8)):
            threads[i].start(wait_or_be_cancelled, i)
        if round % 2 == 0:
            condition.broadcast()
        for i in range(u64(8)):
            threads[i].cancel()
        for i in range(u64(8)):
            equal(threads[i].join(), CANCELED, "result")
    check(not mutex.is_held() and condition.inner.waiters.is_empty(), "something is left")


def exit_with_cleanup(number: u64) -> None:
    cleanup_push(note_cleanup, 3)
    cleanup_push(note_cleanup, 4)
    cleanup_pop(True)
    exit_thread(9)


def too_many_cleanups(number: u64) -> None:
    pushed: u64 = 0
    try:
        while pushed < 1000:
            cleanup_push(note_cleanup, 0)
            pushed += 1
    except Error as error:
        count.add(pushed if error.errno == Errno.EAGAIN else 0)
    while pushed > 0:
        cleanup_pop(False)
        pushed -= 1


def test_cleanup() -> None:
    cleaned.store(0)
    count.store(0)
    threads[0].start(exit_with_cleanup, 0)
    equal(threads[0].join(), 9, "result")
    equal(cleaned.load(), 7, "cleaned up")
    threads[0].start(too_many_cleanups, 0)
    threads[0].join()
    check(0 < count.load() < 1000, "handlers without end")


# -- sync objects -------------------------------------------------------------------------------------------------
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
    check(TIMEOUT_NS - 1_000_000 <= passed < 100 * TIMEOUT_NS, f"{passed} ns")
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
    global counter, stack_seen
    for i in range(u64(200)):
        if (i + number) % 5 == 0:
            rwlock.lock_write()
            counter += 1
            if i % 2 == 0:
                yield_now()
            stack_seen = counter
        else:
            rwlock.lock_read()
            check(counter == stack_seen, "a reader sees a half-done write")
            if i % 7 == 0:
                yield_now()
        rwlock.unlock()


def test_rwlock() -> None:
    global counter, stack_seen
    counter = 0
    stack_seen = 0
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
