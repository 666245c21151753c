# SPDX-License-Identifier: GPL-2.0-or-later
"""Vcores that were taken, and who sees to it that they run again, or that nobody waits for what was on them: user/parlib/preempt.py
against kern/proc/change_vcore.py, preempt.py, run.py and kern/event/finished.py, all of them the real ones.
"""

from lang import Array, Error, Uaddr, addr_of, array, struct, u16, u32
from kern.abi.errno import Errno
from kern.abi.event import EventFlag, EventMsg, EventQueue, EventType
from kern.abi.proc import VcoreFlag
from kern.abi.syscall import Syscall
from kern.core.kmsg import run_routines
from kern.core.current import set_owning_proc
from kern.core.percore import core
from kern.event.finished import list_finished
from kern.proc.change_vcore import change_vcore
from kern.proc.preempt import preempt_core
from kern.proc.run import begin_vcore
from mcp import Process, enter_vcore
from parlib import sched
from parlib import vcore as user
from parlib.event import handle_events, take_message
from parlib.preempt import handle_check_msgs, handle_vcore_preempt
from parlib.uthread import Uthread

STAND_INS = ("tests/host/recovery", "tests/host/process", "tests/host/machine")
REAL = ("kern.event.send", "kern.proc.proc", "parlib.vcore", "parlib.current")
MAPPED = ((0x002C_0000, 0x4000), (0x0020_0000, 0x8000))  # ProcInfo and ProcData

DONE: u32 = 1
ASKED: u32 = 36  # UEVENT and UTHREAD
TAKEN = VcoreFlag.PREEMPTED | VcoreFlag.CAN_RCV_MSG


@struct
class Taken:
    """Vcore 1 was taken; vcore 0 is about to hear of it."""

    process: Process
    queue: EventQueue

    def begin(self) -> None:
        self.process.begin(1)
        p = self.process.proc
        p.vcpd(1).flags.store(u32(TAKEN))
        flags = EventFlag.SPAM_PUBLIC | EventFlag.VCORE_APPRO | EventFlag.VCORE_MUST_RUN | EventFlag.IPI | EventFlag.WAKEUP
        self.queue.flags = u32(flags)
        p.data.kernel_evts[EventType.VCORE_PREEMPT] = addr_of(self.queue)

    def hear(self, v: u32, kind: EventType) -> bool:
        """Vcore v handles the message about vcore 1. False if it has left its core meanwhile."""
        vcore = enter_vcore(v)
        msg = EventMsg(ev_type=u16(kind), arg2=1)
        try:
            if kind == EventType.VCORE_PREEMPT:
                handle_vcore_preempt(vcore, msg)
            else:
                handle_check_msgs(vcore, msg)
        except Error as e:
            assert e.errno == Errno.ESRCH
            run_routines(core.mine.core_id)
            return False
        return True


@struct
class Sleeper:
    """A thread, and the call that it waits for."""

    uthread: Uthread
    call: Syscall


@struct
class FinishedThere:
    """A call of a thread was finished where the vcore then was taken. While another vcore looks after it, it is started anew, and another
    call is finished there: each thread is woken, once, when its call is over."""

    taken: Taken
    sleepers: Array[Sleeper] = array(2)
    ALLOWS_RACES = True  # lists of vcores are read without the lock
    PREEMPTIONS = 2
    STALE_READS = 1

    def setup(self) -> None:
        self.taken.begin()
        for i in range(u32(2)):
            sleeper = self.sleepers[i]
            sleeper.uthread.id = i
            sleeper.uthread.sysc = sleeper.call
            sleeper.call.u_data = addr_of(sleeper.uthread)
            sleeper.call.flags.store(ASKED)
        self.sleepers[0].call.flags.or_(DONE)
        self.taken.process.proc.vcpd(1).finished.store(addr_of(self.sleepers[0].call))

    def look(self) -> None:
        """What whichever vcore has this core does first."""
        if core.mine.owning_proc is not None:
            handle_events(enter_vcore(core.mine.owning_vcoreid))

    def thread_zero(self) -> None:
        self.taken.hear(0, EventType.CHECK_MSGS)
        self.look()

    def thread_one(self) -> None:
        """Core 1 is granted, to whichever vcore waits first."""
        p = self.taken.process.proc
        with p.lock:
            vc = p.inactive.pop_front()
            assert vc is not None
            self.taken.process.map(vc.id, 1)
        set_owning_proc(p, vc.id)
        begin_vcore(p, vc.id, 0)
        self.look()
        assert list_finished(p, Uaddr(addr_of(self.sleepers[1].call)))
        run_routines(1)
        self.look()

    def check(self) -> None:
        assert sched.woken.load() == 3, "a thread is lost"


@struct
class TakenWhoHelps:
    """Vcore 0 is to let vcore 1 run in its place, which was taken while it was in vcore context, and its own core is taken meanwhile: it
    does not forget vcore 1, of which it alone was told."""

    taken: Taken
    uthread: Uthread
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.taken.begin()
        self.taken.process.proc.vcpd(1).notif_disabled.store(1)
        self.uthread.dont_migrate.store(1)
        user.vcores[0].current = self.uthread

    def thread_zero(self) -> None:
        assert not self.taken.hear(0, EventType.VCORE_PREEMPT), "the message is done with, and the vcore does not run"

    def thread_kernel(self) -> None:
        assert preempt_core(self.taken.process.proc, 0, 0)


@struct
class TakenTwice:
    """Vcore 1 was taken, started on another core, and taken there as well, before either core has looked: who is told of it lets it run."""

    taken: Taken
    ALLOWS_RACES = True
    PREEMPTIONS = 2
    STALE_READS = 0

    def setup(self) -> None:
        self.taken.begin()
        p = self.taken.process.proc
        p.inactive.remove(p.vcores[1])
        self.taken.process.start(1)
        p.num_vcores = 2
        assert preempt_core(p, 1, 0)
        p.inactive.remove(p.vcores[1])
        self.taken.process.map(1, 2)
        p.num_vcores = 2
        assert preempt_core(p, 2, 0)

    def thread_zero(self) -> None:
        assert not self.taken.hear(0, EventType.VCORE_PREEMPT), "the message is done with, and the vcore does not run"

    def thread_one(self) -> None:
        run_routines(1)

    def thread_two(self) -> None:
        p = self.taken.process.proc
        set_owning_proc(p, 1)
        begin_vcore(p, 1, 1)
        run_routines(2)

    def check(self) -> None:
        assert self.taken.process.proc.is_mapped(1)


@struct
class LostChange:
    """Vcore 0 changes into vcore 1, and its core is taken when the call is over, before the change is made: who still runs is told of
    vcore 1."""

    taken: Taken
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.taken.begin()
        p = self.taken.process.proc
        p.vcpd(1).notif_disabled.store(1)
        p.inactive.remove(p.vcores[2])
        self.taken.process.start(2)
        p.num_vcores = 2

    def thread_zero(self) -> None:
        enter_vcore(0)
        try:
            change_vcore(self.taken.process.proc, 1, True)
        except Error as e:
            assert e.errno == Errno.ESRCH or e.errno == Errno.EAGAIN
            return  # changed, or refused
        assert self.is_told_of_1(), "the caller takes it for done, and nobody else knows"

    def thread_kernel(self) -> None:
        assert preempt_core(self.taken.process.proc, 0, 0)

    def is_told_of_1(self) -> bool:
        msg = EventMsg()
        while take_message(user.vcores[2].data.public_mbox, msg):
            if msg.ev_type == u16(EventType.VCORE_PREEMPT) and msg.arg2 == 1:
                return True
        return False
