# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of what a process can do before it has threads: memory, pipes, errors, events, time. They run in an SCP."""

from lang import Atomic, Errno, Error, Span, Uaddr, addr_of, array, free, new, struct, u16, u64, u8
from kern.abi.event import EventFlag, EventMsg, EventQueue, EventType, MailboxKind
from kern.abi.syscall import Syscall
from parlib.event import OwnedQueue, init_queue, register_handler
from parlib.sync import Mutex, Once, Semaphore
from parlib.vcore import (
    ANY_VCORE,
    Vcore,
    disable_notifs,
    enable_notifs,
    ensure_vcore_runs,
    is_mcp,
    max_vcores,
    notify_self,
    vcore_is_preempted,
)
from rt import io
from rt.env import get_env, set_env, unset_env
from rt.syscall import result_of, wait_for
from rt.time import now_ns, sleep_usec
from syscalls import submit_block, submit_read, submit_write, sys_null, sys_send_event, sys_close
from utest.harness import check, equal, until

BLOCKS = 200

blocks = array(BLOCKS, u64)
seen_events = Atomic[u64](0)                # of many-core processes as well, whose vcores handle them at the same time
seen_payload = Atomic[u64](0)
own_queue = OwnedQueue()
once_runs: u64 = 0


@struct
class Block:
    """Some size of object that is not a power of two."""

    number: u64
    rest: u64
    more: u64


def test_allocator() -> None:
    """Blocks of all sizes are zeroed, aligned, and do not overlap."""
    for i in range(BLOCKS):
        size = u64(i) * u64(i) % 3000 + 1
        block = new(array(size, u8))
        check(block.ptr[0] == 0 and block[size - 1] == 0, f"block {i} is not zeroed")
        check(addr_of(block) % 16 == 0, f"block {i} is not aligned")
        for j in range(size):
            block[j] = u8(u64(i) & 255)
        blocks[i] = addr_of(block)
    for i in range(BLOCKS):
        size = u64(i) * u64(i) % 3000 + 1
        block = Span[u8](blocks[i], size)
        check(block[0] == u8(u64(i) & 255) and block[size - 1] == u8(u64(i) & 255), f"block {i} was overwritten")
        free(block)


def test_large_blocks() -> None:
    for size in (70000, 1 << 20, 3 << 20):
        block = new(array(u64(size), u8))
        block[u64(size) - 1] = 7
        check(block[0] == 0, f"large block of {size}")
        free(block)


def test_objects() -> None:
    block = new(Block, number=3)
    equal(block.number, 3, "field")
    equal(block.more, 0, "other field")
    free(block)


def test_errors_carry_the_kernels_words() -> None:
    try:
        sys_close(60)
        check(False, "closing a descriptor that is not open")
    except Error as error:
        check(error.errno == Errno.EBADF, f"errno {error.errno.name}")
        check(len(error.message) > 0, "no message")


def test_null_call() -> None:
    for _ in range(100):
        sys_null()


def test_pipe() -> None:
    ends = io.pipe()
    io.write_all(ends[1], "through the pipe")
    got = array(64, u8)
    count = io.read(ends[0], got[:])
    check(got[:count] == "through the pipe", f"read {count} bytes")
    io.close(ends[1])
    equal(io.read(ends[0], got[:]), 0, "end of file")
    io.close(ends[0])


def test_read_lines() -> None:
    ends = io.pipe()
    io.write_all(ends[1], "one\ntwo\n\nlast")
    io.close(ends[1])
    file = io.file_of(ends[0])
    count: u64 = 0
    length: u64 = 0
    while (line := file.read_line()) is not None:
        count += 1
        length += len(line)
    equal(count, 4, "lines")
    equal(length, 10, "characters")
    file.close()


def test_asynchronous_calls() -> None:
    """A read that is submitted before its data exists; the process waits for it last."""
    ends = io.pipe()
    into = array(16, u8)
    reading = Syscall()
    submit_read(reading, ends[0], into[:])
    check(reading.flags.load() & 1 == 0, "reading from an empty pipe is done at once")
    writing = Syscall()
    submit_write(writing, ends[1], "late")
    wait_for(writing)
    equal(result_of(writing), 4, "written")
    wait_for(reading)
    equal(result_of(reading), 4, "read")
    check(into[:4] == "late", "other bytes")
    io.close(ends[0])
    io.close(ends[1])


def test_sleep() -> None:
    start = now_ns()
    sleep_usec(20000)
    slept = now_ns() - start
    check(20_000_000 <= slept < 20_000_000_000, f"20 ms took {slept} ns")


def test_two_sleeps_at_once() -> None:
    start = now_ns()
    first = Syscall()
    second = Syscall()
    submit_block(first, 40000)
    submit_block(second, 30000)
    wait_for(first)
    wait_for(second)
    slept = now_ns() - start
    check(40_000_000 <= slept, f"40 ms took {slept} ns")


def test_environment() -> None:
    set_env("UTEST_VARIABLE", "a=b")
    check(get_env("UTEST_VARIABLE") == "a=b", "value")
    set_env("UTEST_VARIABLE", "c")
    check(get_env("UTEST_VARIABLE") == "c", "replaced value")
    unset_env("UTEST_VARIABLE")
    check(get_env("UTEST_VARIABLE") == "", "removed value")


def count_event(vcore: Vcore, msg: EventMsg) -> None:
    seen_payload.add(msg.arg3)
    seen_events.add(1)


def counted_queue() -> EventQueue:
    """A queue whose messages of type USER_IPI are counted, as are those that come to a vcore without one."""
    queue = own_queue.queue
    if u64(queue.mbox) != 0:
        return queue
    register_handler(EventType.USER_IPI, count_event)
    return init_queue(own_queue, MailboxKind.UCQ, EventFlag.INDIR | EventFlag.IPI | EventFlag.SPAM_INDIR | EventFlag.WAKEUP, 0)


def test_events_reach_handlers() -> None:
    """To oneself, through a queue with its own mailbox, as the kernel sends; the handler runs in vcore context."""
    queue = counted_queue()
    before = seen_now()
    for i in range(300):
        msg = EventMsg(ev_type=type_code(EventType.USER_IPI), arg3=u64(i))
        sys_send_event(Uaddr(addr_of(queue)), msg, 0)
    wait_until_seen(before + 300)
    equal(seen_now() - before, 300, "messages")
    equal(seen_payload.load(), 299 * 150, "payload")


def test_burst_of_events() -> None:
    """More messages than two pages hold, while nobody takes any: the kernel maps more pages, and all arrive."""
    queue = counted_queue()
    before = seen_now()
    disable_notifs()
    for _ in range(900):
        sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=type_code(EventType.USER_IPI)), 0)
    equal(seen_now() - before, 0, "messages taken with notifications disabled")
    enable_notifs()
    wait_until_seen(before + 900)
    equal(seen_now() - before, 900, "messages")
    equal(own_queue.mailbox.ucq.extra_pages.load(), 0, "pages of the kernel that are left")


def type_code(kind: EventType) -> u16:
    return u16(kind)


def wait_until_seen(count: u64) -> None:
    until(lambda: seen_now() >= count)


def seen_now() -> u64:
    return seen_events.load()


def test_self_notify() -> None:
    counted_queue()
    before = seen_now()
    notify_self(0, EventMsg(ev_type=type_code(EventType.USER_IPI), arg3=0), True)
    wait_until_seen(before + 1)
    equal(seen_now() - before, 1, "messages")


def run_once() -> None:
    global once_runs
    once_runs += 1


def test_locks_uncontended() -> None:
    mutex = Mutex()
    with mutex:
        check(mutex.is_held(), "held")
        check(not mutex.try_lock(), "try_lock while held")
    check(not mutex.is_held(), "released")
    semaphore = Semaphore()
    check(not semaphore.try_down(), "empty semaphore")
    semaphore.up()
    semaphore.down()
    once = Once()
    once.call(run_once)
    once.call(run_once)
    equal(once_runs, 1, "runs of a once")


def test_look_for_preempted() -> None:
    """Who spins for another vcore looks at all, those that only an MCP prepares as well."""
    disable_notifs()
    ensure_vcore_runs(ANY_VCORE)
    for vcoreid in range(max_vcores()):
        check(not vcore_is_preempted(vcoreid), "preempted, in an SCP")
    enable_notifs()


def test_is_single_core() -> None:
    check(not is_mcp(), "an MCP already")
