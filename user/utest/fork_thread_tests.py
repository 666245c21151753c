# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of fork in a single-core process with threads: in the copy there is the thread that forked, and no other."""

from lang import Atomic, Errno, Error, array, i32, u8, u32, u64
from kern.abi.signal import Signal
from parlib.alarm import Alarm
from parlib.control import control
from parlib.signal import handle, raise_signal
from parlib.signal_state import SignalInfo
from parlib.vcore import is_mcp
from pthread import CondVar, Mutex, Semaphore, Thread, yield_now
from pthread.choose import use_2ls
from rt import io
from rt.exit import exit_now
from rt.process import fork, fork_generation, wait
from rt.time import now_ns, sleep_usec
from syscalls import sys_read
from utest.harness import Suite, check, equal, is_wanted, run, suites

GOOD: u64 = 42                              # status of a child that found all as it should be
NS_PER_MS: u64 = 1_000_000

threads = array(8, Thread)
mutex = Mutex()
other_mutex = Mutex()
changed = CondVar()
semaphore = Semaphore()
came_too_late = Semaphore()
alarm = Alarm()
rings = Atomic[u64](0)
steps = Atomic[u64](0)                      # of the threads that never wait
stop = Atomic[u32](0)
ends = array(2, i32)
byte = array(1, u8)
status = Atomic[u64](0)
handled = Atomic[u64](0)


# -- the others: one for each way to be ready or to wait ------------------------------------------------------------
def step(number: u64) -> None:
    while stop.load() == 0:
        steps.add(1)
        yield_now()


def want_mutex(number: u64) -> None:
    with mutex:
        steps.add(1)


def want_semaphore(number: u64) -> None:
    semaphore.down()


def want_change(number: u64) -> None:
    with other_mutex:
        changed.wait(other_mutex)


def want_change_for_long(number: u64) -> None:
    with other_mutex:
        check(changed.wait_until(other_mutex, now_ns() + 60_000 * NS_PER_MS), "a minute has passed")


def want_byte(number: u64) -> None:
    sys_read(ends[0], byte)


def ring(alarm: Alarm) -> None:
    rings.add(1)


def start_others() -> None:
    stop.store(u32(0))
    ends[0], ends[1] = io.pipe()
    threads[0].start(step, 0)
    threads[1].start(step, 1)
    threads[2].start(want_mutex, 2)         # its caller holds it
    threads[3].start(want_semaphore, 3)
    threads[4].start(want_change, 4)
    threads[5].start(want_change_for_long, 5)
    threads[6].start(want_byte, 6)
    for _ in range(50):                     # all of them are where they wait
        yield_now()
    alarm.handler = ring
    alarm.set_after(30 * NS_PER_MS)


def end_others() -> None:
    stop.store(u32(1))
    semaphore.up()
    with other_mutex:
        changed.broadcast()
    io.write_all(ends[1], "x")
    for t in threads[:7]:
        t.join()
    io.close(ends[0])
    io.close(ends[1])


# -- the copy -----------------------------------------------------------------------------------------------------
def is_alone() -> bool:
    """Nobody else runs, whatever comes that they waited for."""
    before = steps.load()
    rings_before = rings.load()             # on a slow machine the alarm may have rung before there was a copy
    semaphore.up()
    mutex.unlock()
    changed.broadcast()
    sleep_usec(60_000)
    for _ in range(20):
        yield_now()
    return steps.load() == before and rings.load() == rings_before


def has_what_it_left() -> bool:
    """What the others waited for was handed to none of them."""
    return mutex.try_lock() and semaphore.try_down() and not semaphore.try_down()


def others_are_refused() -> bool:
    try:
        threads[0].join()
        return False
    except Error as e:
        return e.errno == Errno.EINVAL


def post_later(number: u64) -> None:
    sleep_usec(1000)
    came_too_late.up()


def makes_threads() -> bool:
    """Its own, and deadlines."""
    fresh = array(4, Thread)
    for t in fresh:
        t.start(post_later, 0)
    for _ in range(4):
        came_too_late.down()
    for t in fresh:
        t.join()
    return not came_too_late.down_until(now_ns() + 5 * NS_PER_MS)


def on_signal(signal: u32, info: SignalInfo) -> None:
    handled.add(1)


def check_copy(generation: u64) -> u64:
    """The first thing that is not as it should be, or GOOD."""
    if fork_generation() != generation or is_mcp():
        return 1
    if not is_alone():
        return 2
    if not has_what_it_left():
        return 3
    if not others_are_refused():
        return 4
    if not makes_threads():
        return 5
    raise_signal(Signal.USR1)
    if handled.load() != 1:
        return 6
    mutex.unlock()
    return GOOD


def fork_among_others(number: u64) -> None:
    handle(Signal.USR1, on_signal)
    mutex.lock()
    start_others()
    generation = fork_generation()
    before = steps.load()
    pid = fork()
    if pid == 0:
        exit_now(i32(check_copy(generation + 1)))
    status.store(u64(wait(pid)))
    check(steps.load() > before, "the others do not go on in the original")
    mutex.unlock()
    end_others()
    equal(rings.load(), 1, "alarms that rang in the original")
    rings.store(0)


def test_thread_forks() -> None:
    forker = Thread()
    forker.start(fork_among_others, 0)
    forker.join()
    equal(status.load(), GOOD, "what the copy found")


def test_main_forks() -> None:
    fork_among_others(0)
    equal(status.load(), GOOD, "what the copy found")


def fork_twice(number: u64) -> None:
    """The copy has threads of its own when it forks; and a copy ends with its only thread."""
    pid = fork()
    if pid == 0:
        fork_among_others(0)
        if status.load() != GOOD:
            exit_now(i32(status.load()))
        return
    status.store(u64(wait(pid)))


def test_grandchildren() -> None:
    forker = Thread()
    forker.start(fork_twice, 0)
    forker.join()
    equal(status.load(), 0, "what the grandchild found, if not 0")


@suites
class ForksUnderFifo(Suite):
    name: str = "thread_fork"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        control.wants_to_be_mcp = False
        use_2ls("fifo")
        run("thread_fork.thread", test_thread_forks)
        run("thread_fork.main", test_main_forks)
        run("thread_fork.again", test_grandchildren)


@suites
class ForksUnderStealing(Suite):
    name: str = "thread_fork_steal"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        control.wants_to_be_mcp = False
        use_2ls("steal")
        run("thread_fork_steal.thread", test_thread_forks)
        run("thread_fork_steal.main", test_main_forks)
        run("thread_fork_steal.again", test_grandchildren)
