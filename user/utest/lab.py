# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab: a 2LS that does nothing by itself. Thread 0 gives orders, and each vcore carries out its own.

A vcore without an order stays in vcore context and heeds its messages. Thread 0 runs on vcore 0, or where the recovery of a preempted vcore
has left it; its calls never leave the core idle, since a thread that waits for one is simply run again. Nobody asks for cores, or gives
one back, but by order.
"""

from enum import Enum, auto
from typing import Callable

from arch.abi import ContextKind
from lang import Atomic, Errno, Error, Format, array, i32, pause, ptr_of, struct, text
from lang import addr_of, at, u16, u32, u64, volatile_load
from kern.abi.event import EventMsg, EventType
from kern.abi.file import OpenMode
from kern.abi.syscall import Syscall
from parlib.current import Current, my_vcore
from parlib.event import handle_events, register_handler
from parlib.init import become_mcp
from parlib.request import poke_kernel, wanted_cores
from parlib.sched import Scheduler
from parlib.threads import uthread_sched_yield
from parlib.uthread import BY_ITSELF, RUNNING, Uthread, run_uthread, thread0
from parlib.vcore import Vcore, change_vcore, disable_notifs, enable_notifs, max_vcores, notify_self
from parlib.vcore import is_mcp, proc_info, vcores, wait_spinning
from parlib.yielding import ALL_BUT_CAN_RCV, CAN_RCV_MSG
from rt import io
from rt.process import getpid
from rt.syscall import reset
from rt.time import now_ns
from syscalls import submit_halt_core, submit_pop_ctx, submit_proc_yield, sys_null
from utest.harness import check


PATIENCE_NS: u64 = 10_000_000_000
NEVER_ANSWERED: u32 = 0xFFFF
MOST_TRIES: u32 = 20
CORES_OF_LAB: u32 = 3                       # the tests are for a machine that has so many for them


class Order(u32, Enum):
    NONE = 0
    YIELD = auto()                          # nothing to do
    YIELD_NICELY = auto()                   # in answer to a warning
    YIELD_WITH_NEWS = auto()                # though a message waits
    STUBBORN = auto()                       # neither yield nor look around, as long as `arg` says so
    HALT = auto()
    BECOME = auto()                         # change to vcore `arg`, to start afresh some day
    BECOME_AND_RETURN = auto()              # the same, to go on after it
    NOTIFY = auto()                         # vcore `arg`, with a USER_IPI


@struct(align=64)
class Station:
    """Of one vcore: its order, and what came of it."""

    order: Atomic[u32]
    arg: u32
    answer: Atomic[u32]                     # errno of the order's call, when it came back; NEVER_ANSWERED before
    beats: Atomic[u64]                      # how often it looked for an order
    inside: Atomic[u32]                     # it is in the middle of a look: no second one may begin
    twice: Atomic[u32]                      # how often one did


stations = array(256, Station)
warnings = Atomic[u32](0)                   # PREEMPT_PENDING events
ipis = Atomic[u32](0)                       # USER_IPI events, for any vcore
last_ipi_vcore = Atomic[u32](0)


class Lab(Scheduler):
    ready: Atomic[bool]                     # thread 0 is saved and may run ...
    at_home: Atomic[bool]                   # ... on vcore 0 only ...
    by_kernel: Atomic[bool]                 # ... by a system call that loads its context
    saved_as: u32                           # `saved` of thread 0 when it last yielded
    number: u64                             # in memory, what a register of thread 0 has to hold

    def entry(self, vcore: Vcore) -> None:
        if not self.may_run_on(vcore) or not self.ready.swap(False):
            return
        if not self.may_run_on(vcore):      # it was called home since we looked; now that it is ours, it calls nobody
            self.ready.store(True)
            return
        if self.by_kernel.load():
            pop_by_kernel(vcore, thread0)
        run_uthread(vcore, thread0)

    def may_run_on(self, vcore: Vcore) -> bool:
        return vcore.id == 0 or not self.at_home.load()

    def runnable(self, uthread: Uthread) -> None:
        self.ready.store(True)

    def paused(self, uthread: Uthread) -> None:
        self.saved_as = uthread.saved
        self.ready.store(True)

    def block_on_call(self, uthread: Uthread, call: Syscall) -> None:
        self.ready.store(True)              # it looks again

    def ending(self) -> None:
        """Thread 0 ends with the process."""

    def exited(self, uthread: Uthread) -> None:
        """Thread 0 ends with the process."""

    def has_work(self) -> bool:
        return self.ready.load()

    def idle(self, vcore: Vcore) -> None:
        station = stations[vcore.id]
        if station.inside.swap(1) != 0:
            station.twice.add(1)
        station.beats.add(1)
        pause()
        station.inside.store(0)
        order = Order(station.order.swap(u32(Order.NONE)))
        if order != Order.NONE:
            obey(vcore, station, order)


lab = Lab()
pop_call = Syscall()
pops = Atomic[u64](0)                       # how often it was


def pop_by_kernel(vcore: Vcore, uthread: Uthread) -> None:
    """As run_uthread, but that the kernel leaves vcore context, in one step with loading the registers."""
    pops.add(1)
    at(Current, uthread.vars).vcore = addr_of(vcore)
    vcore.current = uthread
    uthread.ctx.kind = ContextKind.SOFTWARE if uthread.saved == BY_ITSELF else ContextKind.HARDWARE  # which switch_out does not write
    uthread.saved = RUNNING
    reset(pop_call)
    submit_pop_ctx(pop_call, uthread.ctx)


def obey(vcore: Vcore, station: Station, order: Order) -> None:
    call = Syscall()
    errno: u32 = 0
    match order:
        case Order.NONE:
            return
        case Order.YIELD | Order.YIELD_NICELY | Order.YIELD_WITH_NEWS:
            yield_core(vcore, order)
        case Order.STUBBORN:
            while volatile_load(ptr_of(station.arg)) == 1:
                pause()
        case Order.HALT:
            submit_halt_core(call, 0)
            wait_spinning(call)
            errno = call.err
        case Order.BECOME:
            errno = change_vcore(vcore, station.arg, True)
        case Order.BECOME_AND_RETURN:
            errno = change_vcore(vcore, station.arg, False)
        case Order.NOTIFY:
            notify_self(station.arg, EventMsg(ev_type=u16(EventType.USER_IPI)), False)
    station.answer.store(errno)


def yield_core(vcore: Vcore, order: Order) -> None:
    """As vcore_yield does it, without its own tests."""
    flags = vcore.data.flags
    flags.and_(ALL_BUT_CAN_RCV)
    handle_events(vcore)
    if order == Order.YIELD_WITH_NEWS:
        vcore.data.notif_pending.store(1)
    call = Syscall()
    submit_proc_yield(call, order == Order.YIELD_NICELY)
    wait_spinning(call)
    flags.or_(CAN_RCV_MSG)


# -- thread 0 -------------------------------------------------------------------------------------------------------
def give(vcoreid: u32, order: Order, arg: u32) -> None:
    """Tell a vcore what to do next."""
    station = stations[vcoreid]
    station.answer.store(NEVER_ANSWERED)
    station.arg = arg
    station.order.store(u32(order))


def answer_of(vcoreid: u32) -> Errno:
    """Wait for what comes of its order."""
    until(lambda: stations[vcoreid].answer.load() != NEVER_ANSWERED, "an order is not carried out")
    return Errno(min(stations[vcoreid].answer.load(), u32(Errno.EUNSPECIFIED)))


def until(condition: Callable[[], bool], what: str) -> None:
    """Spin, with calls now and then so that messages of the kernel come through."""
    end = now_ns() + PATIENCE_NS
    while not condition():
        if now_ns() > end:
            describe()
            raise Error(Errno.ETIMEDOUT, f"{what}")
        sys_null()


def describe() -> None:
    """How the vcores stand, for who wonders why nothing comes."""
    for v in range(min(max_vcores(), CORES_OF_LAB)):
        data = vcores[v].data
        station = stations[v]
        print(f"vcore {v}: mapped {is_mapped(v)}, pending {data.notif_pending.load()}, disabled {data.notif_disabled.load()}, ", end="")
        print(f"flags {data.flags.load():#x}, order {station.order.load()}, answer {station.answer.load()}, looks {station.beats.load()}")


def is_mapped(vcoreid: u32) -> bool:
    return proc_info().vcoremap[vcoreid].valid != 0


def count_mapped() -> u32:
    return u32(sum(u64(proc_info().vcoremap[v].valid) for v in range(max_vcores())))


def want(count: u32) -> None:
    """Say how many vcores there shall be, and have the kernel look."""
    wanted_cores().store(u64(count))
    poke_kernel()


def has(count: u32) -> None:
    """Have just so many vcores, the lowest, all at their stations and thread 0 on vcore 0. A pass of the scheduler that has seen the
    greater number may bring one back that was sent away: then once more."""
    gather(count)
    tries: u32 = 1
    while count_mapped() != count or any(not is_mapped(v) for v in range(count)):
        if tries == MOST_TRIES:
            raise Error(Errno.ETIMEDOUT, "vcores that nobody asks for come again and again")
        gather(count)
        tries += 1


def gather(count: u32) -> None:
    """Have as many as there can be, and send the others away, the highest first."""
    want(CORES_OF_LAB)
    until(lambda: count_mapped() >= CORES_OF_LAB, "vcores that were asked for do not come")
    if here() != 0:
        lab.at_home.store(True)
        uthread_sched_yield()
        lab.at_home.store(False)
    want(count)
    for v in range(max_vcores() - 1, u32(0), -1):
        if count_mapped() > count and is_mapped(v) and v != here():
            send_away(v)
    at_work()


def at_work() -> None:
    """All that run look for orders."""
    for v in range(max_vcores()):
        look_from(v, stations[v].beats.load())


def look_from(vcoreid: u32, before: u64) -> None:
    station = stations[vcoreid]
    until(lambda: not is_mapped(vcoreid) or vcoreid == here() or station.beats.load() > before, "a vcore does not look for orders")


def here() -> u32:
    """Which vcore runs thread 0, which nobody moves unasked."""
    disable_notifs()
    found = my_vcore().id
    enable_notifs()
    return found


def send_away(vcoreid: u32) -> None:
    give(vcoreid, Order.YIELD, 0)
    until(lambda: not is_mapped(vcoreid), "a vcore does not go")


def count_ipi(vcore: Vcore, msg: EventMsg) -> None:
    last_ipi_vcore.store(vcore.id)
    ipis.add(1)


def count_warning(vcore: Vcore, msg: EventMsg) -> None:
    warnings.add(1)


ctl: i32 = -1


def ctl_fd() -> i32:
    global ctl
    if ctl < 0:
        path = text(40)
        path.write(f"/proc/{getpid()}/ctl")
        ctl = io.open(path.view, OpenMode.WRITE)
    return ctl


def order_kernel(command: Format) -> None:
    """A command to our own /proc/N/ctl. What it finds nothing to do for is fine."""
    line = text(40)
    line.write(command)
    try:
        io.write_all(ctl_fd(), line.view)
    except Error as e:
        check(e.errno == Errno.ENXIO, f"{line}: {e.message}")


def begin() -> None:
    """Once: become an MCP of one vcore under the lab."""
    if is_mcp():
        return
    register_handler(EventType.USER_IPI, count_ipi)
    register_handler(EventType.PREEMPT_PENDING, count_warning)
    become_mcp(lab)
