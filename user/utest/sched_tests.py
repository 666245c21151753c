# SPDX-License-Identifier: LGPL-2.1-or-later
"""A 2LS of the tests' own, to show each operation of the interface: it counts who calls what, wakes the most important waiter first, and
keeps what it needs for that in the two words of a sync object.
"""

from typing import Callable

from lang import Atomic, Error, Raises, array, pause, struct, text, u32, u64
from kern.abi.file import OpenMode
from kern.abi.syscall import Syscall
from parlib.current import in_vcore_context
from parlib.join import JoinRequest, uthread_detach, uthread_join_arr
from parlib.control import control
from parlib.request import vcore_request_total, wanted_cores
from parlib.sched import Blocked
from parlib.sync import Barrier, Mutex, Semaphore
from parlib.threads import uthread_create, uthread_mcp_init, uthread_sched_yield, uthread_usleep, use_library
from parlib.uth_sync import UthSync
from parlib.uthread import Uthread
from parlib.vcore import Vcore, max_vcores, num_vcores
from pthread.ready import ThreadScheduler
from rt.io import close, open, write_all
from rt.process import getpid
from rt.time import now_ns
from syscalls import sys_null
from utest.harness import Suite, check, equal, is_wanted, run, suites

PARTY: u64 = 8
COUNTS = 20
DEADLINE_NS: u64 = 10_000_000_000


@struct
class OpCounts:
    inits: Atomic[u32]
    entries: Atomic[u32]
    runnables: Atomic[u32]
    bulks: Atomic[u32]
    pauses: Atomic[u32]
    calls: Atomic[u32]
    mutexes: Atomic[u32]
    yields: Atomic[u32]
    others: Atomic[u32]
    creates: Atomic[u32]
    endings: Atomic[u32]
    exits: Atomic[u32]
    enqueues: Atomic[u32]
    swaps: Atomic[u32]
    inits_of_sync: Atomic[u32]
    destroys: Atomic[u32]
    warnings: Atomic[u32]
    wrong_context: Atomic[u32]              # calls in uthread context of what is promised vcore context


counts = OpCounts()


class ImportanceScheduler(ThreadScheduler):
    """Ready threads are a FIFO as usual; those who wait for a sync object are kept by importance, which is their argument."""

    has_reasons: bool = True
    has_sync: bool = True

    def init(self) -> None:
        counts.inits.add(1)
        super().init()

    def entry(self, vcore: Vcore) -> None:
        counts.entries.add(1)
        expect_vcore_context()
        super().entry(vcore)

    def runnable(self, uthread: Uthread) -> None:
        counts.runnables.add(1)
        super().runnable(uthread)

    def bulk_runnable(self, woken: UthSync) -> None:
        counts.bulks.add(1)
        super().bulk_runnable(woken)

    def paused(self, uthread: Uthread) -> None:
        counts.pauses.add(1)
        expect_vcore_context()
        super().paused(uthread)

    def block_on_call(self, uthread: Uthread, call: Syscall) -> None:
        counts.calls.add(1)
        expect_vcore_context()
        super().block_on_call(uthread, call)

    def has_blocked(self, uthread: Uthread, why: Blocked) -> None:
        expect_vcore_context()
        match why:
            case Blocked.MUTEX:
                counts.mutexes.add(1)
            case Blocked.YIELD:
                counts.yields.add(1)
            case Blocked.EVENTQ | Blocked.MISC:
                counts.others.add(1)

    def ending(self) -> None:
        counts.endings.add(1)
        super().ending()

    def exited(self, uthread: Uthread) -> None:
        counts.exits.add(1)
        super().exited(uthread)

    def preempt_pending(self, vcore: Vcore) -> None:
        counts.warnings.add(1)
        expect_vcore_context()

    def sync_init(self, sync: UthSync) -> None:
        counts.inits_of_sync.add(1)
        super().sync_init(sync)

    def sync_destroy(self, sync: UthSync) -> None:
        counts.destroys.add(1)
        super().sync_destroy(sync)

    def sync_enqueue(self, sync: UthSync, uthread: Uthread) -> None:
        """Before the first one that is less important; the second word stays unused."""
        counts.enqueues.add(1)
        before: Uthread | None = None
        follower = sync.head
        while follower is not None and follower.arg >= uthread.arg:
            before = follower
            follower = follower.next
        uthread.next = follower
        if before is None:
            sync.head = uthread
        else:
            before.next = uthread

    def sync_get_next(self, sync: UthSync) -> Uthread | None:
        first = sync.head
        if first is not None:
            sync.head = first.next
        return first

    def sync_get_uth(self, sync: UthSync, uthread: Uthread) -> bool:
        before: Uthread | None = None
        found = sync.head
        while found is not None and found is not uthread:
            before = found
            found = found.next
        if found is None:
            return False
        if before is None:
            sync.head = found.next
        else:
            before.next = found.next
        return True

    def sync_swap(self, one: UthSync, other: UthSync) -> None:
        counts.swaps.add(1)
        one.head, other.head = other.head, one.head


importance_scheduler = ImportanceScheduler()


def expect_vcore_context() -> None:
    if not in_vcore_context():
        counts.wrong_context.add(1)


@suites
class Operations(Suite):
    name: str = "sched"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        use_library(importance_scheduler)
        uthread_mcp_init()
        run("sched.init", test_init_once)
        run("sched.entry", test_entry)
        run("sched.create_and_exit", test_create_and_exit)
        run("sched.runnable", test_runnable_from_any_context)
        run("sched.has_blocked", test_reasons)
        run("sched.block_on_call", test_blocking_calls)
        run("sched.importance", test_the_most_important_is_woken_first)
        run("sched.sync_words", test_operations_on_sync_objects)
        run("sched.bulk", test_barrier_wakes_all_at_once)
        run("sched.preempt_pending", test_warning_of_preemption)
        run("sched.paused", test_preempted_threads_are_paused)
        run("sched.contexts", test_contexts)


finished = Atomic[u64](0)
others_before = Atomic[u32](0)
stop = Atomic[u32](0)
mutex = Mutex()
semaphore = Semaphore()
barrier = Barrier()
order = array(8, u64)
taken = Atomic[u64](0)


def run_threads(fn: Callable[[u64], Raises[None]], count: u64) -> None:
    """None of those that take the mutex gets anywhere before all are there."""
    requests = array(16, JoinRequest)
    with mutex:
        for i in range(count):
            requests[i].uthread = uthread_create(fn, i)
    uthread_join_arr(requests[:count])


def run_lockers(count: u64) -> None:
    """Threads that lock and yield; it is certain that some wait for the mutex, and that the caller waits for the end of one."""
    requests = array(16, JoinRequest)
    waiting = counts.mutexes.load()
    others_before.store(counts.others.load())
    with mutex:
        for i in range(count):
            requests[i].uthread = uthread_create(lock_and_yield, i)
        until = now_ns() + DEADLINE_NS
        while counts.mutexes.load() == waiting and now_ns() < until:
            uthread_usleep(500)
    uthread_join_arr(requests[:count])


def note_end(number: u64) -> None:
    finished.add(1)


def test_init_once() -> None:
    uthread_mcp_init()
    equal(u64(counts.inits.load()), 1, "calls of init")


def test_entry() -> None:
    before = counts.entries.load()
    uthread_usleep(20_000)
    check(counts.entries.load() > before, "the scheduler was not asked whom to run")


def test_create_and_exit() -> None:
    """Each thread has one end and one `exited`: when it is joined, or when it ends detached."""
    finished.store(0)
    exits = counts.exits.load()
    endings = counts.endings.load()
    run_threads(note_end, 8)
    equal(u64(counts.exits.load() - exits), 8, "joined threads that are gone")
    for i in range(8):
        uthread_detach(uthread_create(note_end, u64(i)))
    until = now_ns() + 2_000_000_000
    while counts.exits.load() - exits < 16 and now_ns() < until:
        uthread_sched_yield()
    equal(u64(counts.exits.load() - exits), 16, "threads that are gone")
    equal(u64(counts.endings.load() - endings), 16, "threads that ended")
    equal(finished.load(), 16, "threads that ran")


def lock_and_yield(number: u64) -> None:
    for _ in range(20):
        with mutex:
            uthread_sched_yield()
    until = now_ns() + DEADLINE_NS
    while counts.others.load() == others_before.load() and now_ns() < until:
        uthread_usleep(500)                 # not before somebody waits for us
    finished.add(1)


def test_runnable_from_any_context() -> None:
    """A mutex is handed over by threads, a joiner is woken in vcore context."""
    before = counts.runnables.load()
    run_lockers(4)
    check(counts.runnables.load() - before >= 5, "threads made runnable")


def test_reasons() -> None:
    mutexes = counts.mutexes.load()
    yields = counts.yields.load()
    others = counts.others.load()
    run_lockers(4)
    check(counts.mutexes.load() > mutexes, "nobody waited for the mutex")
    equal(u64(counts.yields.load() - yields), 80, "yields")
    check(counts.others.load() > others, "nobody waited for a thread's end")


def sleep_and_call(number: u64) -> None:
    for _ in range(10):
        uthread_usleep(50 * (number + 1))
        sys_null()
    finished.add(1)


def test_blocking_calls() -> None:
    """Sleeps so short that some are over before the thread is put to sleep, and longer ones that are not: each comes back."""
    finished.store(0)
    before = counts.calls.load()
    run_threads(sleep_and_call, 8)
    check(counts.calls.load() > before, "no call blocked")
    equal(finished.load(), 8, "threads that came back from all calls")


# -- sync objects -------------------------------------------------------------------------------------------------
def wait_in_line(importance: u64) -> None:
    finished.add(1)
    semaphore.down()
    order[taken.add(1)] = importance
    semaphore.up()


def test_the_most_important_is_woken_first() -> None:
    """All wait; then one is let through, which lets the next one through."""
    finished.store(0)
    taken.store(0)
    waiting = counts.enqueues.load()
    requests = array(PARTY, JoinRequest)
    for i in range(PARTY):
        requests[i].uthread = uthread_create(wait_in_line, (i * 3) % PARTY)  # in some other order
    until = now_ns() + 2_000_000_000
    while counts.enqueues.load() - waiting < u32(PARTY) and now_ns() < until:
        uthread_sched_yield()
    semaphore.up()
    uthread_join_arr(requests[:])
    for i in range(PARTY):
        equal(order[i], PARTY - 1 - i, "importance of the one woken")
    check(semaphore.try_down(), "the semaphore is empty")


def test_operations_on_sync_objects() -> None:
    sync = UthSync()
    other = UthSync()
    sync.init()
    check(sync.is_empty() and sync.get_next() is None, "a fresh one is not empty")
    threads = array(3, Uthread)
    for i in range(3):
        threads[i].arg = u64(i)
        sync.enqueue(threads[i])
    check(sync.get_uth(threads[1]) and not sync.get_uth(threads[1]), "taken out twice, or not at all")
    sync.swap(other)
    check(sync.is_empty() and not other.is_empty(), "not swapped")
    check(other.get_next() is threads[2] and other.get_next() is threads[0], "the wrong order")
    destroys = counts.destroys.load()
    other.destroy()
    check(counts.destroys.load() == destroys + 1 and counts.inits_of_sync.load() > 0, "init and destroy")


def meet(number: u64) -> None:
    for _ in range(10):
        barrier.wait()


def test_barrier_wakes_all_at_once() -> None:
    barrier.parties = PARTY
    bulks = counts.bulks.load()
    swaps = counts.swaps.load()
    run_threads(meet, PARTY)
    equal(u64(counts.bulks.load() - bulks), 10, "wakings, one a round")
    equal(u64(counts.swaps.load() - swaps), 10, "exchanges of waiters, one a round")


# -- losing cores -------------------------------------------------------------------------------------------------
def spin(number: u64) -> None:
    """Not for ever: the vcores that are left are all that others have to run on."""
    until = now_ns() + 100_000_000
    while stop.load() == 0 and now_ns() < until:
        pause()


def control_process(command: str) -> bool:
    """Write a command about this very process; False if it was refused, as for a vcore that does not run."""
    path = text(40)
    path.write(f"/proc/{getpid()}/ctl")
    fd = open(path.view, OpenMode.WRITE)
    try:
        write_all(fd, command)
        return True
    except Error:
        return False
    finally:
        close(fd)


def spin_and_lose(command: str, after: str, counter: Atomic[u32]) -> None:
    """Threads that spin on all vcores but one; the command for each vcore in turn, until the counter rises."""
    if max_vcores() < 2:
        return
    before = counter.load()
    requests = array(16, JoinRequest)
    count = u64(min(max_vcores() - 1, u32(16)))
    until = now_ns() + 10_000_000_000
    turn: u32 = 0
    while counter.load() == before and now_ns() < until:
        stop.store(u32(0))
        for i in range(count):
            requests[i].uthread = uthread_create(spin, i)
        uthread_usleep(2000)
        # One less is wanted meanwhile: else the kernel gives it back before others have looked.
        control.never_vc_request = True
        wanted_cores().store(u64(max(num_vcores(), 2) - 1))
        line = text(40)
        line.write(f"{command} {turn % max_vcores()}{after}")
        control_process(line.view)
        turn += 1
        uthread_usleep(2000)
        stop.store(u32(1))
        uthread_join_arr(requests[:count])
        control.never_vc_request = False
        vcore_request_total(max_vcores())
    check(counter.load() > before, f"{command}: the scheduler was not told")


def test_warning_of_preemption() -> None:
    spin_and_lose("warn", " 20000", counts.warnings)


def test_preempted_threads_are_paused() -> None:
    spin_and_lose("preempt", "", counts.pauses)


def test_contexts() -> None:
    equal(u64(counts.wrong_context.load()), 0, "operations outside vcore context that are promised it")
