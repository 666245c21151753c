# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `pthread`: what a program that knows POSIX threads expects; and futexes. mutex_null_attr is Akaros' test."""

from lang import Atomic, Errno, Error, Span, addr_of, array, at, struct, u8, u32, u64
from kern.abi.signal import Signal
from parlib.signal import MaskChange, sigprocmask
from parlib.signal_state import bit
from pthread import (
    CANCELED,
    Attr,
    CancelType,
    CondVar,
    Mutex,
    Sem,
    Thread,
    cleanup_pop,
    cleanup_push,
    exit_thread,
    self_id,
    set_cancel_enabled,
    set_cancel_type,
    test_cancel,
    yield_now,
)
from pthread.attr import DEFAULT_STACK_SIZE
from rt import io
from rt.time import now_ns, sleep_usec
from utest.harness import Suite, check, equal, run, suites, until
from utest.pthread_cancel_tests import run_cancel
from utest.pthread_crowd import MANY, cleaned, count, join_all, note_cleanup, ready, threads, wait_until_ready
from utest.pthread_sync_tests import run_sync


stop = Atomic[u32](0)
mutex = Mutex()
condition = CondVar()
semaphore = Sem()
counter: u64 = 0


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
        run_cancel()
        run_sync()


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
    refused = Errno.OK
    try:
        threads[0].start(use_stack, 0, Attr(guard_size=~u64(0)))
    except Error as error:
        refused = error.errno
    check(refused == Errno.EINVAL, "a guard of more bytes than there are")


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
    until(lambda: count.load() == MANY)
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
    lonely.kill(0)                          # sends nothing
    stop.store(u32(1))
    lonely.join()
    lonely.start(join_itself, addr_of(lonely))
    equal(lonely.join(), u64(Errno.EDEADLK), "what it was told, and the handle is good still")


def join_itself(address: u64) -> None:
    while at(Thread, address).id == 0:      # whoever started it has not got that far
        yield_now()
    exit_thread(u64(error_of(at(Thread, address))))


def tell_mask(number: u64) -> None:
    exit_thread(sigprocmask(MaskChange.BLOCK, 0))


def test_mask_is_inherited() -> None:
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR2))
    threads[0].start(tell_mask, 0)
    equal(threads[0].join(), before | bit(Signal.USR2), "mask of the new thread")
    sigprocmask(MaskChange.SET, before)


# -- cancelling ---------------------------------------------------------------------------------------------------
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
