# SPDX-License-Identifier: LGPL-2.1-or-later
"""costs [NAME [TIMES]]: what the basic operations cost, in nanoseconds and cycles; just those with NAME in their name, if given.

Under an emulator that counts one nanosecond for each instruction the figures are instructions. All threads share one vcore.
"""

from typing import Callable

from lang import RELAXED, Atomic, Raises, Span, Uaddr, addr_of, array, i32, pause, ptr_of, text, u8, u16, u32, u64, volatile_load
from bench.lines import begin, is_wanted, tell
from bench.operations import PAGE, creations, map_pages, mappings, null_calls, pipe_bytes
from kern.abi.event import FIRST_DYNAMIC_EVENT, EventFlag, EventMsg, EventQueue, EventType, MailboxKind
from kern.abi.file import FdPair
from kern.abi.syscall import Syscall
from lib.args import help_wanted, number_or_none
from parlib.control import limit_vcores
from parlib.event import OwnedQueue, init_queue, register_handler
from parlib.vcore import Vcore, vcores
from pthread import Attr, Barrier, CondVar, Mutex, Semaphore, Thread, yield_now
from rt.args import args, environment
from rt.io import close, pipe, read, write_all
from rt.process import spawn, wait
from rt.syscall import result_of, start_call, submit_all, wait_for
from rt.time import now_ns, now_tsc
from syscalls import fill_null, sys_munmap, sys_self_notify, sys_send_event

USAGE = "usage: costs [NAME [TIMES]]"
BLOCK: u64 = 65536
BATCH: u64 = 1000                           # asynchronous calls at a time
MOST_PAGES: u64 = 2000                      # of a mapping whose pages fault in
SMALL_STACK: u64 = 65536                    # with guards, so many threads would be more regions than a process may have

ends = array(4, i32)
mutex = Mutex()
changed = CondVar()
turn: u64 = 0
latest: u64 = 0
ping = Semaphore()
pong = Semaphore()
meeting = Barrier(parties=16)
crowd = array(4096, Thread)
gathering = Barrier(parties=1)
batch = array(BATCH, Syscall)
owned_queue = OwnedQueue()
queue_is_open: bool = False
handled = Atomic[u64](0)
first_tsc = Atomic[u64](0)
last_tsc = Atomic[u64](0)
sent = array(65536, u8)
received = array(65536, u8)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    limit_vcores(1)
    measure("null call", 20_000, null_calls)
    measure("1,000 asynchronous calls, each", 20_000, asynchronous_calls)
    measure("event to oneself, sent to handled", 10_000, events)
    measure("notification of oneself", 10_000, notifications)
    measure("read the clock", 100_000, clock_reads)
    measure("page fault", 2_000, page_faults)
    measure("map and unmap a page", 5_000, mappings)
    measure("pipe, 1 byte there and back, one thread", 5_000, pipe_bytes)
    measure("spawn and wait", 50, spawns)
    measure("thread create and join", 5_000, creations)
    measure_switches(2, 50_000)
    measure_switches(16, 6_000)
    measure_switches(256, 400)
    measure_switches(1024, 100)
    measure_switches(4096, 50)
    measure("semaphore ping-pong, per hand-over", 50_000, semaphores)
    measure("mutex and condition variable, per hand-over", 50_000, conditions)
    measure("barrier of 16 threads", 2_000, barriers)
    measure("pipe round trip, two threads", 2_000, pipe_round_trips)
    measure("pipe, a block of 64 KiB", 1_000, pipe_blocks)
    return 0


def measure(name: str, times: u64, action: Callable[[u64], Raises[None]]) -> None:
    """Once to warm up, then `times` times, of which the mean is told."""
    if not is_wanted(name):
        return
    wanted = number_or_none(args()[2]) if len(args()) > 2 else times
    rounds = times if wanted is None else wanted
    action(max(times // 50, 2))
    begin(name)
    start = now_tsc()
    action(rounds)
    tell(now_tsc() - start, rounds)


def asynchronous_calls(times: u64) -> None:
    """All of a batch are submitted before the first is looked at."""
    left = times
    while left > 0:
        count = min(left, BATCH)
        for call in batch[:count]:
            start_call(call)
            fill_null(call)
        submit_all(batch[:count])
        for call in batch[:count]:
            wait_for(call)
            result_of(call)
        left -= count


def open_queue() -> EventQueue:
    """A queue whose messages interrupt this vcore, and whose handler counts them."""
    global queue_is_open
    if not queue_is_open:
        register_handler(FIRST_DYNAMIC_EVENT, count_event)
        init_queue(owned_queue, MailboxKind.UCQ, EventFlag.IPI | EventFlag.INDIR, 0)
        queue_is_open = True
    return owned_queue.queue


def count_event(vcore: Vcore, msg: EventMsg) -> None:
    handled.add(1, order=RELAXED)


def events(times: u64) -> None:
    queue = Uaddr(addr_of(open_queue()))
    msg = EventMsg(ev_type=u16(FIRST_DYNAMIC_EVENT))
    for _ in range(times):
        before = handled.load(order=RELAXED)
        sys_send_event(queue, msg, 0)
        while handled.load(order=RELAXED) == before:
            pause()


def notifications(times: u64) -> None:
    """Into vcore context and back, with no message."""
    for _ in range(times):
        before = vcores[0].entries
        sys_self_notify(0, u32(EventType.NONE), Uaddr(0), False)
        while volatile_load(ptr_of(vcores[0].entries)) == before:
            pause()


def clock_reads(times: u64) -> None:
    global latest
    for _ in range(times):
        latest = max(latest, now_ns())      # kept, or the compiler would see that nobody asks


def page_faults(times: u64) -> None:
    left = times
    while left > 0:
        pages = min(left, MOST_PAGES)
        place = map_pages(pages)
        memory = Span[u8](u64(place), pages * PAGE)
        for page in range(pages):
            memory[page * PAGE] = 1
        sys_munmap(place, pages * PAGE)
        left -= pages


def spawns(times: u64) -> None:
    argv = array(1, str)
    argv[0] = "true"
    no_fds = array(1, FdPair)
    for _ in range(times):
        wait(spawn("/bin/true", argv, environment(), no_fds[:0]))


def in_two_threads(action: Callable[[u64], Raises[None]], arg: u64, other: Callable[[u64], Raises[None]]) -> None:
    first = Thread()
    second = Thread()
    first.start(action, arg)
    second.start(other, arg)
    first.join()
    second.join()


def measure_switches(count: u64, each: u64) -> None:
    global party
    line = text(48)
    line.write(f"thread switch, {count} threads")
    if not is_wanted(line.view):
        return
    gathering.parties = count
    first_tsc.store(0)
    begin(line.view)
    in_threads(count, yield_often, each)
    tell(last_tsc.load() - first_tsc.load(), count * each)


def in_threads(count: u64, action: Callable[[u64], Raises[None]], arg: u64) -> None:
    small = Attr(stack_size=SMALL_STACK, guard_size=0)
    for t in crowd[:count]:
        t.start(action, arg, small)
    for t in crowd[:count]:
        t.join()


def yield_often(times: u64) -> None:
    # Nobody's switches count before all are there.
    gathering.wait()
    if first_tsc.load() == 0:
        first_tsc.store(now_tsc())
    for _ in range(times):
        yield_now()
    last_tsc.store(now_tsc())


def semaphores(times: u64) -> None:
    in_two_threads(serve, times // 2, answer)


def serve(times: u64) -> None:
    for _ in range(times):
        ping.up()
        pong.down()


def answer(times: u64) -> None:
    for _ in range(times):
        ping.down()
        pong.up()


def conditions(times: u64) -> None:
    in_two_threads(take_even_turns, times // 2, take_odd_turns)


def take_even_turns(times: u64) -> None:
    take_turns(times, 0)


def take_odd_turns(times: u64) -> None:
    take_turns(times, 1)


def take_turns(times: u64, mine: u64) -> None:
    global turn
    for _ in range(times):
        with mutex:
            while turn % 2 != mine:
                changed.wait(mutex)
            turn += 1
            changed.signal()


def barriers(times: u64) -> None:
    in_threads(16, meet, times)


def meet(times: u64) -> None:
    for _ in range(times):
        meeting.wait()


def pipe_round_trips(times: u64) -> None:
    ends[0], ends[1] = pipe()
    ends[2], ends[3] = pipe()
    in_two_threads(send_and_receive, times, receive_and_send)
    for fd in ends:
        close(fd)


def send_and_receive(times: u64) -> None:
    byte = array(1, u8)
    for _ in range(times):
        write_all(ends[1], byte)
        read(ends[2], byte)


def receive_and_send(times: u64) -> None:
    byte = array(1, u8)
    for _ in range(times):
        read(ends[0], byte)
        write_all(ends[3], byte)


def pipe_blocks(times: u64) -> None:
    ends[0], ends[1] = pipe()
    in_two_threads(send_blocks, times, receive_blocks)
    for fd in ends[:2]:
        close(fd)


def send_blocks(times: u64) -> None:
    for _ in range(times):
        write_all(ends[1], sent)


def receive_blocks(times: u64) -> None:
    left = times * BLOCK
    while left > 0:
        left -= read(ends[0], received)
