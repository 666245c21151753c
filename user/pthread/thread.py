# SPDX-License-Identifier: LGPL-2.1-or-later
"""Threads for programs: start a function on a thread, join or detach it, yield, exit.

    threads = array(64, Thread)
    for t in threads[:count]:
        t.start(worker, limit)
    for t in threads[:count]:
        t.join()

The first start turns the process into an MCP. A handle is used by one thread at a time.
"""

from typing import Callable, NoReturn

from lang import Errno, Error, Raises, Ref, struct, u32, u64
from parlib import sched
from parlib.current import my_uthread
from parlib.join import uthread_detach, uthread_join
from parlib.uthread import Uthread, uthread_exit
from pthread.keys import run_destructors
from pthread.ready import start_threads


@struct
class Thread:
    """A handle. `start` again is possible once joined or detached."""

    uthread: Ref[Uthread] | None

    def start(self, fn: Callable[[u64], Raises[None]], arg: u64) -> None:
        """Run fn(arg) on a new thread. Raises ENOMEM; EBUSY if the handle has a thread."""
        if self.uthread is not None:
            raise Error(Errno.EBUSY, "the handle has a thread that was not joined")
        start_threads()
        self.uthread = sched.current.create(fn, arg)

    def join(self) -> u64:
        """Wait until it has ended; what it passed to exit_thread, else 0."""
        uthread = self.uthread
        if uthread is None:
            raise Error(Errno.EINVAL, "the handle has no thread to join")
        self.uthread = None
        return uthread_join(uthread)

    def detach(self) -> None:
        """Let it go on by itself; nobody joins it."""
        uthread = self.uthread
        if uthread is None:
            raise Error(Errno.EINVAL, "the handle has no thread to detach")
        self.uthread = None
        uthread_detach(uthread)

    @property
    def id(self) -> u32:
        """The thread's number; 0 if the handle has none."""
        uthread = self.uthread
        return uthread.id if uthread is not None else u32(0)


def self_id() -> u32:
    """The calling thread's number; thread 0 runs main."""
    return my_uthread().id


def exit_thread(result: u64) -> NoReturn:
    """End the calling thread; its joiner gets `result`. Not for thread 0, which ends the process by returning from main."""
    run_destructors()
    my_uthread().result = result
    uthread_exit()
