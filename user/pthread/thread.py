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
from parlib.cancel import cancel, end_thread
from parlib.current import my_uthread
from parlib.join import uthread_detach, uthread_join
from parlib.signal import kill_thread, queue_to_thread
from parlib.uthread import Uthread
from pthread.attr import Attr
from pthread.pool import take_thread_with
from pthread.ready import start_threads


@struct
class Thread:
    """A handle. `start` again is possible once joined or detached."""

    uthread: Ref[Uthread] | None

    def start(self, fn: Callable[[u64], Raises[None]], arg: u64, attr: Attr | None = None) -> None:
        """Run fn(arg) on a new thread. Raises ENOMEM; EBUSY if the handle has a thread; EINVAL for attributes that cannot be."""
        if self.uthread is not None:
            raise Error(Errno.EBUSY, "the handle has a thread that was not joined")
        start_threads()
        if attr is None:
            self.uthread = sched.current.create(fn, arg)
            return
        uthread = take_thread_with(attr, fn, arg)
        if attr.detached:
            uthread_detach(uthread)
        else:
            self.uthread = uthread
        sched.current.runnable(uthread)

    def join(self) -> u64:
        """Wait until it has ended; what it passed to exit_thread, CANCELED if it was cancelled, else 0. A cancellation point.

        Raises EDEADLK, EINVAL: the handle keeps the thread then.
        """
        result = uthread_join(self.known("join"))
        self.uthread = None
        return result

    def detach(self) -> None:
        """Let it go on by itself; nobody joins it."""
        uthread = self.known("detach")
        self.uthread = None
        uthread_detach(uthread)

    def cancel(self) -> None:
        """Ask it to end: see parlib.cancel."""
        cancel(self.known("cancel"))

    def kill(self, signal: u32) -> None:
        """Send it a signal: see parlib.signal."""
        kill_thread(self.known("signal"), signal)

    def sigqueue(self, signal: u32, value: u64) -> None:
        queue_to_thread(self.known("signal"), signal, value)

    def known(self, purpose: str) -> Uthread:
        uthread = self.uthread
        if uthread is None:
            raise Error(Errno.EINVAL, f"the handle has no thread to {purpose}")
        return uthread

    @property
    def id(self) -> u32:
        """The thread's number; 0 if the handle has none."""
        uthread = self.uthread
        return uthread.id if uthread is not None else u32(0)

    def __eq__(self, other: "Thread") -> bool:
        """Whether both are handles of the same thread."""
        return self.uthread is not None and self.uthread is other.uthread


def self_id() -> u32:
    """The calling thread's number; thread 0 runs main."""
    return my_uthread().id


def exit_thread(result: u64) -> NoReturn:
    """End the calling thread; its joiner gets `result`. Not for thread 0, which ends the process by returning from main.

    Clean-up handlers and the destructors of keys run; `finally` and `with` of the functions that are left do not.
    """
    end_thread(result)
