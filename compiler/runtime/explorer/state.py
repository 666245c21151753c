# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of the explorer is made of. compiler/host/explore.py reads and sets these from Python."""

from enum import Enum

from lang import Array, array, struct, u16, u32, u64

MAX_THREADS: u32 = 4
NOBODY: u32 = 99
SHARED: u64 = 192  # shared locations at most
RECENT: u64 = 16


class Order(u32, Enum):
    """As compiler/lower/explore.py numbers them. A plain access may race, a volatile one is relaxed."""

    PLAIN = 0
    VOLATILE = 1
    RELAXED = 2
    ACQUIRE = 3
    RELEASE = 4
    ACQ_REL = 5
    SEQ_CST = 6


class Outcome(u32, Enum):
    RUNNING = 0
    GOOD = 1
    AGAIN = 2  # something new was learnt of what is shared: all starts anew
    FAILED = 3
    COMPLETE = 4  # there are no more schedules


class Failure(u32, Enum):
    NONE = 0
    ASSERTION = 1
    RAISED = 2
    DEADLOCK = 3
    LIVELOCK = 4
    RACE = 5
    FREED = 6
    TOO_BIG = 7


class EventKind(u32, Enum):
    READ = 1
    WRITE = 2
    CHANGE = 3  # read and write in one
    FENCE = 4
    PAUSE = 5
    END = 6
    FAILURE = 7


@struct
class Place:
    """A line of source: the address of its file's name, which ends in a zero byte."""

    file: u64
    line: u32


@struct
class View:
    """How far each shared location's history is known, by the location's number."""

    seen: Array[u16] = array(SHARED)

    def join(self, other: "View") -> None:
        for i in range(run.shared_count):
            if other.seen[i] > self.seen[i]:
                self.seen[i] = other.seen[i]

    def take(self, other: "View") -> None:
        for i in range(run.shared_count):
            self.seen[i] = other.seen[i]

    def clear(self) -> None:
        for i in range(run.shared_count):
            self.seen[i] = 0


@struct
class Thread:
    code: u64  # bool code(arguments, result): see compiler/host/jit.py
    finished: bool
    ready: bool  # its coroutine waits to begin a run
    waits: bool  # in pause()
    behind: bool  # ... having read something old: it goes on at any rate
    seen_changes: u64  # changes by others when its present turn of waiting began
    own_changes: u64
    recent_count: u64
    recent: Array[u16] = array(RECENT)  # numbers of the last locations that it read since its last pause
    place: Place
    current: View
    acquired: View  # what an acquire fence would bring
    released: View  # what relaxed stores carry: the view at the last release fence


@struct
class Event:
    thread: u32
    kind: EventKind
    order: Order
    size: u32
    age: u32  # of a read: how many newer values there were
    place: Place
    address: u64
    value: u64


@struct
class Run:
    """The present run, its bounds, and what lasts over runs: decisions planned, locations known."""

    thread_count: u32
    setup: u64  # code run before the threads, and after all of them; 0: none
    check: u64
    max_preemptions: u32
    max_stale: u32
    max_steps: u64
    races_allowed: bool
    recording: bool

    current: u32
    direct: bool  # memory is just memory: before and after the threads
    number: u32
    outcome: Outcome
    failure: Failure
    here: Place  # of the access under way
    culprit: u32  # the thread that failed
    clash: Place  # of a race: the store that was not seen, and its thread
    clash_thread: u32
    steps: u64  # places where threads could be switched
    accesses: u64
    changes: u64  # of shared memory
    preemptions: u32
    stale: u32
    shared_count: u64
    output_used: u64  # bytes that the present run printed


run = Run(current=NOBODY, direct=True, max_preemptions=2, max_stale=2, max_steps=5000)
threads = array(MAX_THREADS, Thread)
