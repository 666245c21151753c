# SPDX-License-Identifier: LGPL-2.1-or-later
"""assault [MILLISECONDS]: a many-core process that does to its cores and to the kernel all that might disturb others who hold cores.

First it takes all memory that there is. Then threads map, touch and unmap memory; make calls, good and bad; send events; start children and
kill them; have hundreds of calls sleep at once, so that kernel stacks come and go, and alarms stay behind on cores that it gives up; and
look at whatever the kernel tells about cores. At the end it tells how often each did so; 1 if one of them never did.
What others may notice of it: `noise … assault`.
"""

from lang import Atomic, Error, Ptr, Uaddr, addr_of, array, i32, u32, u64, volatile_store
from kern.abi.event import EventMsg, EventType
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.abi.syscall import Syscall
from lib.args import help_wanted, misuse
from lib.files import read_file
from lib.strings import discard, number_or_none
from parlib.vcore import max_vcores
from pthread import Thread, yield_now
from rt.args import args
from rt.io import close, open, write_all
from rt.process import create_child, kill, run, run_and_wait, wait
from rt.syscall import is_done, reset
from rt.time import sleep_usec
from syscalls import submit_block, sys_mmap, sys_munmap, sys_null, sys_self_notify

USAGE = "usage: assault [MILLISECONDS]"
USUAL_MS: u64 = 1000
KINDS: u64 = 6
NAMES = "memory calls events children sleepers looks"
PAGE: u64 = 4096
PAGES: u64 = 256                            # that are mapped at a time
BURST: u64 = 100                            # calls and events in a round
CROWD: u64 = 300                            # calls that sleep at once: more than the kernel keeps stacks for
MOST_SLEEP_USEC: u64 = 20_000
MIX: u64 = 6364136223846793005              # of Knuth's linear congruential generator

threads = array(KINDS, Thread)
rounds = array(KINDS, u64)                  # by kind
sleepers = array(CROWD, Syscall)
over = Atomic[bool](False)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    ms = number_or_none(args()[1]) if len(args()) == 2 else USUAL_MS
    if ms is None or len(args()) > 2:
        return misuse("how long is one number", USAGE)
    take_all_memory()
    for kind in range(KINDS):
        threads[kind].start(attack, kind)
    sleep_usec(ms * 1000)
    over.store(True)
    for kind in range(KINDS):
        threads[kind].join()
    return tell()


def tell() -> i32:
    status: i32 = 0
    print("rounds of", end="")
    rest: str = NAMES
    for kind in range(KINDS):
        name, rest = rest.split1(" ")
        print(f" {name} {rounds[kind]}", end="")
        if rounds[kind] == 0:
            status = 1
    print("")
    return status


def take_all_memory() -> None:
    """By a child, which gives it back: this process is to live."""
    arguments = array(1, str)
    arguments[0] = "hog"
    run_and_wait("/bin/hog", arguments[:])


def attack(kind: u64) -> None:
    while not over.load():
        try:
            attack_once(kind)
            rounds[kind] += 1
        except Error:
            # There may be no memory just now.
            yield_now()


def attack_once(kind: u64) -> None:
    match kind:
        case 0:
            churn_memory()
        case 1:
            make_calls()
        case 2:
            send_events()
        case 3:
            kill_child(rounds[kind])
        case 4:
            crowd_the_kernel(rounds[kind])
        case _:
            look_at_cores()


def churn_memory() -> None:
    place = sys_mmap(Uaddr(0), PAGES * PAGE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    for page in range(PAGES):
        volatile_store(Ptr[u64](u64(place) + page * PAGE), page)
    sys_munmap(place, PAGES * PAGE)


def make_calls() -> None:
    for _ in range(BURST):
        sys_null()
        try:
            sys_munmap(Uaddr(~u64(0)), PAGE)
        except Error:
            continue
    yield_now()


def send_events() -> None:
    msg = EventMsg()
    for i in range(BURST):
        sys_self_notify(u32(i) % max_vcores(), u32(EventType.USER_IPI), Uaddr(addr_of(msg)), i % 2 == 0)
    yield_now()


def kill_child(number: u64) -> None:
    """A many-core one, at some moment of its life."""
    arguments = array(2, str)
    arguments[0] = "hold"
    arguments[1] = "1"
    child = create_child("/bin/hold", arguments[:])
    run(child)
    sleep_usec((number * MIX >> 33) % MOST_SLEEP_USEC)
    kill(child)
    wait(child)


def crowd_the_kernel(number: u64) -> None:
    for call in sleepers:
        reset(call)
        submit_block(call, (number * MIX >> 33) % MOST_SLEEP_USEC)
    for call in sleepers:
        while not is_done(call):
            sleep_usec(1000)


def look_at_cores() -> None:
    tell_kernel("on")
    discard(read_file("#kprof/mpstat"))
    discard(read_file("#sched/coreinfo"))
    discard(read_file("/proc/cores"))
    discard(read_file("#kprof/sleepers"))
    tell_kernel("off")
    yield_now()


def tell_kernel(order: str) -> None:
    fd = open("#kprof/mpstat", OpenMode.WRITE)
    try:
        write_all(fd, order)
    finally:
        close(fd)
