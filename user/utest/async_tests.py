# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of asynchronous system calls: many at once, told of on a queue, given up, before and outside of threads; asynchronous functions."""

from lang import Atomic, Errno, Error, Ref, Uaddr, addr_of, array, at, i32, u8, u16, u32, u64
from kern.abi.event import EventMsg, EventQueue, EventType, MailboxKind
from kern.abi.file import FdPair, OpenMode, SpawnFlag, WaitFlag, WaitStatus
from kern.abi.proc import VcoreFlag
from kern.abi.syscall import Syscall, SyscallFlag
from parlib import blockon
from parlib.asynccall import AsyncCall
from parlib.calls import tell, wait_at_most
from parlib.current import in_vcore_context
from parlib.queues import RELIABLE, attach_wakeup, block_on_queues, check_queues, get_queue, put_queue
from parlib import sched
from parlib.uthread import Uthread, uthread_yield
from parlib.vcore import is_mcp, vcores
from pthread.ready import start_threads
from rt import io, process
from rt.args import environment
from rt.process import create, wait
from rt.syscall import error_text, errno, failed, finish, is_done, raw_submit, reset, result_of, wait_for
from rt.time import now_ns, sleep_usec
from syscalls import submit_block, submit_getpcoreid, submit_getvcoreid, submit_null, submit_read, submit_waitpid, submit_write
from syscalls import sys_abort_sysc, sys_abort_sysc_fd, sys_close, sys_read, sys_write
from utest.harness import Suite, check, equal, run, suites

MANY: u64 = 100
INIT_ARSC: u32 = 27

many_calls = array(MANY, Syscall)
first_buffer = array(8, u8)
second_buffer = array(8, u8)


# -- told of ------------------------------------------------------------------------------------------------------
def test_hundred_on_a_queue() -> None:
    """Half of them are over when their submission returns; of each the queue hears exactly once."""
    queue = get_queue(MailboxKind.UCQ, RELIABLE, 0)
    attach_wakeup(queue)
    for i in range(MANY):
        call = many_calls[i]
        reset(call)
        call.u_data = i
        tell(call, queue)
        if i % 2 == 0:
            submit_block(call, (MANY - i) * 100)
        else:
            submit_null(call)
            check(call.flags.load() & SyscallFlag.DONE != 0, "a call that does nothing is not over at once")
    asked = array(1, Ref[EventQueue])
    asked[0] = queue
    msg = EventMsg()
    seen = array(MANY, u32)
    for _ in range(MANY):
        check(block_on_queues(asked[:], msg, 5_000_000) is queue, "fewer events than calls")
        call = at(Syscall, msg.arg3)
        check(msg.ev_type == u16(EventType.SYSCALL) and call.flags.load() & SyscallFlag.DONE != 0, "another event")
        seen[call.u_data] += 1
    wrong = sum(u64(1) for n in seen if n != 1)
    equal(wrong, 0, "calls told not once")
    sleep_usec(2000)
    check(check_queues(asked[:], msg) is None, "more events than calls")
    put_queue(queue)


# -- given up -----------------------------------------------------------------------------------------------------
def test_abort_by_descriptor() -> None:
    """Two reads of one descriptor and a read of another: both of the first give up, and the descriptor serves again."""
    one = io.pipe()
    two = io.pipe()
    calls = array(3, Syscall)
    submit_read(calls[0], one[0], first_buffer[:])
    submit_read(calls[1], one[0], second_buffer[:])
    submit_read(calls[2], two[0], first_buffer[:])
    equal(u64(sys_abort_sysc_fd(one[0])), 2, "aborted")
    for call in calls[:2]:
        wait_for(call)
        check(errno(call) == Errno.EINTR, f"{errno(call).name}")
    check(not is_done(calls[2]), "another descriptor's call ended")
    equal(u64(sys_abort_sysc_fd(one[0])), 0, "aborted when none sleeps")
    equal(u64(sys_abort_sysc_fd(1000)), 0, "aborted of a descriptor that is none")
    sys_write(one[1], "again")
    equal(sys_read(one[0], first_buffer[:5]), 5, "read afterwards")
    sys_write(two[1], "x")
    wait_for(calls[2])
    check(not failed(calls[2]), "the other descriptor's call")
    for fd in (one[0], one[1], two[0], two[1]):
        sys_close(fd)


def test_time_limit() -> None:
    ends = io.pipe()
    for _ in range(10):
        call = Syscall()
        start = now_ns()
        submit_read(call, ends[0], first_buffer[:])
        check(not wait_at_most(call, 3000) and is_done(call), "a read of an empty pipe ended by itself")
        check(errno(call) == Errno.EINTR and error_text(call) == "the call was aborted", f"{errno(call).name}: {error_text(call)}")
        check(now_ns() - start >= 3_000_000, "too early")
    call = Syscall()
    submit_read(call, ends[0], first_buffer[:])
    sys_write(ends[1], "in time")
    check(wait_at_most(call, 5_000_000), "given up although it was over")
    equal(result_of(call), 7, "read")
    sleeping = Syscall()
    submit_block(sleeping, 2000)
    check(wait_at_most(sleeping, 5_000_000) and not failed(sleeping), "a short sleep, a long limit")
    sys_close(ends[0])
    sys_close(ends[1])


def test_abort_and_end_meet() -> None:
    """The call may end by itself in the moment in which it is aborted: it ends once, one way or the other."""
    aborted: u64 = 0
    for i in range(u64(200)):
        call = Syscall()
        submit_block(call, 1 + i)
        sys_abort_sysc(Uaddr(addr_of(call)))
        wait_for(call)
        check(errno(call) == Errno.EINTR or errno(call) == Errno.OK, f"{errno(call).name}")
        aborted += 1 if failed(call) else 0
    check(aborted > 0, "no call was aborted")


# -- errors -------------------------------------------------------------------------------------------------------
def test_failure_is_told_alike() -> None:
    """Whatever the values of a call mean: 0 as the only good one, none below 0, or never an error."""
    call = Syscall()
    submit_null(call)
    finish(call)
    check(not failed(call), "null")
    reset(call)
    submit_getpcoreid(call)
    finish(call)
    check(not failed(call), "getpcoreid")
    reset(call)
    submit_getvcoreid(call)
    finish(call)
    check(not failed(call), "getvcoreid")
    reset(call)
    submit_waitpid(call, 29_999, WaitStatus(), WaitFlag.NOHANG)
    finish(call)
    check(failed(call) and errno(call) == Errno.ECHILD and call.retval == -1, "waitpid")
    check(error_text(call) == "no child 29999 to wait for", f"{error_text(call)}")
    reset(call)
    submit_read(call, 77, first_buffer[:])
    finish(call)
    check(failed(call) and error_text(call) == "no open file has descriptor 77", f"{error_text(call)}")


def test_sentence_without_number() -> None:
    """The kernel's test device fails with a sentence and no errno: the process gets both, and is not told that all went well."""
    fd = io.open("#regress/monctl", OpenMode.WRITE)
    call = Syscall()
    submit_write(call, fd, "fail")
    finish(call)
    check(failed(call) and call.retval == -1 and errno(call) == Errno.EUNSPECIFIED, f"{call.retval} {errno(call).name}")
    check(error_text(call) == "failed on order", f"{error_text(call)}")
    sys_close(fd)


def test_remote_ring_is_absent() -> None:
    call = Syscall(num=INIT_ARSC)
    raw_submit(call)
    finish(call)
    check(errno(call) == Errno.ENOSYS and error_text(call) == "there is no system call 27", f"{errno(call).name}: {error_text(call)}")


# -- who waits, and how -------------------------------------------------------------------------------------------
def shell_writes_later(ends: tuple[i32, i32], gate: i32) -> i32:
    """Its end, of which its parent is told, comes once nobody can write to the gate any more."""
    arguments = array(3, str)
    arguments[0] = "sh"
    arguments[1] = "-c"
    arguments[2] = "sleep 0.02; echo late; cat"
    fds = array(3, FdPair)
    fds[0] = FdPair(first=gate, second=0)
    fds[1] = FdPair(first=ends[1], second=1)
    fds[2] = FdPair(first=2, second=2)
    child = create("/bin/sh", arguments[:], environment(), fds[:], SpawnFlag(0))
    process.run(child)
    return child


def test_before_vcore_context() -> None:
    """As at the very start of a process: the kernel must not enter vcore context, and a call that blocks puts the process to sleep."""
    ends = io.pipe()
    gate = io.pipe()
    child = shell_writes_later(ends, gate[0])
    data = vcores[0].data
    blockon.parlib_ready = False
    data.flags.or_(u32(VcoreFlag.SCP_NOVCCTX))
    entries = vcores[0].entries
    count = sys_read(ends[0], first_buffer[:5])
    entered = vcores[0].entries - entries
    pending = data.notif_pending.load()
    data.flags.and_(~u32(VcoreFlag.SCP_NOVCCTX))
    blockon.parlib_ready = True
    sys_close(gate[1])
    equal(count, 5, "read")
    check(first_buffer[:4] == "late", "other bytes")
    equal(entered, 0, "entries into vcore context")
    equal(u64(pending), 0, "pending afterwards")
    equal(u64(wait(child)), 0, "the child")
    sys_close(gate[0])
    sys_close(ends[0])
    sys_close(ends[1])


slept_in_vcore_context = Atomic[u32](0)


def sleep_in_vcore_context(uthread: Uthread, arg: u64) -> None:
    """A 2LS that has to wait can only spin, on its core, until the call is over."""
    call = Syscall()
    submit_block(call, 2000)
    wait_for(call)
    if in_vcore_context() and is_mcp() and not failed(call):
        slept_in_vcore_context.store(1)
    sched.current.runnable(uthread)


def test_in_vcore_context() -> None:
    start_threads()
    one = AsyncCall()
    one.start(add_one, 1)
    equal(one.wait(), 2, "a thread")
    start = now_ns()
    uthread_yield(sleep_in_vcore_context, 0)
    check(slept_in_vcore_context.load() == 1, "the call in vcore context")
    check(now_ns() - start >= 2_000_000, "it did not wait")


# -- asynchronous functions ---------------------------------------------------------------------------------------
def add_one(n: u64) -> u64:
    return n + 1


def nap(n: u64) -> u64:
    sleep_usec(n)
    if n == 13:
        raise Error(Errno.EDOM, f"{n} is no good number")
    return n


def test_asynchronous_functions() -> None:
    start_threads()
    calls = array(20, AsyncCall)
    for i in range(20):
        calls[i].start(nap, u64(i))
    try:
        calls[0].start(nap, 1)
        check(False, "started twice")
    except Error as e:
        check(e.errno == Errno.EBUSY, f"{e.errno.name}")
    for i in range(20):
        if i == 13:
            try:
                calls[i].wait()
                check(False, "no error")
            except Error as e:
                check(e.errno == Errno.EDOM and e.message == "13 is no good number", f"{e.errno.name}: {e.message}")
        else:
            equal(calls[i].wait(), u64(i), "result")
    try:
        calls[0].wait()
        check(False, "waited twice")
    except Error as e:
        check(e.errno == Errno.EINVAL, f"{e.errno.name}")
    calls[0].start(add_one, 41)
    equal(calls[0].wait(), 42, "again")
    check(calls[0].is_over(), "over")


@suites
class Asynchronous(Suite):
    """In an SCP, and then with threads."""

    name: str = "async"

    def run(self) -> None:
        run("async.hundred", test_hundred_on_a_queue)
        run("async.abort_by_descriptor", test_abort_by_descriptor)
        run("async.time_limit", test_time_limit)
        run("async.abort_and_end", test_abort_and_end_meet)
        run("async.failure", test_failure_is_told_alike)
        run("async.unspecified", test_sentence_without_number)
        run("async.no_remote_ring", test_remote_ring_is_absent)
        run("async.early", test_before_vcore_context)
        run("async.in_vcore_context", test_in_vcore_context)
        run("async.functions", test_asynchronous_functions)
        run("async.hundred", test_hundred_on_a_queue)
        run("async.abort_by_descriptor", test_abort_by_descriptor)
        run("async.time_limit", test_time_limit)
