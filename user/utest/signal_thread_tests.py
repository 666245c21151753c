# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `signal`: signals of a process with many threads; sigmask is Akaros' test."""

from typing import Callable

from lang import Atomic, Error, Raises, Uaddr, addr_of, array, f64, pause, u32, u64
from kern.abi.errno import Errno
from kern.abi.signal import Signal
from kern.abi.syscall import Syscall
from parlib.blockon import block_callback
from parlib.signal import MaskChange, handle, kill, kill_from_vcore, kill_thread, queue_to_thread, sigpending, sigprocmask, sigwait
from parlib.signal_state import SignalInfo, bit
from parlib.uthread import Uthread, uthread_yield
from parlib.vcore import max_vcores
from pthread import Thread, yield_now
from rt.process import getpid
from rt.syscall import wait_for
from rt.time import now_ns, sleep_usec
from syscalls import submit_block, sys_abort_sysc
from utest import signal_notes
from utest.harness import PATIENCE_NS, Suite, check, equal, run, suites
from utest.signal_notes import count, last, note, read_nothing, wait_for_count

stop = Atomic[u32](0)
ready = Atomic[u32](0)
threads = array(8, Thread)


@suites
class Threads(Suite):
    name: str = "signal"

    def run(self) -> None:
        run("signal.sigmask", test_sigmask)
        run("signal.to_running_thread", test_to_running_thread)
        run("signal.to_blocked_thread", test_to_blocked_thread)
        run("signal.to_process", test_to_process)
        run("signal.to_willing_thread", test_to_willing_thread)
        run("signal.before_block", test_before_block)
        run("signal.wait_in_thread", test_wait_in_thread)
        run("signal.storm", test_storm)
        run("signal.registers_survive", test_registers_survive)


def block_usr2_and_yield(number: u64) -> None:
    sigprocmask(MaskChange.BLOCK, bit(Signal.USR2))
    ready.store(u32(1))
    while stop.load() == 0:
        yield_now()


def thread_of(handle: Thread) -> Uthread:
    uthread = handle.uthread
    assert uthread is not None
    return uthread


def test_sigmask() -> None:
    count.store(0)
    stop.store(u32(0))
    ready.store(u32(0))
    handle(Signal.USR1, note)
    handle(Signal.USR2, note)
    threads[0].start(block_usr2_and_yield, 0)
    while ready.load() == 0:
        yield_now()
    target = addr_of(thread_of(threads[0]))
    kill_thread(thread_of(threads[0]), Signal.USR2)
    kill_thread(thread_of(threads[0]), Signal.USR1)
    wait_for_count(1)
    stop.store(u32(1))
    threads[0].join()
    equal(count.load(), 1, "handlers run")
    equal(u64(last.signal), u64(Signal.USR1), "signal")
    equal(signal_notes.handler_thread, target, "thread that ran the handler")


def spin_until_stop(number: u64) -> None:
    ready.add(1)
    while stop.load() == 0:
        pause()


def test_to_running_thread() -> None:
    """It never yields, nor enters the kernel."""
    if max_vcores() < 2:
        return                              # there is no core for both
    count.store(0)
    stop.store(u32(0))
    ready.store(u32(0))
    handle(Signal.USR1, note)
    threads[0].start(spin_until_stop, 0)
    while ready.load() == 0:
        yield_now()
    target = addr_of(thread_of(threads[0]))
    for i in range(u64(50)):
        kill_thread(thread_of(threads[0]), Signal.USR1)
        wait_for_count(i + 1)
        equal(signal_notes.handler_thread, target, "thread that ran the handler")
    stop.store(u32(1))
    threads[0].join()


def block_in_read(number: u64) -> None:
    ready.store(u32(1))
    check(read_nothing() == Errno.EINTR, "the read did not give up")


def wait_until_blocked(handle: Thread) -> None:
    """It has told that it is about to read, and has called the kernel."""
    while ready.load() == 0 or thread_of(handle).sysc is None:
        yield_now()


def test_to_blocked_thread() -> None:
    count.store(0)
    ready.store(u32(0))
    handle(Signal.USR1, note)
    threads[0].start(block_in_read, 0)
    wait_until_blocked(threads[0])
    kill_thread(thread_of(threads[0]), Signal.USR1)
    threads[0].join()
    equal(count.load(), 1, "handlers run")


def test_to_process() -> None:
    """Nobody but one thread has it unblocked: that is where it goes, when the thread unblocks it."""
    count.store(0)
    stop.store(u32(0))
    ready.store(u32(0))
    handle(Signal.USR1, note)
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR1))
    threads[0].start(unblock_later, 0)
    kill(getpid(), Signal.USR1)
    while sigpending() & bit(Signal.USR1) == 0:
        yield_now()
    equal(count.load(), 0, "handlers run while all block it")
    target = addr_of(thread_of(threads[0]))
    stop.store(u32(1))
    threads[0].join()
    equal(count.load(), 1, "handlers run")
    equal(signal_notes.handler_thread, target, "thread that ran the handler")
    sigprocmask(MaskChange.SET, before)


def unblock_later(number: u64) -> None:
    while stop.load() == 0:
        yield_now()
    sigprocmask(MaskChange.UNBLOCK, bit(Signal.USR1))


def sleep_unblocked(number: u64) -> None:
    before = sigprocmask(MaskChange.UNBLOCK, bit(Signal.USR1))
    ready.store(u32(1))
    check(read_nothing() == Errno.EINTR, "the read did not give up")
    sigprocmask(MaskChange.SET, before)


def test_to_willing_thread() -> None:
    """All but one block it, and that is neither the main one nor runs: it gets it, while it is blocked in a call."""
    count.store(0)
    ready.store(u32(0))
    handle(Signal.USR1, note)
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR1))
    for i in range(u64(4)):
        threads[i].start(sleep_unblocked if i == 2 else note_nothing, 0)
    wait_until_blocked(threads[2])
    target = addr_of(thread_of(threads[2]))
    kill(getpid(), Signal.USR1)
    for i in range(u64(4)):
        threads[i].join()
    equal(count.load(), 1, "handlers run")
    equal(signal_notes.handler_thread, target, "thread that ran the handler")
    sigprocmask(MaskChange.SET, before)


def note_nothing(number: u64) -> None:
    """Ends at once."""


def signal_then_block(uthread: Uthread, address: u64) -> None:
    """In vcore context: the signal comes when the thread is saved, and nobody can see yet what it is about to wait for."""
    kill_from_vcore(uthread, Signal.USR1)
    block_callback(uthread, address)


def test_before_block() -> None:
    """A signal that comes between the last look and the sleep is handled before the call is over."""
    count.store(0)
    handle(Signal.USR1, note)
    call = Syscall()
    submit_block(call, PATIENCE_NS // 1000)
    start = now_ns()
    uthread_yield(signal_then_block, addr_of(call))
    equal(count.load(), 1, "handlers run")
    check(now_ns() - start < PATIENCE_NS, "it slept its time")
    sys_abort_sysc(Uaddr(addr_of(call)))
    wait_for(call)


def take_signals(number: u64) -> None:
    ready.store(u32(1))
    for _ in range(20):
        equal(u64(sigwait(bit(Signal.USR2))), u64(Signal.USR2), "signal")
        count.add(1)


def test_wait_in_thread() -> None:
    """A thread that waits for it gets a signal of the process, while all others block it."""
    count.store(0)
    ready.store(u32(0))
    handle(Signal.USR2, note)
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR2))
    threads[0].start(take_signals, 0)
    for i in range(u64(20)):
        if i % 2 == 0:
            kill(getpid(), Signal.USR2)
        else:
            queue_to_thread(thread_of(threads[0]), Signal.USR2, i)
        wait_for_count(i + 1)
    threads[0].join()
    sigprocmask(MaskChange.SET, before)


def yield_and_block(number: u64) -> None:
    """Whatever a thread does when a signal comes."""
    ready.add(1)
    while stop.load() == 0:
        if number % 3 == 0:
            yield_now()
        elif number % 3 == 1:
            try:
                sleep_usec(100)
            except Error as error:
                check(error.errno == Errno.EINTR, f"{error.errno.name}")
        else:
            for _ in range(200):
                pause()
            yield_now()


def count_only(signal: u32, info: SignalInfo) -> None:
    count.add(1)


def test_storm() -> None:
    """Each signal has its handler run once if it is not sent again before that."""
    bombard(8, yield_and_block, count_only, 160)


def bombard(party: u64, act: Callable[[u64], Raises[None]], handler: Callable[[u32, SignalInfo], Raises[None]], times: u64) -> None:
    """So many threads do something, and get as many signals in turn, one at a time."""
    count.store(0)
    stop.store(u32(0))
    ready.store(u32(0))
    handle(Signal.USR1, handler)
    for i in range(party):
        threads[i].start(act, i)
    while u64(ready.load()) < party:
        yield_now()
    for i in range(times):
        kill_thread(thread_of(threads[i % party]), Signal.USR1)
        wait_for_count(i + 1)
    stop.store(u32(1))
    for i in range(party):
        threads[i].join()


def sum_up(number: u64) -> None:
    """Integers and floating point, wherever a handler breaks in."""
    ready.add(1)
    rounds: u64 = 0
    while stop.load() == 0:
        total: u64 = 0
        real = 0.0
        for i in range(u64(1000)):
            total += i * (number + 1)
            real += f64(i) * 0.5
        check(total == 499_500 * (number + 1) and real == 249_750.0, f"{total} and {real}")
        rounds += 1
        yield_now()
    check(rounds > 0, "no round")


def use_floats(signal: u32, info: SignalInfo) -> None:
    value = 1.0
    for i in range(50):
        value = value * 1.01 + f64(i)
    check(value > 1.0, "floats")
    count.add(1)


def test_registers_survive() -> None:
    bombard(4, sum_up, use_floats, 120)
