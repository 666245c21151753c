# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting: halting without losing a wake-up, giving way, spinning before sleeping, errors that unwind, processes found while they go."""

from lang import Atomic, Error, array, i32, u32, u64
from arch import cpu, smp
from kern.abi.errno import Errno
from kern.core.kmsg import send_immediate, send_routine
from kern.core.percore import core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm.shootdown import relax
from kern.proc.create import discard, new_process
from kern.proc.proc import find_proc, next_proc, proc_put
from kern.sync.completion import Completion
from kern.sync.kthread import kthread_yield, spawn_ktask
from kern.sync.qlock import QLock
from kern.sync.rcu import rcu_barrier
from kern.sync.rendez import sleep_ns
from kern.sync.semaphore import Semaphore, spin_before_sleeping
from kern.sync.spinlock import SpinLock
from kern.time.clock import NS_PER_MS, NS_PER_USEC, now_ns, spin_ns

PINGS: u64 = 2_000
finished = Completion()
arrived = Atomic[u64](0)
steps = array(8, u64)
step_count = Atomic[u64](0)


def last_core() -> u32:
    return smp.core_count() - 1


@kernel_tests
class PingOfMessages(KernelTest):
    """Core after core is woken from its halt by one message, thousands of times, and none is slept through."""

    name: str = "core.ping"

    def run(self) -> None:
        finished.expect(1)
        send_routine(last_core(), ping, PINGS, 0, 0)
        finished.wait()


def ping(left: u64, unused1: u64, unused2: u64) -> None:
    """Goes on to the next core, after a while that may be just enough for that one to halt."""
    if left == 0:
        finished.done()
        return
    spin_ns(left % 8 * 2_000)
    send_routine((core.mine.core_id + 1) % smp.core_count(), ping, left - 1, 0, 0)


def note_wake(unused0: u64, unused1: u64, unused2: u64) -> None:
    arrived.add(1)


@kernel_tests
class HaltAgainstInterrupt(KernelTest):
    """An interrupt that comes between "is there something?" and the halt ends the halt."""

    name: str = "core.halt"

    def run(self) -> None:
        for _ in range(500):
            arrived.store(0)
            saved = cpu.irqs_save()
            send_immediate(core.mine.core_id, note_wake, 0, 0, 0)
            # It is pending, and interrupts are off: the halt must end at once.
            if arrived.load() == 0:
                cpu.halt_with_irqs_on()
            cpu.irqs_restore(saved)
            equal(arrived.load(), 1, "messages")


def note_step(number: u64) -> None:
    for _ in range(4):
        steps[step_count.add(1)] = number
        try:
            kthread_yield()
        except Error:
            step_count.add(100)
    finished.done()


@kernel_tests
class Yield(KernelTest):
    """Threads that give way run in turn."""

    name: str = "kthread.yield"

    def run(self) -> None:
        step_count.store(0)
        finished.expect(2)
        spawn_ktask("yields", note_step, 1)
        spawn_ktask("yields", note_step, 2)
        finished.wait()
        equal(step_count.load(), 8, "steps")
        for i in range(u64(1), 8):
            check(steps[i] != steps[i - 1], f"step {i} was the same thread's as the one before")


@kernel_tests
class ShortSleep(KernelTest):
    """A sleep of 10 ms takes no less, and, of several, one at least takes less than 20."""

    name: str = "kthread.usleep"

    def run(self) -> None:
        best: u64 = 1 << 62
        for _ in range(10):
            start = now_ns()
            sleep_ns(10_000 * NS_PER_USEC)
            took = now_ns() - start
            check(took >= 10 * NS_PER_MS, f"it took {took} ns")
            best = min(best, took)
        check(best < 20 * NS_PER_MS, f"the best took {best} ns")


waited = Semaphore()
SPIN_NS: u64 = 10_000_000
ANSWER_NS: u64 = 100_000


def answer(unused0: u64, unused1: u64, unused2: u64) -> None:
    while arrived.load() == 0:
        relax()
    spin_ns(ANSWER_NS)                      # so that who is about to wait does
    waited.up()


def switches_of_waits(count: u64) -> u64:
    """How often this core left a stack while so many signals came from another core."""
    before = core.mine.switches
    for _ in range(count):
        arrived.store(0)
        send_routine(last_core(), answer, 0, 0, 0)
        arrived.store(1)
        waited.down()
    return core.mine.switches - before


@kernel_tests
class SpinBeforeSleep(KernelTest):
    """A semaphore that spins a little before it sleeps saves switches where the signal is about to come from another core."""

    name: str = "sync.semaphore_spin"

    def run(self) -> None:
        if smp.core_count() < 2:
            return
        without = switches_of_waits(40)
        old = spin_before_sleeping(SPIN_NS)
        try:
            spinning = switches_of_waits(40)
        finally:
            _ = spin_before_sleeping(old)
        check(without >= 12, f"only {without} switches without spinning")
        check(spinning * 2 < without, f"{spinning} switches with spinning, {without} without")


# -- errors -------------------------------------------------------------------------------------------------------
outer_lock = QLock()
inner_lock = SpinLock()
undone: u64 = 0


def outermost(number: u64) -> None:
    with outer_lock:
        middle(number)


def middle(number: u64) -> None:
    global undone
    try:
        with inner_lock.irqs_off():
            innermost(number)
    finally:
        undone += 1


def innermost(number: u64) -> None:
    if number > 2:
        raise Error(Errno.ERANGE, f"{number} is more than 2")


def raise_elsewhere(unused: u64) -> None:
    try:
        innermost(99)
    except Error as e:
        if e.message != "99 is more than 2":
            arrived.add(1)
    finished.done()


@kernel_tests
class ErrorsUnwind(KernelTest):
    """An error three calls deep leaves every lock on its way, and arrives with its number and text, whatever others raise meanwhile."""

    name: str = "error.unwinds"

    def run(self) -> None:
        global undone
        undone = 0
        arrived.store(0)
        outermost(1)
        try:
            outermost(7)
        except Error as e:
            finished.expect(1)
            spawn_ktask("raises", raise_elsewhere, 0)
            finished.wait()                 # another thread raises and catches; this one's error stays
            check(e.errno == Errno.ERANGE and e.message == "7 is more than 2", f"the error is {e.errno.name}: {e.message}")
            undone += 10
        equal(undone, 12, "clean-ups and handlers that ran")
        equal(arrived.load(), 0, "errors of the other thread that were not its own")
        check(not inner_lock.is_held() and outer_lock.try_acquire(), "a lock is still held")
        outer_lock.release()


# -- processes under RCU ------------------------------------------------------------------------------------------
looking = Atomic[bool](False)
found = Atomic[u64](0)
wrong = Atomic[u64](0)


def look_for_processes(unused0: u64, unused1: u64, unused2: u64) -> None:
    """Finds processes by their numbers while they come and go: each that is found is whole, and has that number."""
    while looking.load():
        p = next_proc(0)
        while p is not None:
            pid = p.pid
            again = find_proc(pid)
            if again is not None:
                if again.pid != pid or again.refs.value() < 1:
                    wrong.add(1)
                found.add(1)
                proc_put(again)
            proc_put(p)
            p = next_proc(pid)


@kernel_tests
class ProcessesFound(KernelTest):
    """The table of processes is read without a lock while processes come and go."""

    name: str = "read.rcu_pids"

    def run(self) -> None:
        found.store(0)
        wrong.store(0)
        looking.store(True)
        if smp.core_count() > 1:
            send_routine(last_core(), look_for_processes, 0, 0, 0)
        pid: i32 = 0
        try:
            for _ in range(100):
                p = new_process(None, "/ktest", "/ktest\0")
                pid = p.pid
                again = find_proc(p.pid)
                check(again is not None and again is p, "a process is not found by its number")
                proc_put(p)
                discard(None, p)
        finally:
            looking.store(False)
        rcu_barrier()
        check(find_proc(pid) is None, "a process is found after its end")
        equal(wrong.load(), 0, "processes that were not what they were found as")
