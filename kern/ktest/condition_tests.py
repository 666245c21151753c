# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for something to become true: condition variables, rendezvous, completions; signalled by threads and by interrupt handlers."""

from lang import Atomic, Error, u64
from arch import smp
from kern.core.percore import core
from kern.core.smp import call_on_core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.sync.completion import Completion
from kern.sync.condvar import CondVar
from kern.sync.kthread import spawn_ktask
from kern.sync.rendez import Rendez, sleep_ns
from kern.sync.spinlock import SpinLock
from kern.time.clock import NS_PER_MS, now_ns

all_done = Completion()
woken = Atomic[u64](0)
counted = Atomic[u64](0)
collisions = Atomic[u64](0)
cv = CondVar()
go: bool = False
tickets: u64 = 0
outer_lock = SpinLock()
cv_of_outer_lock = CondVar()
work = Completion()
meeting_point = Rendez()
is_ready: bool = False


def wait_for_go(unused: u64) -> None:
    try:
        with cv.lock.irqs_off() as held:
            while not go and tickets == 0:
                cv.wait(held)
            if not go:
                take_ticket()
    finally:
        woken.add(1)
        all_done.done()


def take_ticket() -> None:
    global tickets
    tickets -= 1


@kernel_tests
class ConditionVariable(KernelTest):
    """A signal lets one waiter through, a broadcast all."""

    name: str = "sync.condvar"

    def run(self) -> None:
        global go, tickets
        go = False
        tickets = 0
        woken.store(0)
        all_done.expect(8)
        for _ in range(8):
            spawn_ktask("waiter", wait_for_go_task, 0)
        sleep_ns(20 * NS_PER_MS)
        with cv.lock.irqs_off():
            tickets = 1
            cv.signal()
        sleep_ns(20 * NS_PER_MS)
        equal(woken.load(), 1, "threads let through by a signal")
        with cv.lock.irqs_off():
            go = True
            cv.broadcast()
        all_done.wait()
        equal(woken.load(), 8, "threads let through by a broadcast")


def wait_for_go_task(unused: u64) -> None:
    try:
        wait_for_go(unused)
    except Error:
        collisions.add(1)


def wait_under_outer_lock(unused: u64) -> None:
    try:
        with outer_lock.irqs_off() as held:
            while not go:
                cv_of_outer_lock.wait(held)
            if not outer_lock.try_lock():
                counted.add(1)
    except Error:
        collisions.add(1)
    woken.add(1)
    all_done.done()


def signal_outer(unused: u64) -> None:
    with outer_lock.irqs_off():
        cv_of_outer_lock.signal()


def let_all_go(unused: u64) -> None:
    global go
    with outer_lock.irqs_off():
        go = True
        cv_of_outer_lock.broadcast()


@kernel_tests
class ConditionVariableOfALock(KernelTest):
    """A lock of the caller's: dropped by who waits, held by who goes on; handlers on other cores signal. Who isn't ready waits again."""

    name: str = "sync.condvar_lock"

    def run(self) -> None:
        global go
        go = False
        for count in (woken, counted, collisions):
            count.store(0)
        all_done.expect(8)
        for _ in range(8):
            spawn_ktask("waiter", wait_under_outer_lock, 0)
        sleep_ns(20 * NS_PER_MS)
        check(outer_lock.try_lock(), "a waiter keeps the lock")
        outer_lock.unlock()
        call_on_core(smp.core_count() - 1, signal_outer, 0)
        sleep_ns(20 * NS_PER_MS)
        equal(woken.load(), 0, "threads that left before they might")
        call_on_core(smp.core_count() - 1, let_all_go, 0)
        all_done.wait()
        equal(woken.load(), 8, "threads that left")
        equal(counted.load(), 8, "threads that held the lock when they left")
        equal(collisions.load(), 0, "waits that failed")


def wait_for_work(unused: u64) -> None:
    try:
        work.wait()
    except Error:
        collisions.add(1)
    woken.add(1)
    all_done.done()


def report_work(unused: u64) -> None:
    counted.add(1)
    work.done()


@kernel_tests
class Completed(KernelTest):
    """Eight pieces of work by kernel tasks and one by a handler: until the last is reported nobody goes on, then all do, once."""

    name: str = "sync.completion"

    def run(self) -> None:
        for count in (woken, counted, collisions):
            count.store(0)
        work.expect(9)
        all_done.expect(2)
        for _ in range(2):
            spawn_ktask("waiter", wait_for_work, 0)
        for _ in range(8):
            spawn_ktask("worker", report_work, 0)
        sleep_ns(20 * NS_PER_MS)
        equal(counted.load(), 8, "pieces done")
        equal(woken.load(), 0, "threads that left before the work was done")
        call_on_core(smp.core_count() - 1, report_work, 0)
        all_done.wait()
        equal(woken.load(), 2, "threads that left")
        equal(collisions.load(), 0, "waits that failed")
        work.wait()


def ready(unused: u64) -> bool:
    return is_ready


def make_ready(unused: u64) -> None:
    global is_ready
    try:
        sleep_ns(5 * NS_PER_MS)
    except Error:
        collisions.add(1)
    is_ready = True
    meeting_point.wakeup()


@kernel_tests
class Rendezvous(KernelTest):
    """A rendezvous ends by its condition or by its deadline, and says which."""

    name: str = "sync.rendez"

    def run(self) -> None:
        global is_ready
        is_ready = False
        start = now_ns()
        check(not meeting_point.sleep_until(ready, 0, start + 10 * NS_PER_MS), "ready too soon")
        check(now_ns() >= start + 10 * NS_PER_MS, "the deadline came early")
        spawn_ktask("ready", make_ready, 0)
        check(meeting_point.sleep_until(ready, 0, now_ns() + 10_000 * NS_PER_MS), "never ready")
        meeting_point.sleep(ready, 0)


def sleep_until_ready(unused: u64) -> None:
    try:
        meeting_point.sleep(ready, 0)
    except Error:
        collisions.add(1)
    woken.add(1)
    all_done.done()


def make_ready_here(unused: u64) -> None:
    global is_ready
    if core.mine.irq_depth == 0:
        collisions.add(1)
    is_ready = True
    meeting_point.wakeup()


def wake_here(unused: u64) -> None:
    meeting_point.wakeup()


@kernel_tests
class RendezvousOfMany(KernelTest):
    """An interrupt handler wakes all who sleep: none goes on before it is ready, and all do once it is."""

    name: str = "sync.rendez_many"

    def run(self) -> None:
        global is_ready
        is_ready = False
        collisions.store(0)
        woken.store(0)
        all_done.expect(8)
        for _ in range(8):
            spawn_ktask("sleeper", sleep_until_ready, 0)
        sleep_ns(20 * NS_PER_MS)
        call_on_core(smp.core_count() - 1, wake_here, 0)
        sleep_ns(20 * NS_PER_MS)
        equal(woken.load(), 0, "threads that left before it was ready")
        call_on_core(smp.core_count() - 1, make_ready_here, 0)
        all_done.wait()
        equal(woken.load(), 8, "threads that left")
        equal(collisions.load(), 0, "sleeps that failed")
