# SPDX-License-Identifier: GPL-2.0-or-later
"""Sending events to a process: which mailbox a message goes to, and which vcore hears of it.

Everything in the queue is the process' word: copied once, then checked. A send that its memory makes impossible is logged and
dropped. Messages sent with a SPAM flag may arrive twice, never get lost.
The pattern throughout is post, barrier, look again: a vcore that stops listening in between is found out, and another is told.
Never called from interrupt handlers, nor with any spinlock held: posting may fault a page in. Lists of vcores are read without
the lock, which is sound because a yielder leaves them before it looks at its own notif_pending for the last time.
Locks: `p.lock`, in `spam_locked`, only to choose a vcore, not while posting.
"""

from lang import SEQ_CST, Error, Uaddr, addr_of, as_bytes, fence, offsetof, u16, u32, u64, wrap
from kern.abi.errno import Errno
from kern.abi.event import NR_EVENT_TYPES, EventFlag, EventMailbox, EventMsg, EventQueue, EventType, MailboxKind
from kern.abi.proc import PROCDATA_ADDR, ProcState, VcoreFlag, VcorePreemptData
from kern.core.current import switch_back, switch_to
from kern.core import sched
from kern.debug import log
from kern.event.bitmap import post_bitmap
from kern.event.ceq import post_ceq
from kern.event.finish import finishing
from kern.event.notify import notify
from kern.event.ucq import post_ucq
from kern.mm.umem import load_u32, read_bytes, store_u32
from kern.proc.proc import Proc, Vcore

SPAM_TRIES: u32 = 10


def send_kernel_event(p: Proc, msg: EventMsg, vcoreid: u32) -> None:
    """Send to the queue that the process has registered for this type of event, if any."""
    if u32(msg.ev_type) >= NR_EVENT_TYPES:
        return
    queue = p.data.kernel_evts[msg.ev_type]
    if queue != 0:
        send_event(p, Uaddr(queue), msg, vcoreid)


def send_event(p: Proc, queue: Uaddr, msg: EventMsg, suggested: u32) -> None:
    """Send `msg` to the process' queue at `queue`. Never fails: what cannot be delivered is logged and dropped."""
    if p.is_dying():
        return
    old = switch_to(p)
    try:
        deliver(p, queue, msg, suggested)
    except Error as e:
        log.warn(f"process {p.pid}: event {msg.ev_type} to queue {u64(queue):#x} dropped: {e.message}")
    finally:
        switch_back(old)


def post_vcore_event(p: Proc, vcoreid: u32, msg: EventMsg, private: bool) -> None:
    """Post to a vcore's own mailbox and notify it, whatever queues the process has. Raises EINVAL, EFAULT."""
    if vcoreid >= p.max_vcores:
        raise Error(Errno.EINVAL, f"no vcore {vcoreid}")
    old = switch_to(p)
    try:
        vcpd = p.vcpd(vcoreid)
        if msg.ev_type != u16(EventType.NONE):
            post(p, private_mbox(p, vcpd) if private else public_mbox(p, vcpd), msg)
        fence(SEQ_CST)                      # the message before the flag: pairs with handle_events of parlib, flag before messages
        notify(p, vcoreid)
    finally:
        switch_back(old)
    if p.is_in(ProcState.WAITING):
        sched.wakeup(p)


def deliver(p: Proc, queue: Uaddr, msg: EventMsg, suggested: u32) -> None:
    q = EventQueue()
    read_bytes(as_bytes(q), queue)
    v = suggested if EventFlag.VCORE_APPRO & q.flags else q.vcore
    if not p.is_mcp:
        v = 0
    elif q.flags & EventFlag.ROUNDROBIN:
        v = wrap(u32, q.vcore + 1) % max(p.num_vcores, 1)
        store_u32(queue + offsetof(EventQueue, "vcore"), v)
    if v >= p.max_vcores:
        raise Error(Errno.EINVAL, f"no vcore {v}")
    if q.flags & EventFlag.SPAM_PUBLIC:
        spam_public(p, msg, v, q.flags)
    else:
        deliver_to_mbox(p, queue, q, msg, v)
    if q.flags & EventFlag.WAKEUP and p.is_in(ProcState.WAITING):
        sched.wakeup(p)


def deliver_to_mbox(p: Proc, queue: Uaddr, q: EventQueue, msg: EventMsg, v: u32) -> None:
    mbox = q.mbox
    if u64(mbox) == 0:
        vcpd = p.vcpd(v)
        mbox = private_mbox(p, vcpd) if q.flags & EventFlag.VCORE_PRIVATE else public_mbox(p, vcpd)
    post(p, mbox, msg)
    fence(SEQ_CST)                          # the message before any flag that tells of it: pairs with handle_events and handle_indirection
    if q.flags & EventFlag.INDIR:
        send_indirection(p, queue, q, v)
    elif q.flags & EventFlag.IPI and p.is_mapped(v):
        notify(p, v)
    elif q.flags & EventFlag.WAKEUP and not p.is_mcp:
        # An SCP that is about to sleep must see that there is something: it looks at this flag last.
        p.vcpd(0).notif_pending.store(1)


def send_indirection(p: Proc, queue: Uaddr, q: EventQueue, v: u32) -> None:
    """Tell a vcore to look into `queue`, unless it has been told and has not looked yet."""
    pending = queue + offsetof(EventQueue, "alert_pending")
    if not (q.flags & EventFlag.NOTHROTTLE) and load_u32(pending) != 0:
        return
    store_u32(pending, 1)
    fence(SEQ_CST)                          # raised before the alert goes out: handle_indirection lowers it before it drains
    alert = EventMsg(ev_type=EventType.EVENT, arg3=u64(queue))
    try:
        if q.flags & EventFlag.SPAM_INDIR:
            spam_public(p, alert, v, q.flags)
        else:
            spam_vcore(p, v, alert, q.flags)
    except Error:
        with finishing:                     # so that the next message tells of this one, too
            store_u32(pending, 0)
        raise


def spam_vcore(p: Proc, v: u32, msg: EventMsg, flags: u32) -> None:
    """Into that vcore's public mailbox, whether or not it runs."""
    vcpd = p.vcpd(v)
    post(p, public_mbox(p, vcpd), msg)
    fence(SEQ_CST)                          # pairs with handle_events
    vcpd.notif_pending.store(1)
    if flags & EventFlag.IPI and p.is_mapped(v):
        notify(p, v)


def spam_public(p: Proc, msg: EventMsg, v: u32, flags: u32) -> None:
    """Into the public mailbox of some vcore that will look at it, `v` if possible."""
    if not p.is_mcp:
        spam_vcore(p, 0, msg, flags)
        return
    if flags & EventFlag.VCORE_MUST_RUN:
        if p.is_mapped(v):
            spam_vcore(p, v, msg, flags)
            fence(SEQ_CST)                  # pairs with yield_mcp: unmapped, then pending
            if p.is_mapped(v):
                return
        if not spam_online(p, msg, flags):
            spam_locked(p, msg, flags)
        return
    if spam_if_listening(p, v, msg, flags):
        return
    if not p.is_in(ProcState.WAITING):
        if spam_online(p, msg, flags) or spam_bulk(p, msg, flags):
            return
        head = p.inactive.first()
        if head is not None and spam_if_listening(p, head.id, msg, flags):
            return
    spam_locked(p, msg, flags)


def spam_if_listening(p: Proc, v: u32, msg: EventMsg, flags: u32) -> bool:
    """Post to a vcore whose mailbox somebody will look at. False if that was not so until after the post."""
    vcpd = p.vcpd(v)
    if not can_receive(vcpd):
        return False
    spam_vcore(p, v, msg, flags)
    fence(SEQ_CST)                          # pairs with take_messages of parlib: CAN_RCV_MSG is lowered, then the mailbox looked at
    return can_receive(vcpd)


def can_receive(vcpd: VcorePreemptData) -> bool:
    return (vcpd.flags.load() & u32(VcoreFlag.CAN_RCV_MSG)) != 0


def spam_online(p: Proc, msg: EventMsg, flags: u32) -> bool:
    for _ in range(SPAM_TRIES):
        head = p.online.first()
        if head is None:
            return False
        if spam_head(p, head, msg, flags) and p.online.first() is head:
            return True
    return False


def spam_bulk(p: Proc, msg: EventMsg, flags: u32) -> bool:
    for _ in range(SPAM_TRIES):
        head = p.bulk_preempted.first()
        if head is None:
            return False
        if spam_head(p, head, msg, flags) and p.bulk_preempted.first() is head:
            return True
    return False


def spam_head(p: Proc, head: Vcore, msg: EventMsg, flags: u32) -> bool:
    spam_vcore(p, head.id, msg, flags)
    fence(SEQ_CST)                          # pairs with yield_mcp: off the list, then pending
    return True


def spam_locked(p: Proc, msg: EventMsg, flags: u32) -> None:
    """Last resort: the vcore that is, or will be, the first to run. Posting happens outside the lock, so look again."""
    while not p.is_dying():
        v = first_to_run(p)
        spam_vcore(p, v, msg, flags)
        fence(SEQ_CST)                      # as in spam_head
        if first_to_run(p) == v:
            return


def first_to_run(p: Proc) -> u32:
    """Chosen under the lock; an inactive one is marked as listening, since the scheduler will start exactly that one."""
    with p.lock:
        if not p.is_in(ProcState.WAITING):
            running = p.online.first()
            if running is None:
                running = p.bulk_preempted.first()
            if running is not None:
                return running.id
        head = p.inactive.first()
        if head is None:
            return 0
        p.vcpd(head.id).flags.or_(u32(VcoreFlag.CAN_RCV_MSG))
        return head.id


# Mailboxes


def user_address(p: Proc, place: u64) -> Uaddr:
    """Where the process sees a part of its ProcData."""
    return Uaddr(PROCDATA_ADDR + (place - addr_of(p.data)))


def public_mbox(p: Proc, vcpd: VcorePreemptData) -> Uaddr:
    return user_address(p, addr_of(vcpd.public_mbox))


def private_mbox(p: Proc, vcpd: VcorePreemptData) -> Uaddr:
    return user_address(p, addr_of(vcpd.private_mbox))


def post(p: Proc, mbox: Uaddr, msg: EventMsg) -> None:
    """Put `msg` into the mailbox. Raises EFAULT, EINVAL. The address space is loaded."""
    kind = load_u32(mbox + offsetof(EventMailbox, "kind"))
    if kind == u32(MailboxKind.UCQ):
        post_ucq(p, mbox + offsetof(EventMailbox, "ucq"), msg)
    elif kind == u32(MailboxKind.BITMAP):
        post_bitmap(mbox + offsetof(EventMailbox, "bitmap"), u32(msg.ev_type) % NR_EVENT_TYPES)
    elif kind == u32(MailboxKind.CEQ):
        post_ceq(mbox + offsetof(EventMailbox, "ceq"), msg)
    else:
        raise Error(Errno.EINVAL, f"mailbox {u64(mbox):#x} is of unknown kind {kind}")
