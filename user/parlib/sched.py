# SPDX-License-Identifier: LGPL-2.1-or-later
"""The second-level scheduler (2LS): what a thread library gives parlib, and which one is in charge.

A 2LS is a class that defines the abstract operations below and overrides others as it likes. Each costs an indirect call, so those that few
have and that stand in the way of every hand-over are called only if the 2LS says that it has them: `has_reasons`, `has_sync`. Every
operation runs in vcore context but where it says something else. None may block, or allocate, in vcore context.
Akaros calls them thread_runnable, thread_paused, thread_blockon_sysc, thread_has_blocked, thread_refl_fault, thread_exited,
thread_create, thread_bulk_runnable, sched_init, sched_entry, preempt_pending, got_posix_signal, sync_….
"""

from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Callable

from lang import Errno, Error, Raises, Ref, u32, u64
from kern.abi.syscall import Syscall
from parlib.faults import settle_fault
from parlib.signal_delivery import post_to_process
from parlib.signal_state import SignalInfo
from parlib.thread0 import thread0_scheduler
from parlib.uth_sync import UthSync, fifo_pop, fifo_push, fifo_remove, fifo_swap
from parlib.uthread import Uthread, run_current
from parlib.vcore import Vcore


class Blocked(u32, Enum):
    """Why a thread waits that the 2LS itself did not put to sleep."""

    MUTEX = auto()                          # for a sync object
    EVENTQ = auto()                         # for an event queue
    YIELD = auto()                          # for nothing: it lets others run, and is made runnable at once
    MISC = auto()                           # for another thread's end, or for ever


class Scheduler(ABC):
    has_reasons: bool = False               # it defines `has_blocked`
    has_sync: bool = False                  # it defines the operations of sync objects

    def init(self) -> None:                 # noqa: B027
        """Before it takes over, once, as thread 0 of an SCP: make whatever it needs. Raises ENOMEM."""

    @abstractmethod
    def entry(self, vcore: Vcore) -> None:
        """Pick a thread and run it, which does not return; or return because there is none."""

    def resume(self, vcore: Vcore, uthread: Uthread) -> None:
        """The vcore was running this thread when it was interrupted, and events were looked at. Run it on, which does not return; a
        preemptive scheduler may put it away (`pause_current`) and return instead."""
        run_current(vcore, uthread)

    def next_ready(self, vcore: Vcore) -> Uthread | None:
        """Take out the thread to run next, if `may_switch` is true of it: the calling thread goes to sleep, and switches to it directly.
        None: what comes next is found by `entry`, as it must be where that does more than to pick a thread. The caller is a uthread with
        notifications disabled; nothing may block."""
        return None

    @abstractmethod
    def runnable(self, uthread: Uthread) -> None:
        """A thread that was blocked, or is new, may run. It belongs to the scheduler from now on. Any context."""

    def bulk_runnable(self, woken: UthSync) -> None:
        """All threads of a sync object that is the caller's own may run. Any context."""
        while (uthread := woken.get_next()) is not None:
            self.runnable(uthread)

    @abstractmethod
    def paused(self, uthread: Uthread) -> None:
        """A thread was interrupted, stolen, or lets others run; it is saved, and may run on."""

    @abstractmethod
    def block_on_call(self, uthread: Uthread, call: Syscall) -> None:
        """The thread waits for a system call: see to it that it becomes runnable when that is done, or at once if it is. If there is a
        `next_for_call`, also in a uthread with notifications disabled."""

    def next_for_call(self, vcore: Vcore, uthread: Uthread, call: Syscall) -> Uthread | None:
        """`next_ready` for the calling thread, which waits for a system call: the call's `ev_q` and `u_data` are as `block_on_call` would
        have them for FOR_THREAD, which is asked for when the thread is saved. None: by `block_on_call`, in vcore context."""
        return None

    def has_blocked(self, uthread: Uthread, why: Blocked) -> None:  # noqa: B027
        """A thread is saved and waits for somebody else's `runnable`. To take note of; it may come before this returns."""

    def reflected_fault(self, uthread: Uthread) -> None:
        """The thread's saved context carries a fault; it is nobody's now."""
        settle_fault(uthread)

    def got_posix_signal(self, vcore: Vcore, info: SignalInfo) -> None:
        """The process was sent a signal."""
        post_to_process(vcore, info)

    def find_willing(self, signals: u64) -> Uthread | None:
        """A living thread, not thread 0, that does not block all of these signals (`bit`s), rather one that does not wait for others."""
        return None

    def create(self, fn: Callable[[u64], Raises[None]], arg: u64) -> Uthread:
        """Make a joinable thread that runs fn(arg), and start it. In a uthread. Raises ENOMEM."""
        raise Error(Errno.ENOSYS, "this program has no thread library")

    @abstractmethod
    def ending(self) -> None:
        """The calling thread's function has returned: whatever is to be done in its own context."""

    @abstractmethod
    def exited(self, uthread: Uthread) -> None:
        """Nobody needs the thread any more: its memory may be used again. Once for each thread. Any context."""

    @abstractmethod
    def has_work(self) -> bool:
        """Whether a thread is ready: asked once more after the process has said that it wants one core less."""

    @abstractmethod
    def idle(self, vcore: Vcore) -> None:
        """`entry` found nothing, and there were no events. May give the core back, and may return."""

    def forget_others(self) -> None:        # noqa: B027
        """In the copy that a fork made: `forget` all threads but the calling one and thread 0, which has been, and open anew what the
        kernel knows. Notifications are disabled. Raises ENOMEM."""

    def preempt_pending(self, vcore: Vcore) -> None:  # noqa: B027
        """The kernel has warned that it will take this core, which is about to be given back: last preparations."""

    def describe(self) -> None:             # noqa: B027
        """Print on standard error what there is to know of the threads but thread 0, for a diagnosis (parlib.debug)."""

    # -- whom a sync object wakes first: see parlib.uth_sync. The object's lock is held. Any context, and nothing may block.
    def sync_init(self, sync: UthSync) -> None:
        sync.head = None
        sync.tail = None

    def sync_destroy(self, sync: UthSync) -> None:
        assert self.sync_is_empty(sync), "a sync object goes while threads wait for it"

    def sync_enqueue(self, sync: UthSync, uthread: Uthread) -> None:
        fifo_push(sync, uthread)

    def sync_get_next(self, sync: UthSync) -> Uthread | None:
        return fifo_pop(sync)

    def sync_get_uth(self, sync: UthSync, uthread: Uthread) -> bool:
        return fifo_remove(sync, uthread)

    def sync_swap(self, one: UthSync, other: UthSync) -> None:
        fifo_swap(one, other)

    def sync_is_empty(self, sync: UthSync) -> bool:
        return sync.head is None


current: Ref[Scheduler] = thread0_scheduler
takes_reasons: bool = False                 # of the current one
keeps_waiters: bool = False


def use_scheduler(scheduler: Scheduler) -> None:
    """Put another 2LS in charge; the caller has seen to the threads of the old one."""
    global current, takes_reasons, keeps_waiters
    current = scheduler
    takes_reasons = scheduler.has_reasons
    keeps_waiters = scheduler.has_sync


def note_blocked(uthread: Uthread, why: Blocked) -> None:
    """For who puts a saved thread to sleep: tell the 2LS, before others can wake it."""
    if takes_reasons:
        current.has_blocked(uthread, why)
