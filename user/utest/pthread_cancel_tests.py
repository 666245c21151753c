# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of the suite `pthread`: what a cancelled thread has left behind, what it still does, and what does not concern it."""

from lang import Atomic, Error, array, i32, u8, u32, u64
from kern.abi.signal import Signal
from kern.abi.tap import TapFilter
from parlib.poll import PollFd, poll
from parlib.signal import MaskChange, sigprocmask, sigsuspend, sigtimedwait, sigwait
from parlib.signal_state import SignalInfo, bit
from pthread import (
    CANCELED,
    CancelType,
    Clock,
    CondVar,
    Key,
    Mutex,
    Sem,
    Thread,
    cleanup_push,
    set_cancel_enabled,
    set_cancel_type,
    test_cancel,
    yield_now,
)
from rt import io
from rt.time import now_ns, sleep_usec
from utest.harness import check, equal, run
from utest.pthread_crowd import cleaned, count, ready, threads, wait_until_ready

HOUR_NS: u64 = 3_600_000_000_000

stop = Atomic[u32](0)
mutex = Mutex()
condition = CondVar()
semaphore = Sem()
lasting = Thread()
key = Key()
pipe_end: i32 = 0


def run_cancel() -> None:
    run("pthread.cancel_points", test_cancel_points)
    run("pthread.cancel_signalled", test_cancel_signalled)
    run("pthread.cancel_enabled_again", test_cancel_enabled_again)
    run("pthread.cancel_disabled_read", test_cancel_disabled_read)
    run("pthread.cleanup_blocks", test_cleanup_blocks)


def last_for_a_while(number: u64) -> None:
    while stop.load() == 0:
        yield_now()


def wait_somehow(number: u64) -> None:
    """In each of the waits that POSIX has end by a cancellation, where no system call blocks."""
    try:
        ready.add(1)
        if number == 0:
            _ = semaphore.wait_until(now_ns() + HOUR_NS, Clock.MONOTONIC)
        elif number == 1:
            lasting.join()
        elif number == 2:
            sigwait(bit(Signal.USR2))
        elif number == 3:
            _ = sigtimedwait(bit(Signal.USR2), SignalInfo(), now_ns() + HOUR_NS)
        elif number == 4:
            sigsuspend(bit(Signal.USR2))
        else:
            ends = io.pipe()
            fds = array(1, PollFd)
            fds[0].fd = ends[0]
            fds[0].events = TapFilter.READABLE
            if number == 5:
                poll(fds[:])
            else:
                poll(fds[:], HOUR_NS // 1000)
    finally:
        cleaned.add(1)
    count.add(1)                            # nobody gets here


def test_cancel_points() -> None:
    kinds: u64 = 7
    cleaned.store(0)
    count.store(0)
    ready.store(u32(0))
    stop.store(u32(0))
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR2))
    lasting.start(last_for_a_while, 0)
    for i in range(kinds):
        threads[i].start(wait_somehow, i)
    wait_until_ready(u32(kinds))
    sleep_usec(20_000)
    for i in range(kinds):
        threads[i].cancel()
        equal(threads[i].join(), CANCELED, "result")
    equal(cleaned.load(), kinds, "cleaned up")
    equal(count.load(), 0, "that went on")
    check(semaphore.inner.waiters.is_empty(), "one that is gone still waits")
    stop.store(u32(1))
    equal(lasting.join(), 0, "the one whose joiner was cancelled")
    sigprocmask(MaskChange.SET, before)


def wait_once(number: u64) -> None:
    with mutex:
        ready.add(1)
        if number == 0:
            condition.wait(mutex)
        else:
            _ = condition.wait_until(mutex, now_ns() + HOUR_NS)
        count.add(1)


def test_cancel_signalled() -> None:
    """One that was signalled, and is cancelled on its way to the mutex: the signal is not lost."""
    for kind in range(u64(2)):
        count.store(0)
        ready.store(u32(0))
        threads[0].start(wait_once, kind)
        wait_until_ready(1)
        with mutex:                         # it waits for the condition now
            condition.signal()
            threads[0].cancel()
        threads[0].join()
        equal(count.load(), 1, "that got the signal")
        check(condition.inner.waiters.is_empty() and not mutex.is_held(), "something is left")


def be_disabled(number: u64) -> None:
    set_cancel_enabled(False)
    set_cancel_type(CancelType.ASYNCHRONOUS)
    ready.add(1)
    while stop.load() == 0:
        yield_now()
    count.add(1)
    set_cancel_enabled(True)
    count.add(100)                          # nobody gets here


def test_cancel_enabled_again() -> None:
    """What was asked for meanwhile comes at once then, if it may come at any time."""
    count.store(0)
    ready.store(u32(0))
    stop.store(u32(0))
    threads[0].start(be_disabled, 0)
    wait_until_ready(1)
    threads[0].cancel()
    stop.store(u32(1))
    equal(threads[0].join(), CANCELED, "result")
    equal(count.load(), 1, "went on as long as it was disabled, no further")


def read_undisturbed(number: u64) -> None:
    global pipe_end
    set_cancel_enabled(False)
    ends = io.pipe()
    pipe_end = ends[1]
    ready.add(1)
    byte = array(1, u8)
    equal(io.read(ends[0], byte[:]), 1, "bytes")
    count.add(1)
    io.close(ends[0])
    set_cancel_enabled(True)
    test_cancel()


def test_cancel_disabled_read() -> None:
    """A blocked call of a thread that cannot be cancelled goes on."""
    count.store(0)
    ready.store(u32(0))
    threads[0].start(read_undisturbed, 0)
    wait_until_ready(1)
    sleep_usec(20_000)
    threads[0].cancel()
    sleep_usec(20_000)
    io.write_all(pipe_end, "x")
    equal(threads[0].join(), CANCELED, "result")
    equal(count.load(), 1, "reads that went on")
    io.close(pipe_end)


def block_for_a_moment(value: u64) -> None:
    try:
        sleep_usec(1000)
        test_cancel()
        cleaned.add(value)
    except Error:
        cleaned.add(1000)


def go_until_cancelled(number: u64) -> None:
    key.set(10)
    cleanup_push(block_for_a_moment, 1)
    ready.add(1)
    while True:
        test_cancel()
        yield_now()


def test_cleanup_blocks() -> None:
    """Handlers and destructors of a cancelled thread do what they like: it is cancelled once."""
    cleaned.store(0)
    ready.store(u32(0))
    key.create(block_for_a_moment)
    threads[0].start(go_until_cancelled, 0)
    wait_until_ready(1)
    threads[0].cancel()
    equal(threads[0].join(), CANCELED, "result")
    equal(cleaned.load(), 11, "cleaned up")
    key.delete()
