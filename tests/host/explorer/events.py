# SPDX-License-Identifier: GPL-2.0-or-later
"""Events against whatever may happen at the same moment: coalescing, notifications being turned on, the vcore that yields or is taken;
and cores that are taken while a vcore changes into another.

Kernel and parlib are the real ones on both sides. A process lies at its fixed addresses, and each thread is a core of it, or of nobody.
"""

from lang import Array, Atomic, Error, Uaddr, addr_of, array, pause, struct, u16, u32, u64
from arch.context import FRESH
from kern.abi.errno import Errno
from kern.abi.event import CeqOperation, EventFlag, EventMailbox, EventMsg, EventQueue, EventType, MailboxKind
from kern.abi.proc import ProcState, VcoreFlag
from kern.core.kmsg import ROOM, mail, run_routines
from kern.core.percore import core
from kern.event.ceq import post_ceq
from kern.event.notify import notify
from kern.event.send import send_event
from kern.proc.change_vcore import change_vcore
from kern.proc.preempt import preempt_core
from kern.proc.yield_ import give_up
from mcp import Process, enter_vcore
from parlib import vcore as user
from parlib.ceq import ceq_get, ceq_init
from parlib.current import me
from parlib.event import handle_indirection, register_handler
from parlib.stealing import settled_flags
from parlib.uthread import Uthread
from parlib.yielding import vcore_yield

STAND_INS = ("tests/host/process", "tests/host/machine")
REAL = ("kern.event.send", "kern.proc.proc", "parlib.vcore", "parlib.current")
MAPPED = ((0x002C_0000, 0x4000), (0x0020_0000, 0x8000))  # ProcInfo and ProcData

OWN_TYPE: u16 = 30
RELIABLE = EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.IPI | EventFlag.WAKEUP

handled = Atomic[u32](0)


def count(vcore: user.Vcore, msg: EventMsg) -> None:
    handled.add(1)


@struct
class Coalescing:
    """Two kernel threads post to ids 0 and 1, one vcore takes; the ring has one slot. All that was posted comes out, and nothing twice."""

    mailbox: EventMailbox
    memory: Array[u64] = array(16)
    PREEMPTIONS = 2
    STALE_READS = 1

    def setup(self) -> None:
        ceq_init(self.mailbox.ceq, addr_of(self.memory), 2, 1, CeqOperation.ADD)

    def post(self, number: u16, value: u32) -> None:
        post_ceq(Uaddr(addr_of(self.mailbox.ceq)), EventMsg(ev_type=number, arg2=value, arg3=u64(value)))

    def thread_one(self) -> None:
        self.post(0, 1)
        self.post(1, 16)

    def thread_two(self) -> None:
        self.post(0, 2)

    def thread_vcore(self) -> None:
        enter_vcore(0)
        sums = array(2, u32)
        msg = EventMsg()
        while sums[0] != 3 or sums[1] != 16:
            if ceq_get(self.mailbox.ceq, msg):
                assert msg.ev_type < 2 and msg.arg2 != 0, "half a message"
                sums[msg.ev_type] += msg.arg2
                assert sums[0] <= 3 and sums[1] <= 16, "a message twice"
            else:
                pause()

    def check(self) -> None:
        enter_vcore(0)
        assert not ceq_get(self.mailbox.ceq, EventMsg()), "a message too many"


@struct
class Notification:
    """A notification comes while a thread turns notifications on: sooner or later it is put into vcore context."""

    process: Process
    uthread: Uthread
    sent: Atomic[u32]
    PREEMPTIONS = 3
    STALE_READS = 3

    def setup(self) -> None:
        self.process.begin(1)
        self.uthread.notif_depth = 1

    def thread_user(self) -> None:
        vcore = enter_vcore(0)
        me.mine.uthread = addr_of(self.uthread)
        vcore.current = self.uthread
        user.enable_notifs()
        while self.sent.load() == 0:
            pause()
        run_routines(0)  # the message interrupts the thread, wherever it is

    def thread_kernel(self) -> None:
        notify(self.process.proc, 0)
        self.sent.store(1)

    def check(self) -> None:
        data = self.process.proc.vcpd(0)
        assert data.notif_pending.load() == 1 and data.notif_disabled.load() == 1, "the thread goes on, and nobody looks at the event"


@struct
class NotifiedOften:
    """More often than there is room for messages to a core that is busy in the kernel: one message is enough."""

    process: Process

    def setup(self) -> None:
        self.process.begin(1)
        self.process.proc.vcpd(0).notif_disabled.store(0)

    def thread_kernel(self) -> None:
        for _ in range(ROOM + 1):
            notify(self.process.proc, 0)

    def check(self) -> None:
        assert mail[0].sent == 1, "not one message"


@struct
class NotifiedAgain:
    """A notification comes while the core answers one that the vcore has found by itself: it is answered as well."""

    process: Process
    sent: Atomic[u32]
    PREEMPTIONS = 3
    STALE_READS = 3

    def setup(self) -> None:
        self.process.begin(1)
        data = self.process.proc.vcpd(0)
        data.notif_disabled.store(0)
        notify(self.process.proc, 0)
        data.notif_pending.store(0)

    def thread_vcore(self) -> None:
        run_routines(0)
        while self.sent.load() == 0:
            pause()
        run_routines(0)

    def thread_kernel(self) -> None:
        notify(self.process.proc, 0)
        self.sent.store(1)

    def check(self) -> None:
        assert self.process.proc.vcpd(0).notif_disabled.load() == 1, "the thread goes on, and nobody looks at the event"


@struct
class Told:
    """Where the message of a delivery ended: nobody may have it, and nobody be told."""

    process: Process
    queue: EventQueue
    mailbox: EventMailbox

    def open(self, flags: EventFlag) -> None:
        enter_vcore(0)
        register_handler(EventType.EVENT, handle_indirection)
        register_handler(u32(OWN_TYPE), count)
        self.queue.mbox = Uaddr(addr_of(self.mailbox))
        self.queue.flags = u32(flags)
        self.mailbox.kind = u32(MailboxKind.BITMAP)

    def send(self) -> None:
        send_event(self.process.proc, Uaddr(addr_of(self.queue)), EventMsg(ev_type=OWN_TYPE), 0)

    def leave(self, v: u32) -> None:
        """The vcore has nothing to do. It goes, or looks after an event that comes before it has gone."""
        vcore = enter_vcore(v)
        core[v].owning_proc = self.process.proc
        try:
            vcore_yield(vcore, False)
        except Error:
            return  # it has gone

    def look(self) -> None:
        """If the message was not handled, a vcore that runs, or will be the first to, has it in its mailbox, and has been told."""
        if handled.load() != 0:
            return
        p = self.process.proc
        first = p.online.first()
        if first is None:
            assert not p.is_in(ProcState.WAITING), "the process sleeps, and the message waits"
            first = p.inactive.first()
        assert first is not None
        data = p.vcpd(first.id)
        assert data.notif_pending.load() != 0, "the vcore that will look has not been told"
        assert data.public_mbox.ucq.cons_idx.load() != data.public_mbox.ucq.prod_idx.load(), "told, but not of the message"


@struct
class DeliveryAgainstYield:
    """The last vcore yields while an event comes: it is handled, or the process is woken, and its first vcore finds it."""

    told: Told
    ALLOWS_RACES = True  # lists of vcores are read without the lock
    PREEMPTIONS = 2
    STALE_READS = 1

    def setup(self) -> None:
        self.told.process.begin(1)
        self.told.open(RELIABLE)

    def thread_vcore(self) -> None:
        self.told.leave(0)

    def thread_kernel(self) -> None:
        self.told.send()

    def check(self) -> None:
        self.told.look()


@struct
class DeliveryAgainstTwoYields:
    """The same with two vcores, of which the one that is preferred may go first, or the other."""

    told: Told
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 1

    def setup(self) -> None:
        self.told.process.begin(2)
        self.told.open(RELIABLE)

    def thread_vcore(self) -> None:
        self.told.leave(0)

    def thread_other(self) -> None:
        self.told.leave(1)

    def thread_kernel(self) -> None:
        self.told.send()

    def check(self) -> None:
        self.told.look()


@struct
class WarnedYield:
    """A vcore that is to go yields, and an event comes: unless it has gone, it is warned as before."""

    told: Told
    ALLOWS_RACES = True
    PREEMPTIONS = 2
    STALE_READS = 1

    def setup(self) -> None:
        self.told.process.begin(1)
        self.told.open(RELIABLE)
        self.told.process.proc.info.vcoremap[0].preempt_pending.store(7)

    def thread_vcore(self) -> None:
        enter_vcore(0)
        give_up(self.told.process.proc, 0, True)

    def thread_kernel(self) -> None:
        self.told.send()

    def check(self) -> None:
        entry = self.told.process.proc.info.vcoremap[0]
        assert (entry.preempt_pending.load() != 0) == (entry.valid != 0), (
            "a vcore that stays has lost its warning, or one that is gone has it"
        )


RUNNING: u64 = 0x1000  # pc of what vcore n runs is RUNNING + n


@struct
class Changing:
    """What vcores run, and what becomes of it."""

    process: Process

    def begin(self, running: u32) -> None:
        self.process.begin(running)
        for v in range(u32(2)):
            self.process.contexts[v].rip = RUNNING + u64(v)
            core[v].owning_proc = self.process.proc if v < running else None

    def change(self, v: u32, target: u32, come_back_fresh: bool) -> None:
        """What the call does, to its end, and what the core does then: it is the other vcore's, or nobody's."""
        refused = False
        try:
            change_vcore(self.process.proc, target, come_back_fresh)
        except Error as e:
            refused = e.errno != Errno.ESRCH  # else it went into the idle loop
        run_routines(v)
        assert not refused or core[v].owning_proc is None, "refused, and not taken either"

    def obey(self, v: u32) -> None:
        """Core v does what it is told, until it is nobody's."""
        while core[v].owning_proc is not None:
            if mail[v].sent != mail[v].taken:
                run_routines(v)
            else:
                pause()

    def saved(self, v: u32) -> u64:
        """The pc where a vcore that does not run goes on; 0: afresh. It was saved whole, by each who took it."""
        p = self.process.proc
        data = p.vcpd(v)
        flags = VcoreFlag(data.flags.load())
        assert not p.is_mapped(v) and not p.has_preempt_in_flight(v), "a vcore is still being taken"
        assert VcoreFlag.PREEMPTED in flags and VcoreFlag.K_LOCK not in flags, "a vcore that nobody will recover"
        return data.vcore_ctx.rip if data.notif_disabled.load() != 0 else 0


@struct
class PreemptionAgainstChange:
    """A vcore lets another, which was taken in vcore context, run in its place, while the kernel takes the core from whoever has it."""

    changing: Changing
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 1

    def setup(self) -> None:
        self.changing.begin(1)
        data = self.changing.process.proc.vcpd(1)
        data.flags.store(u32(VcoreFlag.PREEMPTED))
        data.vcore_ctx.rip = RUNNING + 1

    def thread_vcore(self) -> None:
        enter_vcore(0)
        assert settled_flags(self.changing.process.proc.vcpd(1)) & u32(VcoreFlag.PREEMPTED) != 0, "the vcore was started"
        self.changing.change(0, 1, True)
        self.changing.obey(0)

    def thread_kernel(self) -> None:
        assert preempt_core(self.changing.process.proc, 0, 0), "the core was nobody's"

    def check(self) -> None:
        p = self.changing.process.proc
        assert p.num_vcores == 0 and p.is_in(ProcState.RUNNABLE_M), "a process without cores does not wait for some"
        assert self.changing.saved(1) == RUNNING + 1, "the vcore that was to run is lost"
        mine = self.changing.saved(0)
        assert mine == RUNNING or mine == FRESH or mine == 0, "the vcore that changed is lost"


@struct
class ChangeIntoTaken:
    """A vcore changes into one that is just being taken from another core: it is not resumed before it was saved there."""

    changing: Changing
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 1

    def setup(self) -> None:
        self.changing.begin(2)

    def thread_vcore(self) -> None:
        enter_vcore(0)
        while user.vcore_is_mapped(1):
            pause()
        self.changing.change(0, 1, False)
        assert core[0].owning_vcoreid == 1, "the core is another vcore's"

    def thread_other(self) -> None:
        self.changing.obey(1)

    def thread_kernel(self) -> None:
        assert preempt_core(self.changing.process.proc, 1, 0), "the core was nobody's"

    def check(self) -> None:
        p = self.changing.process.proc
        assert p.num_vcores == 1 and p.is_mapped(1) and p.info.vcoremap[1].pcoreid == 0, "the vcore does not run on the other core"
        assert core[0].actual_ctx.rip == RUNNING + 1, "the vcore does not go on where it was"
        assert VcoreFlag.PREEMPTED not in VcoreFlag(p.vcpd(1).flags.load()), "a vcore that runs is to be recovered"
        assert self.changing.saved(0) == RUNNING, "the vcore that changed is lost"
