# SPDX-License-Identifier: LGPL-2.1-or-later
"""Threads of whichever 2LS is in charge, for libraries and languages that do not care which: create, join, detach, yield, sleep.

`uthread_join`, `uthread_join_arr` and `uthread_detach` stand in parlib.join, `uthread_exit` and `uthread_yield` in parlib.uthread.
"""

from typing import Callable, NoReturn

from lang import Atomic, Errno, Error, Raises, Ref, panic, u32, u64
from parlib import sched
from parlib.control import control
from parlib.init import become_mcp
from parlib.sched import Blocked, Scheduler
from parlib.sync import Mutex
from parlib.uthread import Uthread, uthread_yield
from syscalls import sys_block

USEC_PER_SEC: u64 = 1_000_000

library: Ref[Scheduler] | None = None
start_lock = Mutex()
started = Atomic[u32](0)


def use_library(scheduler: Scheduler) -> None:
    """Which 2LS the first thread puts in charge. Raises EBUSY if one is."""
    global library
    if started.load() != 0:
        raise Error(Errno.EBUSY, "there are threads already")
    library = scheduler


def uthread_mcp_init() -> None:
    """Put the 2LS chosen in charge, as an MCP if the program wants to be one; once, who comes later finds it done.

    Raises ENOMEM; ENOSYS if none was chosen.
    """
    if started.load() != 0:
        return
    with start_lock:
        if started.load() != 0:
            return
        chosen = library
        if chosen is None:
            raise Error(Errno.ENOSYS, "this program has no thread library")
        chosen.init()
        if control.wants_to_be_mcp:
            become_mcp(chosen)
        else:
            sched.use_scheduler(chosen)
        started.store(u32(1))


def uthread_create(fn: Callable[[u64], Raises[None]], arg: u64) -> Uthread:
    """A joinable thread that runs fn(arg). The first one turns the process into an MCP. Raises ENOMEM, ENOSYS."""
    uthread_mcp_init()
    return sched.current.create(fn, arg)


def uthread_sched_yield() -> None:
    """Let other threads run."""
    uthread_yield(yield_callback, 0)


def yield_callback(uthread: Uthread, arg: u64) -> None:
    sched.note_blocked(uthread, Blocked.YIELD)
    sched.current.paused(uthread)


def uthread_sleep(seconds: u64) -> None:
    """Block the calling thread."""
    sys_block(seconds * USEC_PER_SEC)


def uthread_usleep(usec: u64) -> None:
    sys_block(usec)


def uthread_sleep_forever() -> NoReturn:
    uthread_yield(sleep_callback, 0)
    panic("a thread that sleeps for ever was woken")


def sleep_callback(uthread: Uthread, arg: u64) -> None:
    sched.note_blocked(uthread, Blocked.MISC)
