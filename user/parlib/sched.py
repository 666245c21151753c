# SPDX-License-Identifier: LGPL-2.1-or-later
"""The second-level scheduler (2LS): what a thread library gives parlib, and which one is in charge.

Every operation but `ending` runs in vcore context; `runnable` and `exited` may be called from anywhere. None of these may block.
"""

from abc import ABC, abstractmethod

from lang import Ref
from kern.abi.syscall import Syscall
from parlib.thread0 import thread0_scheduler
from parlib.uthread import Uthread
from parlib.vcore import Vcore


class Scheduler(ABC):
    @abstractmethod
    def entry(self, vcore: Vcore) -> None:
        """Pick a thread and run it, which does not return; or return because there is none."""

    @abstractmethod
    def runnable(self, uthread: Uthread) -> None:
        """A thread that was blocked, or is new, may run. It belongs to the scheduler from now on. Any context."""

    @abstractmethod
    def paused(self, uthread: Uthread) -> None:
        """A thread was interrupted or stolen; it is saved, and may run on."""

    @abstractmethod
    def block_on_call(self, uthread: Uthread, call: Syscall) -> None:
        """The thread waits for a system call: see to it that it becomes runnable when that is done, or at once if it is."""

    @abstractmethod
    def reflected_fault(self, uthread: Uthread) -> None:
        """The thread's saved context carries a fault."""

    @abstractmethod
    def ending(self) -> None:
        """The calling thread's function has returned: whatever is to be done in its own context."""

    @abstractmethod
    def exited(self, uthread: Uthread) -> None:
        """Nobody needs the thread any more: its memory may be used again. Any context."""

    @abstractmethod
    def has_work(self) -> bool:
        """Whether a thread is ready: asked once more after the process has said that it wants one core less."""

    @abstractmethod
    def idle(self, vcore: Vcore) -> None:
        """`entry` found nothing, and there were no events. May give the core back, and may return."""


current: Ref[Scheduler] = thread0_scheduler


def use_scheduler(scheduler: Scheduler) -> None:
    """Put another 2LS in charge; the caller has seen to the threads of the old one."""
    global current
    current = scheduler
