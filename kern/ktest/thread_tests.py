# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel threads, their stacks, and what one blocks on alone: semaphores, sleeping locks, time."""

from lang import Atomic, Error, array, i64, u64
from arch import mmu
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.mm.kmap import STACK_SIZE
from kern.mm.pages import PAGE_SIZE, free_bytes
from kern.sync.completion import Completion
from kern.sync.kref import Kref
from kern.sync.kthread import current_kthread, spawn_ktask
from kern.sync.qlock import QLock
from kern.sync.rendez import sleep_ns
from kern.sync.semaphore import Semaphore
from kern.time.clock import NS_PER_MS, now_ns

MANY: u64 = 100
ROUNDS: u64 = 500
MILLION: u64 = 1_000_000

ping = Semaphore()
pong = Semaphore()
rounds_done = Atomic[u64](0)
all_done = Completion()
wake_order = array(16, u64)
woken = Atomic[u64](0)
queue = Semaphore()
mutex = QLock()
inside = Atomic[u64](0)
collisions = Atomic[u64](0)


def hand_to_and_fro(rounds: u64) -> None:
    """Each of two threads blocks once a round."""
    rounds_done.store(0)
    all_done.expect(1)
    spawn_ktask("pong", play_pong, rounds)
    for _ in range(rounds):
        ping.up()
        pong.down()
    all_done.wait()


def play_pong(rounds: u64) -> None:
    for _ in range(rounds):
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
        hand_to_and_fro(ROUNDS)
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
class Million(KernelTest):
    """A million times a thread blocks and is restarted; its stack is the same one, and no other is kept."""

    name: str = "kthread.million_blocks"

    def run(self) -> None:
        hand_to_and_fro(ROUNDS)
        stack = current_kthread().stack_top
        before = free_bytes()
        hand_to_and_fro(MILLION // 2)
        check(current_kthread().stack_top == stack, "the thread is on another stack")
        check(lost_since(before) <= 4 * STACK_SIZE, f"{lost_since(before)} bytes are gone")


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
