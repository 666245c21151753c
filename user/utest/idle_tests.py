# SPDX-License-Identifier: LGPL-2.1-or-later
"""Three small 2LSs of the tests' own: one halts its idle vcores, one preempts its threads by a timer; and threads in a process that
stays on a single core.
"""

from typing import Callable

from lang import Atomic, Raises, array, pause, u32, u64
from kern.abi.syscall import Syscall
from parlib.control import control, limit_vcores
from parlib.join import JoinRequest, uthread_join, uthread_join_arr
from parlib.request import vcore_request_exactly
from parlib.sync import Mutex
from parlib.threads import uthread_create, uthread_mcp_init, uthread_sched_yield, uthread_usleep, use_library
from parlib.uthread import Uthread, pause_current, run_current
from parlib.vcore import Vcore, is_mcp, max_vcores, num_vcores, vcores
from parlib.vcore_tick import vcore_tick_disable, vcore_tick_enable, vcore_tick_poll
from parlib.yielding import vcore_idle, vcore_reenter, vcore_wake, vcore_yield_or_restart
from pthread.ready import ThreadScheduler, scheduler
from rt.time import now_ns
from utest.harness import Suite, check, equal, is_wanted, run, suites

TICK_USEC: u64 = 2000
DEADLINE_NS: u64 = 20_000_000_000

idles = array(256, Atomic[u64])             # how often each vcore found nothing to do
reentries = Atomic[u64](0)
restarts = Atomic[u64](0)
finished = Atomic[u64](0)
turn = Atomic[u32](0)
ticks_told = Atomic[u64](0)
mutex = Mutex()
counter: u64 = 0


# -- halting --------------------------------------------------------------------------------------------------------
class HaltingScheduler(ThreadScheduler):
    """Keeps its vcores, halted while there is nothing to do."""

    def idle(self, vcore: Vcore) -> None:
        count = idles[vcore.id].add(1)
        if count % 4 == 1:
            vcore_reenter(vcore, note_reentry)
        if count % 16 == 2:
            restarts.add(1)
            vcore_yield_or_restart(vcore)   # does not leave: see keep_all
        vcore_idle(vcore)


halting_scheduler = HaltingScheduler()


def note_reentry(vcore: Vcore) -> None:
    reentries.add(1)


@suites
class Halting(Suite):
    name: str = "idle"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        keep_all(halting_scheduler)
        run("idle.knobs", test_vcores_are_pinned)
        run("idle.halts", test_halted_vcores_do_nothing)
        run("idle.wake", test_waking_a_halted_vcore)
        run("idle.reenter", test_vcores_reenter)


def keep_all(library: HaltingScheduler) -> None:
    control.never_yield = True
    control.never_vc_request = True
    use_library(library)
    uthread_mcp_init()
    vcore_request_exactly(max_vcores())
    wait_for_vcores()


def wait_for_vcores() -> None:
    until = now_ns() + DEADLINE_NS
    while num_vcores() < max_vcores() and now_ns() < until:
        pause()


def note_end(number: u64) -> None:
    finished.add(1)


def test_vcores_are_pinned() -> None:
    """Neither threads that come and go nor idle vcores change how many there are."""
    equal(u64(num_vcores()), u64(max_vcores()), "vcores")
    for _ in range(20):
        uthread_join(uthread_create(note_end, 0))
        uthread_usleep(1000)
        equal(u64(num_vcores()), u64(max_vcores()), "vcores while threads come and go")


def all_idles() -> u64:
    return sum(idles[i].load() for i in range(max_vcores()))


def test_halted_vcores_do_nothing() -> None:
    """While this thread sleeps all vcores are halted: they come back for messages only, of which there are few. One that
    spun would have been idle a million times."""
    uthread_usleep(50_000)
    before = all_idles()
    uthread_usleep(300_000)
    found = all_idles() - before
    check(found < 64 * u64(max_vcores()), f"{found} times idle in 300 ms")
    equal(u64(num_vcores()), u64(max_vcores()), "vcores")


def test_waking_a_halted_vcore() -> None:
    if max_vcores() < 2:
        return
    for v in range(max_vcores()):
        before = vcores[v].entries + idles[v].load()
        until = now_ns() + DEADLINE_NS
        while vcores[v].entries + idles[v].load() == before and now_ns() < until:
            vcore_wake(v, True)
            uthread_usleep(500)
        check(vcores[v].entries + idles[v].load() > before, f"vcore {v} did not wake")


def test_vcores_reenter() -> None:
    until = now_ns() + DEADLINE_NS
    while (reentries.load() == 0 or restarts.load() == 0) and now_ns() < until:
        uthread_usleep(500)
    check(reentries.load() > 0, "no vcore began at the top of its stack with a function")
    check(restarts.load() > 0, "no vcore yielded or restarted")


# -- ticking --------------------------------------------------------------------------------------------------------
class PreemptiveScheduler(ThreadScheduler):
    """Puts a thread to the end of the queue when its time is over."""

    def entry(self, vcore: Vcore) -> None:
        vcore_tick_enable(vcore, TICK_USEC)
        super().entry(vcore)

    def next_ready(self, vcore: Vcore) -> Uthread | None:
        return None                         # each begins in `entry`, with a tick to come

    def next_for_call(self, vcore: Vcore, uthread: Uthread, call: Syscall) -> Uthread | None:
        return None

    def resume(self, vcore: Vcore, uthread: Uthread) -> None:
        passed = vcore_tick_poll(vcore)
        ticks_told.add(passed)
        if passed > 0:
            pause_current(vcore)
            return
        run_current(vcore, uthread)

    def idle(self, vcore: Vcore) -> None:
        vcore_tick_disable(vcore)
        super().idle(vcore)


preemptive_scheduler = PreemptiveScheduler()


@suites
class Ticking(Suite):
    name: str = "tick"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        limit_vcores(1)
        use_library(preemptive_scheduler)
        uthread_mcp_init()
        run("tick.preemptive", test_threads_that_never_yield_take_turns)
        run("tick.poll", test_ticks_are_counted)


def take_turns(number: u64) -> None:
    """Each waits for the other, spinning: on one vcore both get on only if something takes it from who spins."""
    until = now_ns() + DEADLINE_NS
    for i in range(u32(6)):
        while turn.load() != i * 2 + u32(number) and now_ns() < until:
            pause()
        if turn.load() == i * 2 + u32(number):
            turn.add(1)


def run_threads(fn: Callable[[u64], Raises[None]], count: u64) -> None:
    requests = array(16, JoinRequest)
    for i in range(count):
        requests[i].uthread = uthread_create(fn, i)
    uthread_join_arr(requests[:count])


def test_threads_that_never_yield_take_turns() -> None:
    turn.store(0)
    run_threads(take_turns, 2)
    equal(u64(turn.load()), 12, "turns")


def spin_30_ms(number: u64) -> None:
    until = now_ns() + 30_000_000
    while now_ns() < until:
        pause()


def test_ticks_are_counted() -> None:
    """Two threads, so that there is always one that was interrupted: what is told is the time that has passed, late or not."""
    before = ticks_told.load()
    start = now_ns()
    run_threads(spin_30_ms, 2)
    told = ticks_told.load() - before
    most = (now_ns() - start) // (TICK_USEC * 1000) + 1
    check(0 < told <= most, f"{told} periods told, of {most} at most")


# -- threads on a single core ---------------------------------------------------------------------------------------
@suites
class SingleCore(Suite):
    name: str = "scp"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        control.wants_to_be_mcp = False
        use_library(scheduler)
        run("scp.threads", test_threads_in_an_scp)
        run("scp.blocking", test_blocking_in_an_scp)


def count_up(number: u64) -> None:
    global counter
    for _ in range(100):
        with mutex:
            before = counter
            uthread_sched_yield()
            counter = before + 1


def test_threads_in_an_scp() -> None:
    global counter
    counter = 0
    run_threads(count_up, 8)
    equal(counter, 800, "counter")
    check(not is_mcp() and num_vcores() == 0, "an MCP, though it did not want to be one")


def sleep_400_ms(number: u64) -> None:
    uthread_usleep(400_000)
    finished.add(1)


def test_blocking_in_an_scp() -> None:
    finished.store(0)
    start = now_ns()
    run_threads(sleep_400_ms, 16)
    took = now_ns() - start
    equal(finished.load(), 16, "threads that woke")
    check(400_000_000 <= took < 16 * 400_000_000, f"16 sleeps of 400 ms at once took {took} ns")
