# SPDX-License-Identifier: GPL-2.0-or-later
"""Between cores: kernel messages of both types, calls on all cores, spinlocks, barriers."""

from lang import Atomic, array, u32, u64
from arch import cpu, smp
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.core.smp import call_on_all
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.ktest.thread_tests import wait_down
from kern.sync.barrier import Barrier
from kern.sync.rendez import sleep_ns
from kern.sync.semaphore import Semaphore
from kern.sync.spinlock import SpinLock
from kern.time.clock import NS_PER_MS, now_ns

IN_ORDER: u64 = 1_000_000                   # numbered messages, of all senders
BURST: u64 = 3000                           # of each, before the receiver has a turn
ROUNDS: u64 = 200
DEADLINE_NS: u64 = 20_000_000_000

arrived = Atomic[u64](0)
disorder = Atomic[u64](0)
expected_next = array(64, u64)              # by sender, on the receiving core only
ran_on = array(64, u64)
irqs_were_on = Atomic[u64](0)
order = array(8, u64)
order_count = Atomic[u64](0)
gate = Semaphore()
guarded = SpinLock()
counter: u64 = 0
meeting = Barrier()
after_barrier = Atomic[u64](0)
too_early = Atomic[u64](0)


def last_core() -> u32:
    return smp.core_count() - 1


def wait_for(count: u64) -> None:
    """Give the core up until so many have arrived."""
    deadline = now_ns() + DEADLINE_NS
    while arrived.load() < count:
        check(now_ns() < deadline, f"only {arrived.load()} of {count} arrived")
        sleep_ns(NS_PER_MS)


def count_in_order(number: u64, sender: u64, unused: u64) -> None:
    if expected_next[sender] != number:
        disorder.add(1)
    expected_next[sender] = number + 1
    arrived.add(1)


def send_burst(first: u64) -> None:
    for number in range(first, first + BURST):
        send_routine(last_core(), count_in_order, number, u64(core.mine.core_id), 0)


@kernel_tests
class RoutineOrder(KernelTest):
    """Every core sends to one: all arrive, each sender's in order."""

    name: str = "kmsg.order"

    def run(self) -> None:
        arrived.store(0)
        disorder.store(0)
        for i in range(u64(64)):
            expected_next[i] = 0
        first: u64 = 0
        while arrived.load() < IN_ORDER:
            call_on_all(send_burst, first)
            first += BURST
            wait_for(first * u64(smp.core_count()))
        equal(disorder.load(), 0, "messages out of order")


def note_core(unused: u64) -> None:
    ran_on[core.mine.core_id] += 1
    if cpu.irqs_are_on():
        irqs_were_on.add(1)


@kernel_tests
class Immediate(KernelTest):
    """A call on all cores runs once on each, with interrupts off."""

    name: str = "kmsg.immediate"

    def run(self) -> None:
        irqs_were_on.store(0)
        for i in range(u64(64)):
            ran_on[i] = 0
        for _ in range(ROUNDS):
            call_on_all(note_core, 0)
        for i in range(u64(smp.core_count())):
            equal(ran_on[i], ROUNDS, "calls on a core")
        equal(irqs_were_on.load(), 0, "calls with interrupts on")


def note(step: u64) -> None:
    order[order_count.add(1)] = step
    arrived.add(1)


def block_first(unused0: u64, unused1: u64, unused2: u64) -> None:
    note(1)
    wait_down(gate)
    note(3)


def signal_then(unused0: u64, unused1: u64, unused2: u64) -> None:
    note(2)
    gate.up()


@kernel_tests
class RoutineBlocks(KernelTest):
    """A routine message may block: the next one runs meanwhile, and wakes it."""

    name: str = "kmsg.blocks"

    def run(self) -> None:
        arrived.store(0)
        order_count.store(0)
        send_routine(last_core(), block_first, 0, 0, 0)
        send_routine(last_core(), signal_then, 0, 0, 0)
        wait_for(3)
        for i in range(u64(3)):
            equal(order[i], i + 1, "step")


def add_many(unused: u64) -> None:
    global counter
    for _ in range(ROUNDS):
        with guarded.irqs_off():
            counter += 1


@kernel_tests
class Spinlocks(KernelTest):
    """No increment under the lock is lost."""

    name: str = "sync.spinlock"

    def run(self) -> None:
        global counter
        counter = 0
        call_on_all(add_many, 0)
        equal(counter, ROUNDS * u64(smp.core_count()), "increments")
        check(not guarded.is_held(), "the lock is held")
        check(guarded.try_lock(), "a free lock cannot be had")
        check(not guarded.try_lock(), "a lock can be had twice")
        guarded.unlock()


def meet(unused: u64) -> None:
    for round in range(u64(20)):
        after_barrier.add(1)
        meeting.wait()
        if after_barrier.load() < (round + 1) * u64(meeting.parties):
            too_early.add(1)
        meeting.wait()


@kernel_tests
class Barriers(KernelTest):
    """Nobody leaves a barrier before all have come, round after round."""

    name: str = "sync.barrier"

    def run(self) -> None:
        meeting.parties = smp.core_count()
        after_barrier.store(0)
        too_early.store(0)
        call_on_all(meet, 0)
        equal(too_early.load(), 0, "cores that left early")


def note_context(unused0: u64, unused1: u64, unused2: u64) -> None:
    ran_on[core.mine.core_id] += 1
    if core.mine.irq_depth != 0:
        disorder.add(1)
    arrived.add(1)


def send_from_handler(unused: u64) -> None:
    """In interrupt context: hand the rest of the work to a routine message of this core."""
    if core.mine.irq_depth == 0:
        disorder.add(1)
    send_routine(core.mine.core_id, note_context, 0, 0, 0)


@kernel_tests
class RoutineFromHandler(KernelTest):
    """What a handler hands on as a routine message runs outside of interrupt context."""

    name: str = "kmsg.from_handler"

    def run(self) -> None:
        arrived.store(0)
        disorder.store(0)
        call_on_all(send_from_handler, 0)
        wait_for(u64(smp.core_count()))
        equal(disorder.load(), 0, "runs in the wrong context")


@kernel_tests
class NoSelfInterrupt(KernelTest):
    """A routine message to oneself raises no interrupt."""

    name: str = "kmsg.no_self_interrupt"

    def run(self) -> None:
        arrived.store(0)
        saved = cpu.irqs_save()             # nobody else's interrupts count meanwhile
        before = core.mine.ipis
        for _ in range(100):
            send_routine(core.mine.core_id, note_context, 0, 0, 0)
        cpu.irqs_restore(saved)
        taken = core.mine.ipis - before
        wait_for(100)
        equal(taken, 0, "interrupts")


@kernel_tests
class Idle(KernelTest):
    """A core without work halts, and a message gets it going."""

    name: str = "core.idle"

    def run(self) -> None:
        target = last_core()
        start = now_ns()
        idle_before = core[target].idle_ns
        sleep_ns(30 * NS_PER_MS)
        arrived.store(0)
        send_routine(target, note_context, 0, 0, 0)
        wait_for(1)
        halted = core[target].idle_ns - idle_before
        check(halted > 10 * NS_PER_MS, f"the core was halted for {halted} ns of {now_ns() - start}")
