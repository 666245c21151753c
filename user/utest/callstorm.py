# SPDX-License-Identifier: LGPL-2.1-or-later
"""callstorm [-n CALLS] [-t THREADS] [-p PREEMPTIONS] [-m SECONDS] [-l USEC] [-s SEED]: asynchronous calls, each told of exactly once.

Each thread has several calls under way at a time, of random kinds and lengths: some are over at once, some sleep, some are aborted;
neighbours are submitted at once. The
thread sleeps until its queue hears of one, so that with few threads all vcores yield again and again. A message that comes only because the
wait for it had an end counts as lost. -p: a child takes so many random vcores meanwhile. -m: no new calls after so many seconds,
or after the last preemption. -l: the longest sleep.
"""

from lang import Array, Atomic, Errno, Ref, Uaddr, addr_of, array, at, i32, pause, struct, u16, u32, u64
from kern.abi.event import EventMsg, EventQueue, EventType, MailboxKind
from kern.abi.syscall import Syscall
from lib.args import Options, help_wanted, misuse
from parlib.calls import tell
from parlib.queues import RELIABLE, attach_wakeup, block_on_queues, check_queues, get_queue, put_queue
from parlib.vcore import max_vcores
from pthread import Thread
from rt.args import args
from rt.process import wait
from rt.syscall import errno, is_done, reset, submit_all
from rt.time import now_ns, sleep_usec
from syscalls import fill_block, fill_null, sys_abort_sysc
from utest.preempting import preemptions_made, start_preempting

USAGE = "usage: callstorm [-n CALLS] [-t THREADS] [-p PREEMPTIONS] [-m SECONDS] [-l USEC] [-s SEED]"
MAX_THREADS: u64 = 32
DEPTH: u64 = 16                             # calls that a thread has under way
MIX: u64 = 6364136223846793005              # of Knuth's linear congruential generator
PATIENCE_USEC: u64 = 30_000_000             # no call takes as long, even on a slow machine
IDLE: u32 = 0
AT_ONCE: u32 = 1                            # kinds of calls under way
SLEEPS: u32 = 2
ABORTED: u32 = 3


@struct
class Lane:
    """What one thread has under way."""

    calls: Array[Syscall] = array(16)
    kinds: Array[u32] = array(16)           # by call: IDLE, or what it does
    random: u64
    under_way: u64


lanes = array(MAX_THREADS, Lane)
submitted = Atomic[u64](0)
completed = Atomic[u64](0)
aborted = Atomic[u64](0)
lost = Atomic[u64](0)
doubled = Atomic[u64](0)
wrong = Atomic[u64](0)                      # calls that are not done when they are told of, or with a result that they cannot have
calls_wanted: u64 = 10_000
longest_usec: u64 = 300
deadline: u64 = 0
storm_is_over = Atomic[u32](1)


def main() -> i32:
    global calls_wanted, deadline, longest_usec
    threads: u64 = 4
    preemptions: u64 = 0
    seed: u64 = 1
    seconds: u64 = 3600
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("n"):
            calls_wanted = options.number()
        elif option == ord("t"):
            threads = options.number()
        elif option == ord("p"):
            preemptions = options.number()
        elif option == ord("m"):
            seconds = options.number()
        elif option == ord("l"):
            longest_usec = max(options.number(), 1)
        elif option == ord("s"):
            seed = options.number()
        else:
            return options.refuse(USAGE)
    if options.value_missing or threads == 0 or threads > MAX_THREADS:
        return misuse(f"1 to {MAX_THREADS} threads, and a value after each option", USAGE)
    deadline = now_ns() + seconds * 1_000_000_000
    return storm(threads, preemptions, seed)


def storm(threads: u64, preemptions: u64, seed: u64) -> i32:
    running = array(MAX_THREADS, Thread)
    storm_is_over.store(u32(1 if preemptions == 0 else 0))
    for i in range(threads):
        lanes[i].random = seed * 1000 + i
        running[i].start(work, i)
    status: i32 = 0
    if preemptions > 0:
        status = wait(start_preempting(preemptions, seed))
        storm_is_over.store(1)
    for i in range(threads):
        running[i].join()
    taken = preemptions_made()
    print(f"{submitted.load()} calls, {completed.load()} completed, {aborted.load()} of them aborted; {taken} preemptions")
    print(f"{lost.load()} lost, {doubled.load()} doubled, {wrong.load()} wrong")
    bad = lost.load() + doubled.load() + wrong.load()
    if status != 0 or taken < preemptions or bad != 0 or submitted.load() != completed.load():
        print("WRONG")
        return 1
    print("each call was told of once")
    return 0


# -- a thread -----------------------------------------------------------------------------------------------------
def wants_more() -> bool:
    """The child ends only if it finds vcores to take."""
    return submitted.load() < calls_wanted and now_ns() < deadline or storm_is_over.load() == 0


def work(number: u64) -> None:
    lane = lanes[number]
    queue = get_queue(MailboxKind.UCQ, RELIABLE, u32(number) % max_vcores())
    attach_wakeup(queue)
    asked = array(1, Ref[EventQueue])
    asked[0] = queue
    msg = EventMsg()
    while True:
        if wants_more():
            submit_some(lane, queue)
        elif lane.under_way == 0:
            break
        if lane.under_way > 0:
            start = now_ns()
            found = block_on_queues(asked[:], msg, PATIENCE_USEC)
            if found is None or now_ns() - start >= PATIENCE_USEC * 1000:
                lost.add(lane.under_way)
                return
            note(lane, msg)
            while check_queues(asked[:], msg) is not None:
                note(lane, msg)
    sleep_usec(2000)                        # a message too many would have come by now
    while check_queues(asked[:], msg) is not None:
        note(lane, msg)
    put_queue(queue)


def draw(lane: Lane, below: u64) -> u64:
    lane.random = lane.random * MIX + 1
    return (lane.random >> 33) % below


def submit_some(lane: Lane, queue: EventQueue) -> None:
    """About half of those that are idle."""
    first: u64 = 0
    for i in range(DEPTH):
        if lane.kinds[i] == IDLE and draw(lane, 2) == 0:
            prepare(lane, queue, i)
        else:
            submit_neighbours(lane, first, i)
            first = i + 1
    submit_neighbours(lane, first, DEPTH)


def prepare(lane: Lane, queue: EventQueue, place: u64) -> None:
    call = lane.calls[place]
    reset(call)
    call.u_data = place
    tell(call, queue)
    chance = draw(lane, 8)
    if chance < 3:
        lane.kinds[place] = AT_ONCE
        fill_null(call)
    elif chance < 7:
        lane.kinds[place] = SLEEPS
        fill_block(call, draw(lane, longest_usec))
    else:
        lane.kinds[place] = ABORTED
        fill_block(call, 2000)


def submit_neighbours(lane: Lane, first: u64, end: u64) -> None:
    lane.under_way += end - first
    submitted.add(end - first)
    submit_all(lane.calls[first:end])
    for i in range(first, end):
        if lane.kinds[i] == ABORTED:
            sys_abort_sysc(Uaddr(addr_of(lane.calls[i])))


def note(lane: Lane, msg: EventMsg) -> None:
    """A message of a call that is over."""
    call = at(Syscall, msg.arg3)
    place = (msg.arg3 - addr_of(lane.calls)) // (addr_of(lane.calls[1]) - addr_of(lane.calls[0]))
    if msg.ev_type != u16(EventType.SYSCALL) or place >= DEPTH or addr_of(lane.calls[place]) != msg.arg3:
        wrong.add(1)
        return
    kind = lane.kinds[place]
    if kind == IDLE:
        doubled.add(1)
        return
    while not is_done(call):                # the kernel lets go of it just now
        pause()
    gave_up = errno(call) == Errno.EINTR
    if errno(call) != Errno.OK and not (gave_up and kind == ABORTED) or call.u_data != place:
        wrong.add(1)
    if gave_up:
        aborted.add(1)
    lane.kinds[place] = IDLE
    lane.under_way -= 1
    completed.add(1)
