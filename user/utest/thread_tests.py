# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of threads over vcores: join, locks, blocked calls beside running threads, events. They turn the process into an MCP."""

from typing import Callable

from lang import Atomic, Raises, ThreadLocal, Uaddr, addr_of, array, f64, free, i32, new, pause, popcount, u32, u64, u8
from kern.abi.event import EventMsg, EventType
from parlib.mcs import McsNode, McsLock, McsPdrLock
from parlib.pdr import PdrLock
from parlib.sync import Barrier, CondVar, Mutex, Once, Semaphore
from parlib.vcore import is_mcp, max_vcores, vcoreid_now
from pthread import Key, Thread, exit_thread, yield_now
from rt import io
from rt.time import now_ns, sleep_usec
from syscalls import sys_block, sys_null, sys_send_event
from utest.harness import check, equal, until
from utest.single_tests import counted_queue, seen_now, type_code, wait_until_seen

MANY = 1000
SOME = 32

threads = array(MANY, Thread)
finished = Atomic[u64](0)
counter: u64 = 0
mutex = Mutex()
pdr_lock = PdrLock()
mcs_lock = McsLock()
mcs_pdr_lock = McsPdrLock()
condition = CondVar()
turn: u64 = 0
barrier = Barrier()
semaphore = Semaphore()
inside = Atomic[u64](0)
most_inside = Atomic[u64](0)
last_ones = Atomic[u64](0)
once = Once()
own_number = ThreadLocal[u64]()
key = Key()
destroyed = Atomic[u64](0)
pipe_read: i32 = -1
pipe_write: i32 = -1
stop = Atomic[u32](0)
spun = Atomic[u64](0)
used_vcores = Atomic[u64](0)


def start_all(count: u64, fn: Callable[[u64], Raises[None]]) -> None:
    for i in range(count):
        threads[i].start(fn, i)


def join_all(count: u64) -> None:
    for i in range(count):
        threads[i].join()


def run_threads(count: u64, fn: Callable[[u64], Raises[None]]) -> None:
    start_all(count, fn)
    join_all(count)


# -- starting and ending ------------------------------------------------------------------------------------------
def note_end(number: u64) -> None:
    finished.add(1)


def test_join_1000() -> None:
    finished.store(0)
    run_threads(MANY, note_end)
    equal(finished.load(), MANY, "threads ended")
    check(is_mcp(), "still an SCP")


def give_number(number: u64) -> None:
    exit_thread(number * 3)


def test_results() -> None:
    start_all(SOME, give_number)
    for i in range(SOME):
        equal(threads[i].join(), u64(i) * 3, "result")


def test_detach() -> None:
    finished.store(0)
    start_all(SOME, note_end)
    for i in range(SOME):
        threads[i].detach()
    wait_for_finished(SOME)
    equal(finished.load(), SOME, "detached threads ended")


def wait_for_finished(count: u64) -> None:
    until(lambda: finished.load() >= count)


def yield_often(number: u64) -> None:
    for _ in range(200):
        used_vcores.or_(u64(1) << (u64(vcoreid_now()) % 64))
        yield_now()
    finished.add(1)


def test_yield() -> None:
    finished.store(0)
    run_threads(SOME, yield_often)
    equal(finished.load(), SOME, "threads ended")


def start_and_join(number: u64) -> None:
    inner = Thread()
    inner.start(note_end, number)
    inner.join()


def test_nested_start() -> None:
    finished.store(0)
    run_threads(SOME, start_and_join)
    equal(finished.load(), SOME, "inner threads ended")


# -- locks --------------------------------------------------------------------------------------------------------
def count_up(lock_kind: u64) -> None:
    """`counter` is no atomic: only the lock keeps it right."""
    global counter
    for i in range(500):
        with mutex:
            before = counter
            if i % 16 == 0:
                yield_now()
            counter = before + 1


def test_mutex_counts_exactly() -> None:
    global counter
    counter = 0
    run_threads(SOME, count_up)
    equal(counter, SOME * 500, "counter")


def count_up_pdr(number: u64) -> None:
    global counter
    for _ in range(1000):
        with pdr_lock:
            counter += 1


def test_pdr_lock_counts_exactly() -> None:
    global counter
    counter = 0
    run_threads(SOME, count_up_pdr)
    equal(counter, SOME * 1000, "counter")


def count_up_mcs_pdr(number: u64) -> None:
    """Few rounds: strict order is slow where fewer real cores than vcores take turns."""
    global counter
    for _ in range(20):
        with mcs_pdr_lock:
            counter += 1


def test_mcs_pdr_lock_counts_exactly() -> None:
    global counter
    counter = 0
    run_threads(8, count_up_mcs_pdr)
    equal(counter, 8 * 20, "counter")


def test_mcs_lock_uncontended() -> None:
    node = McsNode()
    mcs_lock.lock(node)
    check(mcs_lock.tail.load() != 0, "not held")
    mcs_lock.unlock(node)
    equal(mcs_lock.tail.load(), 0, "tail")


def take_turns(number: u64) -> None:
    global turn
    for _ in range(500):
        with mutex:
            while turn % 2 != number:
                condition.wait(mutex)
            turn += 1
            condition.broadcast()


def test_condition_ping_pong() -> None:
    global turn
    turn = 0
    run_threads(2, take_turns)
    equal(turn, 1000, "turns")


def wait_for_signal(number: u64) -> None:
    global turn
    with mutex:
        while turn == 0:
            condition.wait(mutex)
        turn -= 1
    finished.add(1)


def test_condition_signal_wakes_each() -> None:
    global turn
    turn = 0
    finished.store(0)
    start_all(SOME, wait_for_signal)
    for _ in range(SOME):
        with mutex:
            turn += 1
            condition.signal()
    join_all(SOME)
    equal(finished.load(), SOME, "woken")


def meet(number: u64) -> None:
    for round in range(20):
        inside.add(1)
        if barrier.wait():
            last_ones.add(1)
        # Everybody has arrived for this round, nobody for the round after the next.
        arrived = inside.load()
        check(u64(round + 1) * SOME <= arrived <= u64(round + 2) * SOME, f"round {round}: {arrived} arrivals")


def test_barrier() -> None:
    inside.store(0)
    last_ones.store(0)
    barrier.parties = SOME
    run_threads(SOME, meet)
    equal(last_ones.load(), 20, "last ones")


def stay_inside(number: u64) -> None:
    for _ in range(20):
        semaphore.down()
        count = inside.add(1) + 1
        check(count <= 3, f"{count} threads inside")
        yield_now()
        inside.sub(1)
        semaphore.up()


def test_semaphore() -> None:
    inside.store(0)
    for _ in range(3):
        semaphore.up()
    run_threads(SOME, stay_inside)
    equal(inside.load(), 0, "threads inside")


def run_once() -> None:
    sleep_usec(2000)
    inside.add(1)


def call_once(number: u64) -> None:
    once.call(run_once)
    equal(inside.load(), 1, "runs when call returns")


def test_once() -> None:
    inside.store(0)
    run_threads(SOME, call_once)
    equal(inside.load(), 1, "runs")


# -- each thread's own --------------------------------------------------------------------------------------------
def count_destroyed(value: u64) -> None:
    destroyed.add(value)


def keep_own(number: u64) -> None:
    own_number.mine = number
    key.set(number + 1)
    for _ in range(20):
        yield_now()
        equal(own_number.mine, number, "thread-local")
        equal(key.get(), number + 1, "key")
    if number % 2 == 0:
        exit_thread(0)


def test_thread_local() -> None:
    destroyed.store(0)
    key.create(count_destroyed)
    run_threads(SOME, keep_own)
    equal(destroyed.load(), SOME * (SOME + 1) // 2, "destroyed values")


def compute(number: u64) -> None:
    """Floating point survives switches and notifications."""
    total = 0.0
    for i in range(2000):
        total += f64(i % 7) * f64(number)
        if i % 100 == 0:
            yield_now()
    expected = 0.0
    for i in range(2000):
        expected += f64(i % 7) * f64(number)
    check(total == expected, f"thread {number}: {total} is not {expected}")


def test_floating_point() -> None:
    run_threads(SOME, compute)


# -- blocked calls ------------------------------------------------------------------------------------------------
def block_briefly(number: u64) -> None:
    sys_block(1000 + number % 7 * 500)
    finished.add(1)


def test_500_threads_block() -> None:
    finished.store(0)
    run_threads(500, block_briefly)
    equal(finished.load(), 500, "threads ended")


def make_calls(number: u64) -> None:
    for _ in range(100):
        sys_null()
    finished.add(1)


def test_calls_from_many_threads() -> None:
    finished.store(0)
    run_threads(SOME, make_calls)
    equal(finished.load(), SOME, "threads ended")


def read_pipe(number: u64) -> None:
    into = array(8, u8)
    count = io.read(pipe_read, into[:])
    equal(count, 1, "bytes")
    stop.store(u32(1))


def spin_until_stopped(number: u64) -> None:
    while stop.load() == 0:
        spun.add(1)
        yield_now()


def test_blocked_read_lets_others_run() -> None:
    global pipe_read, pipe_write
    ends = io.pipe()
    pipe_read = ends[0]
    pipe_write = ends[1]
    stop.store(u32(0))
    spun.store(0)
    threads[0].start(read_pipe, 0)
    threads[1].start(spin_until_stopped, 1)
    until(lambda: spun.load() > 0)
    check(spun.load() > 0, "the other thread did not run")
    sleep_usec(20000)
    check(stop.load() == 0, "the read returned before there was data")
    io.write_all(pipe_write, "x")
    join_all(2)
    io.close(pipe_read)
    io.close(pipe_write)


def pass_bytes(number: u64) -> None:
    """Threads in a ring round one pipe: each reads a byte and writes it on."""
    into = array(1, u8)
    for _ in range(20):
        io.read(pipe_read, into[:])
        io.write_all(pipe_write, into[:])
    finished.add(1)


def test_many_readers_of_a_pipe() -> None:
    global pipe_read, pipe_write
    ends = io.pipe()
    pipe_read = ends[0]
    pipe_write = ends[1]
    finished.store(0)
    start_all(16, pass_bytes)
    io.write_all(pipe_write, "abcd")
    join_all(16)
    equal(finished.load(), 16, "threads ended")
    io.close(pipe_read)
    io.close(pipe_write)


def test_sleeps_overlap() -> None:
    start = now_ns()
    finished.store(0)
    run_threads(100, sleep_300_ms)
    took = now_ns() - start
    check(300_000_000 <= took < 100 * 300_000_000, f"100 sleeps of 300 ms took {took} ns")


def sleep_300_ms(number: u64) -> None:
    sleep_usec(300_000)


# -- vcores -------------------------------------------------------------------------------------------------------
def test_events_in_an_mcp() -> None:
    """Through a queue that finds a vcore that looks, wherever the process runs by now."""
    queue = counted_queue()
    run_threads(1, note_end)                # of an MCP, whatever ran before
    before = seen_now()
    for _ in range(50):
        sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=type_code(EventType.USER_IPI)), 0)
    wait_until_seen(before + 50)
    equal(seen_now() - before, 50, "messages")


def use_vcore(number: u64) -> None:
    """Until all vcores were seen, or for three seconds."""
    until = now_ns() + 3_000_000_000
    while u32(popcount(used_vcores.load())) < min(max_vcores(), u32(64)) and now_ns() < until:
        used_vcores.or_(u64(1) << (u64(vcoreid_now()) % 64))
        pause()


def test_all_vcores_are_used() -> None:
    used_vcores.store(0)
    run_threads(u64(max_vcores()) * 2, use_vcore)
    equal(u64(popcount(used_vcores.load())), u64(min(max_vcores(), u32(64))), "vcores used")


def allocate_and_free(number: u64) -> None:
    for i in range(100):
        block = new(array(u64(i) * 7 + 1, u8))
        block[u64(i)] = u8(number & 255)
        if i % 10 == 0:
            yield_now()
        check(block[u64(i)] == u8(number & 255), "a block is used twice")
        free(block)


def test_allocator_with_threads() -> None:
    run_threads(SOME, allocate_and_free)


def test_vcores_come_and_go() -> None:
    """All idle, so that the process waits, then at once busy."""
    for _ in range(10):
        sleep_usec(5000)
        finished.store(0)
        run_threads(SOME, note_end)
        equal(finished.load(), SOME, "threads ended")
