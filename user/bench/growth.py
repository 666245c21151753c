# SPDX-License-Identifier: LGPL-2.1-or-later
"""growth [NAME]: what basic operations cost when every vcore does them at the same time, on one process' memory, files and threads.

Just those with NAME in their name, if given. What an operation took is the time from the first thread's start to the last one's end, by
all operations that were done. Under an emulator that counts one nanosecond for each instruction of any core, that is instructions for
each operation, on all cores together: a figure that stays the same from 1 core to 64 says that an operation does not get dearer.
"""

from typing import Callable

from lang import Atomic, Raises, Span, array, i32, pause, u8, u32, u64
from bench.lines import begin, is_wanted, tell
from bench.operations import PAGE, creations, map_pages, mappings, nothing, null_calls, pipe_bytes
from lib.args import help_wanted
from parlib.control import control
from parlib.request import vcore_request_total
from parlib.vcore import max_vcores, num_vcores
from pthread import Thread, yield_now
from pthread.choose import use_2ls
from pthread.ready import start_threads
from rt.time import now_tsc

USAGE = "usage: growth [NAME]"


workers = array(256, Thread)
party: u64 = 0
each: u64 = 0
ready = Atomic[u64](0)
first_tsc = Atomic[u64](0)
last_tsc = Atomic[u64](0)
action: Callable[[u64], Raises[None]] = nothing


def main() -> i32:
    global party
    if help_wanted(USAGE):
        return 0
    control.never_yield = True
    use_2ls("steal")
    start_threads()
    party = u64(max_vcores())
    measure("null call", 400, null_calls)
    measure("page fault", 100, page_faults)
    measure("map and unmap a page", 50, mappings)
    measure("pipe of one's own, 1 byte there and back", 100, pipe_bytes)
    measure("thread create and join", 100, creations)
    measure("thread yields, alone on its vcore", 400, yields)
    return 0


def measure(name: str, times: u64, act: Callable[[u64], Raises[None]]) -> None:
    """Once to warm up, then `times` on each vcore."""
    if not is_wanted(name):
        return
    begin(name)
    all_at_once(times // 10, act)
    all_at_once(times, act)
    tell(last_tsc.load() - first_tsc.load(), times * party)


def all_at_once(times: u64, act: Callable[[u64], Raises[None]]) -> None:
    """A thread on each vcore but this thread's, and this one."""
    global each, action
    each = times
    action = act
    ready.store(0)
    first_tsc.store(0)
    last_tsc.store(0)
    for w in workers[: party - 1]:
        w.start(work, 0)
    vcore_request_total(u32(party))
    while u64(num_vcores()) < party:
        pause()
    work(0)
    for w in workers[: party - 1]:
        w.join()


def work(unused: u64) -> None:
    ready.add(1)
    while ready.load() < party:
        pause()
    first_tsc.cas(0, now_tsc())
    action(each)
    last_tsc.max(now_tsc())


def page_faults(times: u64) -> None:
    """The pages stay: to unmap them is another operation."""
    memory = Span[u8](u64(map_pages(times)), times * PAGE)
    for page in range(times):
        memory[page * PAGE] = 1


def yields(times: u64) -> None:
    for _ in range(times):
        yield_now()
