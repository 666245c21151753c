# SPDX-License-Identifier: LGPL-2.1-or-later
"""Uthreads by parlib's own interface: making and joining them, one by one and many at once, what each has of its own, how they leave."""

from lang import Atomic, Error, Ref, addr_of, array, at, free, i32, new, noinline, pause, sizeof, text, u32, u64
from kern.abi.errno import Errno
from parlib import sched
from parlib.current import in_vcore_context, me, my_uthread
from parlib.join import JoinRequest, uthread_detach, uthread_join, uthread_join_arr
from parlib.pdr import PdrLock
from parlib.threads import uthread_create, uthread_mcp_init, uthread_sched_yield, uthread_sleep_forever, uthread_usleep
from parlib.tls import allocate_tls, current_of, free_tls, reinit_tls, tls_var
from parlib.uth_sync import UthSync
from parlib.uthread import JoinState, Uthread, highjack_current_uthread, thread0, uthread_yield
from parlib.vcore import disable_notifs, enable_notifs, is_mcp, vcores
from pthread.pool import give_thread, take_thread
from pthread.ready import start_threads
from rt.time import now_ns
from syscalls import sys_close
from utest.harness import Suite, check, equal, is_wanted, run, suites

MANY: u64 = 1000

ended = Atomic[u64](0)
go = Atomic[u32](0)
kept_apart = Atomic[u64](0)
unparked = Atomic[u64](0)
lock = PdrLock()
parked: Ref[Uthread] | None = None


@suites
class Uthreads(Suite):
    name: str = "uthread"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        run("uthread.first_makes_an_mcp", test_first_thread_makes_an_mcp)
        start_threads()
        run("uthread.join_arr_1000", test_join_array_of_1000)
        run("uthread.join_arr_refused", test_join_array_with_one_that_is_refused)
        run("uthread.states", test_states_of_joining)
        run("uthread.refusals", test_second_joiner_is_refused)
        run("uthread.errors", test_each_has_its_own_error)
        run("uthread.flags", test_flags)
        run("uthread.unlock_in_callback", test_unlock_in_callback)
        run("uthread.sleeps", test_sleeps)
        run("uthread.highjack", test_highjack)
        run("uthread.tls", test_thread_local_blocks)
        run("uthread.remote_current", test_current_of_another_vcore)
        run("uthread.sync_size", test_size_of_wait_queues)


# -- making and joining -------------------------------------------------------------------------------------------
def note_end(number: u64) -> None:
    ended.add(1)
    my_uthread().result = number + 7


def wait_for_go(number: u64) -> None:
    while go.load() == 0:
        uthread_sched_yield()
    note_end(number)


def test_first_thread_makes_an_mcp() -> None:
    check(not is_mcp(), "an MCP before there is a thread")
    check(my_uthread() is thread0 and thread0.is_thread0, "thread 0 does not run main")
    start_threads()
    check(is_mcp(), "no MCP")
    uthread_mcp_init()                      # once only: the kernel would refuse a second change
    equal(uthread_join(uthread_create(note_end, 5)), 12, "result")


def test_join_array_of_1000() -> None:
    ended.store(0)
    go.store(u32(0))
    requests = new(array(MANY, JoinRequest))
    for i in range(MANY):
        requests[i].uthread = uthread_create(wait_for_go, i)
    go.store(u32(1))
    uthread_join_arr(requests)
    equal(ended.load(), MANY, "threads ended")
    for i in range(MANY):
        check(requests[i].result == i + 7, f"result {requests[i].result} of thread {i}")
    free(requests)


def test_join_array_with_one_that_is_refused() -> None:
    """All others are joined, and then it raises."""
    go.store(u32(0))
    requests = array(3, JoinRequest)
    for i in range(3):
        requests[i].uthread = uthread_create(wait_for_go, u64(i))
    uthread_detach(requests[1].uthread)
    last = requests[2].uthread
    opener = uthread_create(let_go_when_joined, addr_of(last))
    try:
        uthread_join_arr(requests[:])
        check(False, "a detached thread was joined")
    except Error as e:
        check(e.errno == Errno.EINVAL and e.message == "1 of 3 threads could not be joined", f"{e.message}")
    check(requests[1].refused and requests[0].result == 7 and requests[2].result == 9, "the others' results")
    uthread_join(opener)


def let_go_when_joined(address: u64) -> None:
    """The last of the others has its joiner: until then the detached one must not be gone."""
    wait_for_joiner(at(Uthread, address))
    go.store(u32(1))


def test_states_of_joining() -> None:
    go.store(u32(0))
    first = uthread_create(wait_for_go, 0)
    second = uthread_create(wait_for_go, 0)
    check(first.join_state == JoinState.JOINABLE, "a fresh thread cannot be joined")
    uthread_detach(second)
    check(second.join_state == JoinState.DETACHED, "not detached")
    joiner = uthread_create(join_it, addr_of(first))
    wait_for_joiner(first)
    check(first.join_state == JoinState.HAS_JOINER, "no joiner")
    go.store(u32(1))
    equal(uthread_join(joiner), 7, "what the joiner got")
    third = uthread_create(note_end, 1)
    while third.join_state != JoinState.EXITED:
        uthread_sched_yield()
    equal(uthread_join(third), 8, "result of one that had ended before")


def join_it(address: u64) -> None:
    my_uthread().result = uthread_join(at(Uthread, address))


def wait_for_joiner(uthread: Uthread) -> None:
    while uthread.join_state != JoinState.HAS_JOINER:
        uthread_sched_yield()


def refused_join(uthread: Uthread) -> Errno:
    try:
        uthread_join(uthread)
    except Error as e:
        return e.errno
    return Errno.OK


def refused_detach(uthread: Uthread) -> Errno:
    try:
        uthread_detach(uthread)
    except Error as e:
        return e.errno
    return Errno.OK


def test_second_joiner_is_refused() -> None:
    go.store(u32(0))
    first = uthread_create(wait_for_go, 0)
    joiner = uthread_create(join_it, addr_of(first))
    wait_for_joiner(first)
    check(refused_join(first) == Errno.EINVAL, "joined twice")
    check(refused_detach(first) == Errno.EINVAL, "detached with a joiner")
    check(refused_join(my_uthread()) == Errno.EDEADLK, "joined itself")
    second = uthread_create(wait_for_go, 0)
    uthread_detach(second)
    check(refused_join(second) == Errno.EINVAL, "a detached thread was joined")
    check(refused_detach(second) == Errno.EINVAL, "detached twice")
    go.store(u32(1))
    equal(uthread_join(joiner), 7, "the first joiner's result")
    requests = array(1, JoinRequest)
    requests[0].uthread = my_uthread()
    try:
        uthread_join_arr(requests[:])
    except Error:
        pass
    check(requests[0].refused, "joined itself, among others")


# -- each one's own -----------------------------------------------------------------------------------------------
def fail_slowly(number: u64) -> None:
    """The error is made, others make theirs, and then it is read."""
    try:
        if number % 2 == 0:
            sys_close(1000 + i32(number))
        else:
            raise Error(Errno.ENOENT, f"thread {number} has none")
    except Error as e:
        ended.add(1)
        while ended.load() < 16:
            uthread_sched_yield()
        own = text(64)
        if number % 2 == 1:
            own.write(f"thread {number} has none")
        else:
            own.write(f"no open file has descriptor {1000 + number}")
        wanted = Errno.EBADF if number % 2 == 0 else Errno.ENOENT
        if e.errno == wanted and e.message == own.view:
            kept_apart.add(1)


def test_each_has_its_own_error() -> None:
    ended.store(0)
    kept_apart.store(0)
    requests = array(16, JoinRequest)
    for i in range(16):
        requests[i].uthread = uthread_create(fail_slowly, u64(i))
    uthread_join_arr(requests[:])
    equal(kept_apart.load(), 16, "threads that read their own error")


def test_flags() -> None:
    """While notifications are disabled the thread stays on its vcore, and nobody takes it away; a saved one can be moved."""
    mine = my_uthread()
    equal(u64(mine.dont_migrate.load()), 0, "DONT_MIGRATE")
    disable_notifs()
    equal(u64(mine.dont_migrate.load()), 1, "DONT_MIGRATE with notifications disabled")
    disable_notifs()
    enable_notifs()
    equal(u64(mine.dont_migrate.load()), 1, "DONT_MIGRATE after one of two")
    enable_notifs()
    equal(u64(mine.dont_migrate.load()), 0, "DONT_MIGRATE afterwards")


# -- leaving ------------------------------------------------------------------------------------------------------
def park_and_unlock(uthread: Uthread, address: u64) -> None:
    """The pattern: what makes the thread known to others is guarded by a lock that it still held; only now, saved, is it released."""
    global parked
    if in_vcore_context() and uthread.saved != 0:
        kept_apart.add(1)
    parked = uthread
    at(PdrLock, address).unlock_on()


def park(number: u64) -> None:
    for _ in range(200):
        lock_across_yield()
        uthread_yield(park_and_unlock, addr_of(lock))
        unparked.add(1)


def lock_across_yield() -> None:
    while not lock.holder.cas(0, 1):
        uthread_sched_yield()


def test_unlock_in_callback() -> None:
    global parked
    unparked.store(0)                       # not `ended`: a detached thread of the tests before may end only now
    kept_apart.store(0)
    parked = None
    uthread = uthread_create(park, 0)
    woken: u64 = 0
    while woken < 200:
        lock_across_yield()
        found = parked
        parked = None
        lock.holder.store(0)
        if found is not None:
            woken += 1
            sched.current.runnable(found)
        else:
            uthread_sched_yield()
    uthread_join(uthread)
    equal(unparked.load(), 200, "returns from the yield")
    equal(kept_apart.load(), 200, "callbacks in vcore context on a saved thread")


def sleep_for_ever(number: u64) -> None:
    ended.add(1)
    uthread_sleep_forever()


def test_sleeps() -> None:
    ended.store(0)
    start = now_ns()
    uthread_usleep(20_000)
    check(now_ns() - start >= 20_000_000, "woke too early")
    uthread_detach(uthread_create(sleep_for_ever, 0))
    while ended.load() == 0:
        uthread_sched_yield()
    uthread_usleep(5_000)                   # it would panic if it woke


def highjacked(number: u64) -> None:
    check(False, "a highjacked thread runs its own function")


@noinline
def is_caller(uthread: Uthread) -> bool:
    """Not inlined: the place of thread-local things may be kept over calls, and this thread becomes another within one function."""
    return my_uthread() is uthread


def test_highjack() -> None:
    """One stack, two threads: thread-local things are those of the thread that it is at the moment."""
    before = my_uthread()
    other = take_thread(highjacked, 0)
    back = highjack_current_uthread(other)
    check(back is before and is_caller(other), "still the one that it was")
    uthread_sched_yield()                   # it is scheduled under its new name
    check(is_caller(other), "another one after a yield")
    highjack_current_uthread(before)
    check(is_caller(before), "not the one that it was")
    uthread_sched_yield()
    give_thread(other)


# -- thread-local blocks ------------------------------------------------------------------------------------------
def test_thread_local_blocks() -> None:
    tp = allocate_tls()
    other = tls_var(me.mine, tp)
    equal(other.uthread, 0, "a fresh block's uthread")
    other.uthread = 5
    check(me.mine.uthread == addr_of(my_uthread()), "the caller's own changed")
    reinit_tls(tp)
    equal(tls_var(me.mine, tp).uthread, 0, "after it was made fresh again")
    free_tls(tp)


def spin_for_go(number: u64) -> None:
    while go.load() == 0:
        pause()


def test_current_of_another_vcore() -> None:
    """Which thread another vcore runs: in its own structure, and in that thread's block who it is."""
    go.store(u32(0))
    uthread = uthread_create(spin_for_go, 0)
    seen = False
    until = now_ns() + 2_000_000_000
    while not seen and now_ns() < until:
        for vcore in vcores:
            if vcore.current is uthread:
                seen = current_of(uthread.tp).uthread == addr_of(uthread)
        uthread_sched_yield()
    check(seen, "no vcore says that it runs the thread")
    go.store(u32(1))
    uthread_join(uthread)


def test_size_of_wait_queues() -> None:
    equal(sizeof(UthSync), 16, "bytes of a UthSync")
