# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of finished calls (parlib.finished): threads woken on the spot, by the system call that finished what they wait for, or by who
recovers the vcore that did. On one vcore, so that it is known who runs when."""

from lang import Atomic, Ref, Uaddr, addr_of, array, i32, u8, u16, u32, u64
from kern.abi.event import EventMsg, EventType
from kern.abi.syscall import Syscall, SyscallFlag
from parlib.asynccall import AsyncCall
from parlib.control import limit_vcores
from parlib.uthread import Uthread, uthread_yield
from parlib.threads import use_library
from parlib.vcore import Vcore, disable_notifs, enable_notifs, notify_self, num_vcores, vcores, wait_spinning
from pthread.ready import ThreadScheduler, start_threads, yield_now
from rt import io
from rt.syscall import reset, result_of, wait_for
from syscalls import submit_read, submit_write, sys_null, sys_write
from utest.harness import Suite, check, equal, is_wanted, run, suites

TURNS: u64 = 200
SLEEPERS: u64 = 3
PREEMPTED: u32 = 2                          # VcoreFlag.PREEMPTED

there = array(2, i32)
back = array(2, i32)
other = AsyncCall()
calls = array(SLEEPERS, Syscall)
asleep = array(SLEEPERS, Ref[Uthread] | None)
woken = array(SLEEPERS, u64)
woken_count = Atomic[u64](0)


def begin(turns: u64) -> None:
    """A thread that sleeps in a read of one pipe by now, and answers by another."""
    limit_vcores(1)
    start_threads()
    there[0], there[1] = io.pipe()
    back[0], back[1] = io.pipe()
    other.start(answer, turns)
    yield_now()


def end() -> None:
    other.wait()
    for i in range(2):
        io.close(there[i])
        io.close(back[i])


def answer(turns: u64) -> u64:
    byte = array(1, u8)
    for _ in range(turns):
        io.read(there[0], byte)
        io.write_all(back[1], byte)
    return turns


def test_woken_in_passing() -> None:
    """A thread's system call wakes another thread of its vcore without an interruption, and the first runs on meanwhile."""
    begin(TURNS)
    byte = array(1, u8)
    entries = vcores[0].entries
    for i in range(TURNS):
        byte[0] = u8(i)
        io.write_all(there[1], byte)
        io.read(back[0], byte)
        equal(u64(byte[0]), i % 256, "the byte that came back")
    entered = vcores[0].entries - entries
    end()
    equal(u64(num_vcores()), 1, "vcores")
    check(entered < TURNS // 4, f"interrupted {entered} times")


def test_told_when_notifications_come_on() -> None:
    """Who keeps notifications off is not told: the other thread is woken when they are on again."""
    begin(1)
    byte = array(1, u8)
    disable_notifs()
    sys_write(there[1], byte)
    sys_null()
    check(vcores[0].data.finished.load() != 0, "taken from the list with notifications off")
    enable_notifs()
    equal(vcores[0].data.finished.load(), 0, "what is on the list")
    io.read(back[0], byte)
    end()


def sleep_until_listed(uthread: Uthread, index: u64) -> None:
    asleep[index] = uthread


def wait_to_be_listed(index: u64) -> u64:
    uthread_yield(sleep_until_listed, index)
    woken[woken_count.add(1)] = index
    return index


def test_recovered() -> None:
    """The list of a vcore that was preempted: each thread on it is woken once, those first whose calls were finished first."""
    limit_vcores(1)
    start_threads()
    sleepers = array(SLEEPERS, AsyncCall)
    for i in range(SLEEPERS):
        sleepers[i].start(wait_to_be_listed, i)
    yield_now()
    data = vcores[1].data                   # it never ran: nobody else has anything to do with it
    before: u64 = 0
    for i in range(SLEEPERS):
        calls[i].u_data = addr_of(asleep[i])
        calls[i].ev_q = Uaddr(before)
        before = addr_of(calls[i])
    data.finished.store(before)
    data.flags.or_(PREEMPTED)
    for _ in range(2):
        notify_self(0, EventMsg(ev_type=u16(EventType.CHECK_MSGS), arg2=1), False)
    for i in range(SLEEPERS):
        equal(sleepers[i].wait(), i, "a sleeper")
        equal(woken[i], i, "who was woken")
    data.flags.and_(~PREEMPTED)
    equal(woken_count.load(), SLEEPERS, "threads that were woken")
    equal(data.finished.load(), 0, "what is on the list")


# -- what comes between a thread's decision to wait for a call and its leaving -----------------------------------------
class MeddlingScheduler(ThreadScheduler):
    """When it is told to, writes what a thread wants to read at the last moment: it is about to be switched away from."""

    def next_for_call(self, vcore: Vcore, uthread: Uthread, call: Syscall) -> Uthread | None:
        follower = super().next_for_call(vcore, uthread, call)
        if follower is not None and meddle.swap(False):
            reset(meddling)
            submit_write(meddling, there[1], "m")
            wait_spinning(meddling)
        return follower


meddling_scheduler = MeddlingScheduler()
meddle = Atomic[bool](False)
meddling = Syscall()


def note_run(number: u64) -> u64:
    woken_count.add(1)
    return number


def wait_with_another_ready() -> None:
    """A read that the other, ready, thread has to make room for, while `meddle` or a flag is in the way of the switch."""
    limit_vcores(1)
    start_threads()
    woken_count.store(0)
    there[0], there[1] = io.pipe()
    other.start(note_run, 5)


def test_done_at_the_last_moment() -> None:
    """The call is done when the thread is saved: nobody else tells of it, and the thread runs on."""
    for _ in range(TURNS):
        wait_with_another_ready()
        byte = array(1, u8)
        meddle.store(True)
        equal(io.read(there[0], byte), 1, "bytes")
        check(byte[0] == ord("m") and not meddle.load(), "who wrote, and when")
        equal(woken_count.load(), 1, "threads that ran meanwhile")
        equal(other.wait(), 5, "the other thread")
        close_ends()


def test_flags_in_the_way() -> None:
    """A flag that another has set (here ABORT, of which the kernel hears nothing) does not keep the thread from being told."""
    wait_with_another_ready()
    byte = array(1, u8)
    reset(meddling)
    submit_read(meddling, there[0], byte)
    meddling.flags.or_(u32(SyscallFlag.ABORT))
    writer = AsyncCall()
    writer.start(write_late, 0)
    wait_for(meddling)
    equal(result_of(meddling), 1, "bytes")
    equal(other.wait(), 5, "the other thread")
    writer.wait()
    close_ends()


def write_late(unused: u64) -> u64:
    yield_now()
    io.write_all(there[1], "l")
    return 0


def close_ends() -> None:
    io.close(there[0])
    io.close(there[1])


@suites
class Finished(Suite):
    name: str = "finished"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        use_library(meddling_scheduler)
        run("finished.in_passing", test_woken_in_passing)
        run("finished.notifications_off", test_told_when_notifications_come_on)
        run("finished.recovered", test_recovered)
        run("finished.last_moment", test_done_at_the_last_moment)
        run("finished.flags_in_the_way", test_flags_in_the_way)
