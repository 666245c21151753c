# SPDX-License-Identifier: LGPL-2.1-or-later
"""The 2LS of a program that has not asked for threads: thread 0 alone on vcore 0 of a single-core process.

When thread 0 blocks, the process sleeps in the kernel until an event comes. Its calls are told through a bitmap mailbox:
"some call is done" is all that it needs to know, since it looks at its own call again.
"""

from kern.abi.event import EventFlag, MailboxKind
from kern.abi.syscall import Syscall
from parlib.blockon import register_for
from parlib.event import OwnedQueue, init_queue
from parlib.sched import Scheduler
from parlib.signal_delivery import deliverable, post_to_process
from parlib.signal_state import SignalInfo
from parlib.uthread import Uthread, run_uthread, thread0
from parlib.vcore import Vcore
from parlib.yielding import vcore_yield

call_queue = OwnedQueue()


class Thread0Scheduler(Scheduler):
    ready: bool                             # thread 0 is saved and may run
    blocked: bool                           # it waits for a call, or for somebody's `runnable`

    def entry(self, vcore: Vcore) -> None:
        if self.ready:
            self.ready = False
            run_uthread(vcore, thread0)

    def runnable(self, uthread: Uthread) -> None:
        self.blocked = False
        self.ready = True

    def paused(self, uthread: Uthread) -> None:
        self.ready = True

    def block_on_call(self, uthread: Uthread, call: Syscall) -> None:
        self.blocked = True
        call.u_data = 0
        if not register_for(call, call_queue.queue):
            self.runnable(uthread)

    def got_posix_signal(self, vcore: Vcore, info: SignalInfo) -> None:
        """Thread 0 handles it at once, though it is blocked in a call: it looks at its call again afterwards."""
        post_to_process(vcore, info)
        if self.blocked and deliverable(thread0.signals) != 0:
            self.runnable(thread0)

    def ending(self) -> None:
        """Thread 0 ends with the process."""

    def exited(self, uthread: Uthread) -> None:
        """Thread 0 ends with the process."""

    def has_work(self) -> bool:
        return self.ready

    def idle(self, vcore: Vcore) -> None:
        vcore_yield(vcore, False)


thread0_scheduler = Thread0Scheduler()


def init_thread0_queue() -> None:
    init_queue(call_queue, MailboxKind.BITMAP, EventFlag.INDIR | EventFlag.WAKEUP, 0)


def call_done_somewhere() -> None:
    """A call without a thread's address in it is done: thread 0's. It may not be the one that it waits for."""
    if thread0_scheduler.blocked:
        thread0_scheduler.runnable(thread0)
