# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/host/test_events.py drives: the kernel's own event delivery, for a process that is laid out by hand."""

from lang import Ref, Uaddr, addr_of, array, at, new, struct, u8, u16, u32, u64
from kern.abi.event import CeqOperation, EventMailbox, EventMsg, EventQueue, EventType, MailboxKind
from kern.abi.proc import PROCDATA_ADDR, PROCINFO_ADDR, ProcData, ProcInfo, ProcState, VcoreFlag
from kern.core import kmsg, sched
from kern.event.notify import looking
from kern.event.send import post_vcore_event, send_event, send_kernel_event
from kern.proc.proc import Proc, Vcore
from parlib.ceq import ceq_bytes, ceq_init
from parlib.current import me
from parlib.event import mailbox_is_empty, take_message
from parlib.ucq import ucq_init
from parlib.vcore import vcores

VCORES: u32 = 4
PAGE: u64 = 4096
CEQ_ROOM: u64 = 65536

STATES = (ProcState.RUNNING_S, ProcState.RUNNABLE_S, ProcState.WAITING, ProcState.RUNNING_M, ProcState.RUNNABLE_M)


@struct
class Here:
    p: Ref[Proc] | None
    queue: EventQueue
    mailbox: EventMailbox
    pages: u64


here = Here()
ceq_room = array(CEQ_ROOM, u8)


def begin(pages: u64) -> None:
    """Once. `pages`: address of four zeroed pages for each mailbox."""
    p = new(Proc, info=at(ProcInfo, PROCINFO_ADDR), data=at(ProcData, PROCDATA_ADDR), vcores=new(array(4, Vcore)))
    p.pid = 7
    p.max_vcores = VCORES
    here.p = p
    me.mine.vcore = addr_of(vcores[0])  # whoever takes messages is a vcore
    here.pages = pages
    for v in range(VCORES):
        p.vcores[v].id = v
        open_ucq(p.vcpd(v).public_mbox, 2 * u64(v))
        open_ucq(p.vcpd(v).private_mbox, 2 * u64(v) + 1)
        p.inactive.push_back(p.vcores[v])


def open_ucq(mailbox: EventMailbox, number: u64) -> None:
    mailbox.kind = u32(MailboxKind.UCQ)
    page = here.pages + number * 2 * PAGE
    ucq_init(mailbox.ucq, page, page + PAGE)


def proc() -> Proc:
    p = here.p
    assert p is not None
    return p


def lay_out(state: ProcState, is_mcp: bool) -> None:
    """Nobody is mapped, nothing pending; vcores are put into lists by `put`."""
    p = proc()
    p.is_mcp = is_mcp
    p.state_bits.store(u32(state))
    p.num_vcores = 0
    while p.online.pop_front() is not None:
        pass
    while p.bulk_preempted.pop_front() is not None:
        pass
    while p.inactive.pop_front() is not None:
        pass
    for v in range(VCORES):
        p.info.vcoremap[v].valid = 0
        kmsg.mail[v].sent = 0
        kmsg.mail[v].taken = 0
        looking.stops[v].asked.store(False)
    sched.woken.store(0)
    here.queue.alert_pending.store(0)


def put(v: u32, list: u32, mapped: bool, listens: bool, disabled: bool) -> None:
    """`list`: 0 online, 1 bulk-preempted, 2 inactive. Vcore v has core v."""
    p = proc()
    vcpd = p.vcpd(v)
    p.info.vcoremap[v].pcoreid = v
    p.info.vcoremap[v].valid = u32(1) if mapped else u32(0)
    vcpd.flags.store(u32(VcoreFlag.CAN_RCV_MSG) if listens else u32(0))
    vcpd.notif_disabled.store(u32(1) if disabled else u32(0))
    vcpd.notif_pending.store(0)
    if list == 0:
        p.online.push_back(p.vcores[v])
        p.num_vcores += 1
    elif list == 1:
        p.bulk_preempted.push_back(p.vcores[v])
    else:
        p.inactive.push_back(p.vcores[v])


def open_queue(flags: u32, vcoreid: u32, has_mailbox: bool, alert: bool) -> None:
    queue = here.queue
    queue.flags = flags
    queue.vcore = vcoreid
    queue.mbox = Uaddr(addr_of(here.mailbox)) if has_mailbox else Uaddr(0)
    queue.alert_pending.store(u32(1) if alert else u32(0))


def open_own_ucq() -> None:
    open_ucq(here.mailbox, 2 * u64(VCORES))


def open_own_ceq(nr_events: u32, ring_size: u32, adds: bool) -> bool:
    if ceq_bytes(nr_events, ring_size) > CEQ_ROOM:
        return False
    here.mailbox = EventMailbox(kind=u32(MailboxKind.CEQ))
    for i in range(CEQ_ROOM):
        ceq_room[i] = 0
    ceq_init(here.mailbox.ceq, addr_of(ceq_room), nr_events, ring_size, CeqOperation.ADD if adds else CeqOperation.OR)
    return True


def send(kind: u32, arg2: u32, arg3: u64, suggested: u32) -> None:
    send_event(proc(), Uaddr(addr_of(here.queue)), EventMsg(ev_type=u16(kind), arg2=arg2, arg3=arg3), suggested)


def register(kind: u32, on: bool) -> None:
    proc().data.kernel_evts[kind] = addr_of(here.queue) if on else 0


def send_as_kernel(kind: u32, vcoreid: u32) -> None:
    send_kernel_event(proc(), EventMsg(ev_type=u16(kind)), vcoreid)


def post_to(v: u32, kind: u32, private: bool) -> None:
    post_vcore_event(proc(), v, EventMsg(ev_type=u16(kind)), private)


# What came of it


def next_message(mailbox: EventMailbox) -> tuple[u32, u32, u64] | None:
    """(type, arg2, arg3) of a vcore's message; an indirection to our queue is told from others by arg3 = 1."""
    msg = EventMsg()
    if not take_message(mailbox, msg):
        return None
    arg3 = msg.arg3
    if msg.ev_type == u16(EventType.EVENT):
        arg3 = 1 if arg3 == addr_of(here.queue) else 0
    return u32(msg.ev_type), msg.arg2, arg3


def next_public(v: u32) -> tuple[u32, u32, u64] | None:
    return next_message(proc().vcpd(v).public_mbox)


def next_private(v: u32) -> tuple[u32, u32, u64] | None:
    return next_message(proc().vcpd(v).private_mbox)


def next_own() -> tuple[u32, u32, u64] | None:
    """As it is: in a coalescing queue the type is an id, which may be that of indirections."""
    msg = EventMsg()
    if not take_message(here.mailbox, msg):
        return None
    return u32(msg.ev_type), msg.arg2, msg.arg3


def own_is_empty() -> bool:
    return mailbox_is_empty(here.mailbox)


def pending(v: u32) -> bool:
    return proc().vcpd(v).notif_pending.load() != 0


def listens(v: u32) -> bool:
    return proc().vcpd(v).flags.load() & u32(VcoreFlag.CAN_RCV_MSG) != 0


def notified(v: u32) -> u64:
    """Messages to the core of vcore v."""
    return kmsg.mail[v].sent


def woken() -> bool:
    return sched.woken.load() != 0


def queue_vcore() -> u32:
    return here.queue.vcore


def alert_pending() -> bool:
    return here.queue.alert_pending.load() != 0
