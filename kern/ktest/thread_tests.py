# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel threads and what they block on: semaphores, condition variables, rendezvous, sleeping locks, completions."""

from lang import Atomic, Error, array, i64, u64
from arch import mmu, smp
from kern.core.percore import core
from kern.core.smp import call_on_core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm.kmap import STACK_SIZE
from kern.mm.pages import PAGE_SIZE, free_bytes
from kern.sync.completion import Completion
from kern.sync.condvar import CondVar
from kern.sync.kref import Kref
from kern.sync.kthread import current_kthread, spawn_ktask
from kern.sync.qlock import QLock
from kern.sync.rendez import Rendez, sleep_ns
from kern.sync.semaphore import Semaphore
from kern.time.clock import NS_PER_MS, now_ns

MANY: u64 = 100
ROUNDS: u64 = 500

ping = Semaphore()
pong = Semaphore()
rounds_done = Atomic[u64](0)
all_done = Completion()
wake_order = array(16, u64)
woken = Atomic[u64](0)
queue = Semaphore()
cv = CondVar()
go: bool = False
tickets: u64 = 0
mutex = QLock()
inside = Atomic[u64](0)
collisions = Atomic[u64](0)
meeting_point = Rendez()
is_ready: bool = False


def play_pong(unused: u64) -> None:
    for _ in range(ROUNDS):
        wait_down(ping)
        rounds_done.add(1)
        pong.up()
    all_done.done()


def wait_down(semaphore: Semaphore) -> None:
    """In a task that cannot say that memory ran out: try until it works."""
    while True:
        try:
            semaphore.down()
            return
        except Error:
            continue


@kernel_tests
class PingPong(KernelTest):
    """Two threads hand a signal to and fro."""

    name: str = "sync.semaphore_ping_pong"

    def run(self) -> None:
        rounds_done.store(0)
        all_done.expect(1)
        spawn_ktask("pong", play_pong, 0)
        for _ in range(ROUNDS):
            ping.up()
            pong.down()
        all_done.wait()
        equal(rounds_done.load(), ROUNDS, "rounds")
        check(not ping.try_down() and not pong.try_down(), "a signal is left over")


def take_number(number: u64) -> None:
    wait_down(queue)
    wake_order[woken.add(1)] = number
    all_done.done()


@kernel_tests
class SemaphoreOrder(KernelTest):
    """Sleepers leave in the order in which they came."""

    name: str = "sync.semaphore_order"

    def run(self) -> None:
        woken.store(0)
        all_done.expect(16)
        for i in range(u64(16)):
            spawn_ktask("sleeper", take_number, i)
        sleep_ns(20 * NS_PER_MS)
        equal(woken.load(), 0, "sleepers that did not sleep")
        for _ in range(16):
            queue.up()
        all_done.wait()
        for i in range(u64(16)):
            equal(wake_order[i], i, "who woke")


def block_once(unused: u64) -> None:
    wait_down(queue)
    all_done.done()


def block_many(count: u64) -> None:
    all_done.expect(i64(count))
    for _ in range(count):
        spawn_ktask("many", block_once, 0)
    sleep_ns(20 * NS_PER_MS)
    for _ in range(count):
        queue.up()
    all_done.wait()


@kernel_tests
class NoLeak(KernelTest):
    """Threads that block and end cost nothing the second time."""

    name: str = "kthread.no_leak"

    def run(self) -> None:
        block_many(MANY)
        before = free_bytes()
        for _ in range(5):
            block_many(MANY)
        lost = before - min(before, free_bytes())
        check(lost <= 16 * PAGE_SIZE, f"{lost} bytes are gone")


@kernel_tests
class StacksComeBack(KernelTest):
    """After very many threads have blocked at once, all but a few stacks are memory again, and can be had again."""

    name: str = "kthread.stacks_come_back"

    def run(self) -> None:
        block_many(3 * MANY)
        before = free_bytes()
        for _ in range(2):
            block_many(6 * MANY)
        # The other cores have to come by first, batch after batch.
        end = now_ns() + 20_000 * NS_PER_MS
        while lost_since(before) > MANY * STACK_SIZE // 3 and now_ns() < end:
            sleep_ns(NS_PER_MS)
        check(lost_since(before) <= MANY * STACK_SIZE // 3, f"{lost_since(before)} bytes are gone")


def lost_since(before: u64) -> u64:
    return before - min(before, free_bytes())


@kernel_tests
class GuardPage(KernelTest):
    """Below a stack nothing is mapped."""

    name: str = "kthread.guard_page"

    def run(self) -> None:
        top = current_kthread().stack_top
        check(mmu.is_kernel_mapped(top - 8), "the top of the stack is not mapped")
        check(mmu.is_kernel_mapped(top - STACK_SIZE), "the bottom of the stack is not mapped")
        check(not mmu.is_kernel_mapped(top - STACK_SIZE - 8), "what is below the stack is mapped")


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


def use_mutex(unused: u64) -> None:
    for _ in range(10):
        try:
            with mutex:
                if inside.add(1) != 0:
                    collisions.add(1)
                sleep_ns(NS_PER_MS // 10)
                inside.sub(1)
        except Error:
            collisions.add(1)
    all_done.done()


@kernel_tests
class SleepingLock(KernelTest):
    """One thread at a time is inside, also while it sleeps there."""

    name: str = "sync.qlock"

    def run(self) -> None:
        collisions.store(0)
        all_done.expect(8)
        for _ in range(8):
            spawn_ktask("mutex", use_mutex, 0)
        all_done.wait()
        equal(collisions.load(), 0, "collisions")
        check(mutex.try_acquire(), "the lock is still held")
        check(not mutex.try_acquire(), "the lock can be had twice")
        mutex.release()


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


@kernel_tests
class References(KernelTest):
    """A count that has reached zero stays there."""

    name: str = "sync.kref"

    def run(self) -> None:
        ref = Kref()
        ref.init(1)
        ref.get()
        check(not ref.put(), "the last reference came early")
        check(ref.put(), "the last reference was not noticed")
        check(not ref.get_not_zero(), "a reference came back from the dead")


@kernel_tests
class Sleep(KernelTest):
    """Sleeping takes as long as asked, and not absurdly longer."""

    name: str = "kthread.sleep"

    def run(self) -> None:
        start = now_ns()
        sleep_ns(10 * NS_PER_MS)
        took = now_ns() - start
        check(took >= 10 * NS_PER_MS, f"woke after {took} ns")
        check(took < 20_000 * NS_PER_MS, f"slept {took} ns")
