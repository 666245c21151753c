# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of the threads: which one goes on at each point, by choices that are counted through; and what ends a run.

Threads are coroutines. Their stacks are entered once and then switched by the C library's setjmp and longjmp (compiler/host/engine.py);
a thread that did not come to its end is begun anew on its stack.
A thread that calls `pause()` does not run again until another has changed something: waiting is fair. If all that
are left wait so, nobody will ever change what they wait for.
"""

from typing import Callable, NoReturn

from lang import Array, Span, addr_of, array, cast, export, extern, panic, struct, u8, u16, u32, u64
from compiler.runtime.explorer import locations, memory
from compiler.runtime.explorer.state import MAX_THREADS, NOBODY, Event, EventKind, Failure, Order, Outcome, Place, Thread, run, threads

DECISIONS: u64 = 16384
TRACE: u64 = 8192
STACK: u64 = 65536
MAIN: u64 = 4  # the jump of who calls `explore`


@struct
class Decision:
    chosen: u16
    count: u16


@struct(align=64)
class Jump:
    """A jmp_buf of the C library, with room to spare."""

    words: Array[u64] = array(64)


@struct(align=16)
class Context:
    """A ucontext_t of the C library, with room to spare: to enter a stack for the first time."""

    words: Array[u64] = array(640)


@struct(align=16)
class Stack:
    room: Array[u8] = array(STACK)


jumps = array(5, Jump)
contexts = array(MAX_THREADS, Context)
stacks = array(MAX_THREADS, Stack)
decisions = array(DECISIONS, Decision)
trace = array(TRACE, Event)
argument = array(2, u64)  # for code under test: the scenario's object
ignored = array(2, u64)
planned: u64 = 0  # decisions that the next run follows
taken: u64 = 0  # decisions of the present run
trace_count: u64 = 0
entering: u32 = 0


@extern("host_switch")
def host_switch(leave: u64, enter: u64) -> None: ...


@extern("host_first_switch")
def host_first_switch(leave: u64, context: u64, stack: u64, size: u64, entry: u64) -> None: ...


def explore(limit: u64) -> Outcome:
    """Make up to `limit` runs. GOOD: there are more to make."""
    for _ in range(limit):
        one_run()
        if run.outcome != Outcome.GOOD:
            return run.outcome
        if not next_decisions():
            return Outcome.COMPLETE
    return Outcome.GOOD


def begin_anew() -> None:
    """Forget how far the choices were counted."""
    global planned
    planned = 0


def replay() -> None:
    """Make the last run again, and note every event in `trace`."""
    global planned, trace_count
    planned = taken
    trace_count = 0
    run.recording = True
    one_run()
    run.recording = False


def next_decisions() -> bool:
    """Count the last choice up that can be."""
    global planned
    planned = taken
    while planned > 0:
        last = decisions[planned - 1]
        if last.chosen + 1 < last.count:
            last.chosen += 1
            return True
        planned -= 1
    return False


def choose(count: u32) -> u32:
    """One of `count` ways to go on."""
    global taken, planned
    if count <= 1:
        return 0
    if taken == DECISIONS:
        fail(Failure.LIVELOCK)
    if taken == planned:
        decisions[taken] = Decision(chosen=0, count=u16(count))
        planned += 1
    decision = decisions[taken]
    if u32(decision.count) != count:
        panic(f"the code under test is not the same in every run: {count} ways instead of {decision.count} at choice {taken}")
    taken += 1
    return u32(decision.chosen)


# One run


def one_run() -> None:
    global taken
    run.number += 1
    run.outcome = Outcome.RUNNING
    run.failure = Failure.NONE
    run.steps = 0
    run.accesses = 0
    run.changes = 0
    run.preemptions = 0
    run.stale = 0
    run.output_used = 0
    run.current = NOBODY
    run.direct = True
    taken = 0
    locations.restore()
    memory.forget_all()
    if run.setup != 0:
        call(run.setup)
    for i in range(run.thread_count):
        prepare(i)
    run.direct = False
    run.current = choose(run.thread_count)
    host_switch(addr_of(jumps[MAIN]), addr_of(jumps[run.current]))
    run.direct = True
    run.current = NOBODY


def call(code: u64) -> bool:
    fn = cast(Callable[[u64, u64], bool], code)
    return fn(addr_of(argument), addr_of(ignored))


def prepare(i: u32) -> None:
    """Thread i is about to begin its code."""
    global entering
    thread = threads[i]
    thread.finished = False
    thread.waits = False
    thread.seen_changes = 0
    thread.own_changes = 0
    thread.recent_count = 0
    thread.current.clear()
    thread.acquired.clear()
    thread.released.clear()
    if not thread.ready:
        entering = i
        host_first_switch(addr_of(jumps[MAIN]), addr_of(contexts[i]), addr_of(stacks[i]), STACK, addr_of(coroutine))


@export("explorer_coroutine")
def coroutine() -> None:
    """The bottom of a thread's stack: its code, run after run."""
    me = entering
    thread = threads[me]
    thread.ready = True
    host_switch(addr_of(jumps[me]), addr_of(jumps[MAIN]))
    while True:
        thread.ready = False
        if call(thread.code):
            fail(Failure.RAISED)
        note(EventKind.END, Order.PLAIN, thread.place, 0, 0, 0, 0)
        thread.finished = True
        thread.ready = True
        finish(me)


def finish(me: u32) -> None:
    """Others go on. Comes back when the next run begins with this thread."""
    others = array(4, u32)
    count = enabled(me, others)
    if count > 0:
        switch(me, others[choose(count)])
        return
    for i in range(run.thread_count):
        if not threads[i].finished:
            run.current = i
            threads[me].ready = False
            fail(Failure.DEADLOCK)
    run.direct = True
    if run.check != 0 and call(run.check):
        fail(Failure.RAISED)
    run.outcome = Outcome.GOOD
    host_switch(addr_of(jumps[me]), addr_of(jumps[MAIN]))


def can_run(thread: Thread) -> bool:
    return not thread.finished and (not thread.waits or thread.behind or run.changes - thread.own_changes > thread.seen_changes)


def enabled(me: u32, into: Span[u32]) -> u32:
    """The threads that can run, but for `me`; how many."""
    count: u32 = 0
    for i in range(run.thread_count):
        if i != me and can_run(threads[i]):
            into[count] = i
            count += 1
    return count


def switch(me: u32, to: u32) -> None:
    run.current = to
    host_switch(addr_of(jumps[me]), addr_of(jumps[to]))


def point(place: Place) -> None:
    """Another thread may run here."""
    me = run.current
    threads[me].place.file = place.file
    threads[me].place.line = place.line
    run.steps += 1
    if run.steps > run.max_steps:
        fail(Failure.LIVELOCK)
    if run.preemptions < run.max_preemptions:
        others = array(4, u32)
        picked = choose(enabled(me, others) + 1)
        if picked > 0:
            run.preemptions += 1
            switch(me, others[picked - 1])
            run.here.file = place.file
            run.here.line = place.line


def wait(place: Place) -> None:
    """The thread waits for something that another changes: others go on."""
    me = run.current
    thread = threads[me]
    thread.place.file = place.file
    thread.place.line = place.line
    thread.waits = True
    thread.behind = memory.is_behind(thread)
    run.steps += 1
    if run.steps > run.max_steps:
        fail(Failure.LIVELOCK)
    others = array(4, u32)
    count = enabled(me, others)
    if count > 0:
        switch(me, others[choose(count)])
    elif not can_run(thread):
        fail(Failure.DEADLOCK)
    thread.waits = False
    thread.seen_changes = run.changes - thread.own_changes
    memory.catch_up(thread)


def note(kind: EventKind, order: Order, place: Place, address: u64, size: u64, value: u64, age: u32) -> None:
    """Part of a trace, if one is asked for."""
    global trace_count
    if run.recording and trace_count < TRACE:
        event = trace[trace_count]
        event.thread = run.current
        event.kind = kind
        event.order = order
        event.size = u32(size)
        event.age = age
        event.place.file = place.file
        event.place.line = place.line
        event.address = address
        event.value = value
        trace_count += 1


def fail(failure: Failure) -> NoReturn:
    run.failure = failure
    run.culprit = NOBODY if run.direct else run.current
    if failure != Failure.DEADLOCK and not run.direct:
        note(EventKind.FAILURE, Order.PLAIN, run.here, 0, 0, 0, 0)
    abandon(Outcome.FAILED)


def abandon(outcome: Outcome) -> NoReturn:
    """End the run here and now."""
    run.outcome = outcome
    me = run.current
    threads[me].ready = False
    host_switch(addr_of(jumps[me]), addr_of(jumps[MAIN]))
    panic("a run that was over went on")
