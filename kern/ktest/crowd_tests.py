# SPDX-License-Identifier: GPL-2.0-or-later
"""What many cores and threads meet at: readers-writer locks, hash locks, pokes, checklists, calls on sets of cores, pipes of elements,
bounded queues, task queues, counts, and the order of memory.
"""

from lang import RELAXED, Atomic, Error, addr_of, array, i64, struct, u32, u64
from arch import smp
from kern.core.core_set import CoreSet
from kern.core.kmsg import send_immediate, send_routine
from kern.core.percore import core
from kern.core.smp import call_on, call_on_all, call_on_core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.lib.bcq import Bcq, BcqSlot
from kern.lib.ring import Ring
from kern.mm.shootdown import relax
from kern.sync.apipe import Apipe
from kern.sync.atomics import add_not_zero, sub_and_test
from kern.sync.checklist import Checklist
from kern.sync.completion import Completion
from kern.sync.hashlock import HashLocks, SmallHashLocks
from kern.sync.kthread import spawn_ktask
from kern.sync.membar import mb, mb_f, rmb, rmb_f, rwmb, rwmb_f, wmb, wmb_f, wrmb, wrmb_f
from kern.sync.poke import PokeTracker
from kern.sync.rendez import sleep_ns
from kern.sync.rwlock import RwLock
from kern.sync.taskqueue import Task, TaskQueue
from kern.time.clock import NS_PER_MS

ROUNDS: u64 = 200

finished = Completion()
bad = Atomic[u64](0)


def last_core() -> u32:
    return smp.core_count() - 1


# -- readers and writers -----------------------------------------------------------------------------------------
rw = RwLock()
inside = Atomic[u64](0)
most_readers = Atomic[u64](0)
written: u64 = 0


def read_long(unused: u64) -> None:
    try:
        with rw.reading():
            most_readers.max(inside.add(1) + 1)
            sleep_ns(5 * NS_PER_MS)
            inside.sub(1)
    except Error:
        bad.add(1)
    finished.done()


def write_often(unused: u64) -> None:
    global written
    try:
        for _ in range(10):
            with rw.writing():
                if inside.load() != 0:
                    bad.add(1)
                before = written
                sleep_ns(NS_PER_MS // 10)
                written = before + 1
    except Error:
        bad.add(1)
    finished.done()


@kernel_tests
class ReadersAndWriters(KernelTest):
    """Readers are inside together, a writer alone, also while they sleep there; a writer that waits is not overtaken for ever."""

    name: str = "sync.rwlock"

    def run(self) -> None:
        global written
        written = 0
        bad.store(0)
        most_readers.store(0)
        finished.expect(8)
        for i in range(u64(8)):
            spawn_ktask("rwlock", write_often if i % 3 == 2 else read_long, i)
        finished.wait()
        equal(bad.load(), 0, "collisions")
        equal(written, 20, "writes")
        check(most_readers.load() > 1, "readers were never inside together")
        self.try_both()

    def try_both(self) -> None:
        check(rw.try_read() and rw.try_read(), "two readers cannot be inside")
        check(not rw.try_write(), "a writer got in beside readers")
        rw.leave_read()
        rw.leave_read()
        check(rw.try_write(), "a writer cannot get into a free lock")
        check(not rw.try_read() and not rw.try_write(), "somebody got in beside a writer")
        rw.leave_write()


small_locks = SmallHashLocks()
hash_locks = HashLocks()
counts = array(2, u64)


def take_both_kinds(key: u64) -> None:
    for _ in range(ROUNDS):
        with small_locks.of(key).irqs_off():
            counts[0] += 1
        with hash_locks.of(key).irqs_off():
            counts[1] += 1


@kernel_tests
class HashLocking(KernelTest):
    """One key is one lock on every core; keys of other buckets are free while it is held."""

    name: str = "sync.hashlock"

    def run(self) -> None:
        counts[0] = 0
        counts[1] = 0
        key = addr_of(counts)
        call_on_all(take_both_kinds, key)
        equal(counts[0], ROUNDS * u64(smp.core_count()), "small locks: increments")
        equal(counts[1], ROUNDS * u64(smp.core_count()), "increments")
        elsewhere = key
        while small_locks.of(elsewhere) is small_locks.of(key):
            elsewhere += 64
        with small_locks.of(key).irqs_off():
            other = small_locks.of(elsewhere)
            free = other.try_lock()
            if free:
                other.unlock()
        check(free, "a key of another bucket had to wait")


# -- pokes, checklists, calls --------------------------------------------------------------------------------------
tracker = PokeTracker()
posted = Atomic[u64](0)
seen: u64 = 0


def look(unused: u64) -> None:
    global seen
    if inside.add(1) != 0:
        bad.add(1)
    seen = posted.load()
    inside.sub(1)


def post_many(unused0: u64, unused1: u64, unused2: u64) -> None:
    for _ in range(ROUNDS):
        posted.add(1)
        tracker.poke(look, 0)
    finished.done()


@kernel_tests
class Pokes(KernelTest):
    """Runs never overlap, and the last post is seen."""

    name: str = "sync.poke_tracker"

    def run(self) -> None:
        bad.store(0)
        posted.store(0)
        finished.expect(i64(smp.core_count()))
        for i in range(u32(0), smp.core_count()):
            send_routine(i, post_many, 0, 0, 0)
        finished.wait()
        equal(bad.load(), 0, "runs that overlapped")
        equal(seen, ROUNDS * u64(smp.core_count()), "posts seen")


listed = Checklist()


def check_in_late(unused0: u64, unused1: u64, unused2: u64) -> None:
    ran_here.add(1)
    listed.check_in()


ran_here = Atomic[u64](0)


@kernel_tests
class Checklists(KernelTest):
    """Who waits goes on when every core of the set has checked in, and knows until then who is missing."""

    name: str = "sync.checklist"

    def run(self) -> None:
        for _ in range(50):
            ran_here.store(0)
            cores = CoreSet()
            cores.add_all()
            listed.expect(cores)
            for target in range(u32(1), smp.core_count()):
                send_immediate(target, check_in_late, 0, 0, 0)
            check(listed.missing() is not None, "nobody is missing, but core 0 is")
            listed.check_in()
            listed.wait()
            equal(ran_here.load(), u64(smp.core_count()) - 1, "cores that checked in")
            check(listed.missing() is None, "somebody is missing after all have checked in")


calls_on = array(256, u64)


def note_call(amount: u64) -> None:
    calls_on[core.mine.core_id] += amount


@kernel_tests
class CallsOnSets(KernelTest):
    """A call on a set of cores runs once on each of them and nowhere else, and is over when it returns."""

    name: str = "smp.call_on_set"

    def run(self) -> None:
        for i in range(256):
            calls_on[i] = 0
        cores = CoreSet()
        for i in range(u32(0), smp.core_count(), 2):
            cores.add(i)
        for _ in range(50):
            call_on(cores, note_call, 1)
        call_on_core(last_core(), note_call, 1000)
        for i in range(u32(0), smp.core_count()):
            wanted = u64(50 if i in cores else 0) + u64(1000 if i == last_core() else 0)
            equal(calls_on[i], wanted, "calls on a core")
        equal(len(cores), u64(smp.core_count() + 1) // 2, "cores in the set")
        cores.remove(0)
        check(0 not in cores, "a core that was removed is still in the set")
        cores.clear()
        call_on(cores, note_call, 1)        # nobody: returns at once


# -- pipes, queues, tasks -----------------------------------------------------------------------------------------
pipe = Apipe[u64]()
slots = array(8, u64)
PIPED: u64 = 500


def feed_pipe(unused: u64) -> None:
    numbers = array(5, u64)
    try:
        next: u64 = 0
        while next < PIPED:
            count = min(PIPED - next, 5)
            for i in range(count):
                numbers[i] = next + i
            next += pipe.write(numbers[:count])
    except Error:
        bad.add(1)
    pipe.close_writer()
    finished.done()


def has_three(ring: Ring[u64]) -> bool:
    return ring.count() >= 3


@kernel_tests
class Pipes(KernelTest):
    """All elements come through in order, a pair of ends that sleep when they must; the ends know of each other."""

    name: str = "sync.apipe"

    def run(self) -> None:
        bad.store(0)
        pipe.init(slots[0:8])
        pipe.open_reader()
        pipe.open_writer()
        finished.expect(1)
        spawn_ktask("apipe", feed_pipe, 0)
        into = array(3, u64)
        expected: u64 = 0
        equal(pipe.read_if(into[0:3], has_three), 3, "elements of a conditional read")
        for i in range(3):
            equal(into[i], expected, "element")
            expected += 1
        while (count := pipe.read(into[0:3])) > 0:
            for i in range(count):
                equal(into[i], expected, "element")
                expected += 1
        equal(expected, PIPED, "elements")
        finished.wait()
        equal(pipe.read_if(into[0:3], has_three), 0, "a condition that cannot come true any more")
        pipe.close_reader()
        pipe.open_writer()
        error = ""
        try:
            pipe.write(into[0:1])
        except Error as e:
            error = e.errno.name
        check(error == "EPIPE", "no error from a pipe that nobody reads")
        pipe.close_writer()
        equal(bad.load(), 0, "errors of the writer")


queue = Bcq[u64]()
queue_slots = array(16, BcqSlot[u64])
sent = Atomic[u64](0)
taken = Atomic[u64](0)


def send_or_take(unused: u64) -> None:
    """Even cores fill, odd ones drain; a core that is alone does both."""
    fills = core.mine.core_id % 2 == 0
    drains = not fills or smp.core_count() == 1
    for i in range(ROUNDS * 5):
        if fills and queue.push(i + 1):
            sent.add(i + 1)
        if drains and (value := queue.pop()) is not None:
            taken.add(value)


@kernel_tests
class BoundedQueues(KernelTest):
    """What goes in comes out once, from all cores to all."""

    name: str = "lib.bcq"

    def run(self) -> None:
        queue.init(queue_slots[0:16])
        sent.store(0)
        taken.store(0)
        call_on_all(send_or_take, 0)
        while (value := queue.pop()) is not None:
            taken.add(value)
        equal(taken.load(), sent.load(), "sum of what came out")
        check(sent.load() > 0, "nothing was sent")


worker = TaskQueue(name="ktest tasks")
worker_runs: bool = False
runs = Atomic[u64](0)
ran_in_handler = Atomic[u64](0)


def do_task(amount: u64) -> None:
    if core.mine.irq_depth != 0:
        ran_in_handler.add(1)
    try:
        sleep_ns(NS_PER_MS)                 # which a handler must not
    except Error:
        bad.add(1)
    runs.add(amount)


first_task = Task(fn=do_task, arg=1)
second_task = Task(fn=do_task, arg=1000)


def put_off(unused: u64) -> None:
    """As a driver's interrupt handler."""
    worker.enqueue(first_task)
    worker.enqueue(second_task)
    if worker.enqueue(second_task):
        bad.add(1)


@kernel_tests
class DeferredWork(KernelTest):
    """What a handler puts off runs once, later, where it may block."""

    name: str = "sync.taskqueue"

    def run(self) -> None:
        global worker_runs
        if not worker_runs:
            worker.start()
            worker_runs = True
        bad.store(0)
        runs.store(0)
        ran_in_handler.store(0)
        call_on_core(0, put_off, 0)         # on the core of the queue's task, so that it cannot begin in between
        worker.drain(first_task)
        worker.drain(second_task)
        equal(runs.load(), 1001, "runs")
        equal(ran_in_handler.load(), 0, "runs in interrupt context")
        equal(bad.load(), 0, "tasks that were queued twice, or could not sleep")
        worker.enqueue(first_task)
        check(worker.cancel(first_task), "a task that waits cannot be cancelled")
        worker.drain(first_task)
        equal(runs.load(), 1001, "runs, with one that was cancelled")


# -- counts and the order of memory -------------------------------------------------------------------------------
shared = Atomic[u64](0)
narrow = Atomic[u32](0)


def change_shared(unused: u64) -> None:
    for _ in range(ROUNDS):
        shared.add(3)
        shared.sub(1)
        if add_not_zero(narrow, 1) and sub_and_test(narrow, 1):
            bad.add(1)


@kernel_tests
class Atomics(KernelTest):
    """Each operation gives the old value and leaves the new; none is lost among cores."""

    name: str = "sync.atomics"

    def run(self) -> None:
        shared.store(5)
        equal(shared.add(2), 5, "old value of add")
        equal(shared.sub(3), 7, "old value of sub")
        equal(shared.swap(9), 4, "old value of swap")
        equal(shared.or_(6), 9, "old value of or")
        equal(shared.and_(0xC), 15, "old value of and")
        equal(shared.xor(5), 12, "old value of xor")
        check(shared.cas(9, 1) and not shared.cas(9, 2), "compare and swap")
        equal(shared.load(), 1, "value")
        check(sub_and_test(shared, 1) and not add_not_zero(shared, 1), "a count that has reached zero")
        narrow.store(1)
        bad.store(0)
        call_on_all(change_shared, 0)
        equal(shared.load(), 2 * ROUNDS * u64(smp.core_count()), "sum")
        equal(u64(narrow.load()), 1, "references")
        equal(bad.load(), 0, "last ones that were not the last")


@struct(align=64)
class Cell:
    value: Atomic[u32]


@struct
class Litmus:
    x: Cell
    y: Cell
    a: Cell
    b: Cell
    round: Cell
    ready: Cell


litmus = Litmus()
LITMUS_ROUNDS: u32 = 300


def other_side(forced: u64, unused1: u64, unused2: u64) -> None:
    """Store buffering: write y, read x. Message passing the other way round in the same round: b is the flag of a."""
    for round in range(u32(1), LITMUS_ROUNDS):
        while litmus.round.value.load(order=RELAXED) != round:
            relax()
        litmus.y.value.store(round, order=RELAXED)
        if forced != 0:
            wrmb_f()
        else:
            wrmb()
        saw = litmus.x.value.load(order=RELAXED)
        litmus.a.value.store(saw, order=RELAXED)
        if forced != 0:
            wmb_f()
        else:
            wmb()
        litmus.b.value.store(round, order=RELAXED)
    finished.done()


@kernel_tests
class MemoryOrder(KernelTest):
    """Two cores never both miss the other's write across wrmb; what is behind a flag is there across wmb and rmb."""

    name: str = "sync.membar"

    def run(self) -> None:
        mb()
        mb_f()
        rwmb()
        rwmb_f()
        if smp.core_count() > 1:
            self.race(0)
            self.race(1)

    def race(self, forced: u64) -> None:
        litmus.round.value.store(0)
        litmus.x.value.store(0)
        litmus.y.value.store(0)
        litmus.b.value.store(0)
        finished.expect(1)
        send_routine(last_core(), other_side, forced, 0, 0)
        both_missed: u64 = 0
        torn: u64 = 0
        for round in range(u32(1), LITMUS_ROUNDS):
            litmus.round.value.store(round)
            litmus.x.value.store(round, order=RELAXED)
            if forced != 0:
                wrmb_f()
            else:
                wrmb()
            saw = litmus.y.value.load(order=RELAXED)
            while litmus.b.value.load(order=RELAXED) != round:
                relax()
            if forced != 0:
                rmb_f()
            else:
                rmb()
            theirs = litmus.a.value.load(order=RELAXED)
            if theirs != round and theirs != round - 1:
                torn += 1
            if saw != round and theirs != round:
                both_missed += 1
        finished.wait()
        equal(both_missed, 0, "rounds in which both cores missed the other's write")
        equal(torn, 0, "rounds in which what was behind the flag was not there")
