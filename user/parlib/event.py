# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events: taking messages out of mailboxes and calling who registered for their type.

Handlers run in vcore context: they neither block nor allocate, and may be told of the same non-unique message twice. A handler may
not return at all (it may give the core to another vcore); what it leaves behind in the mailbox is looked at later.
A handler takes a bounded number of messages of one queue (`tell_again`): who posts may be faster than who reads, for ever.
Messages that must come exactly once (finished system calls) go through queues with a mailbox of their own, never a vcore's.
Lock: `registering`, for the lists of handlers, which are read without.
"""

from typing import Callable

from lang import (
    ACQUIRE,
    RELAXED,
    RELEASE,
    SEQ_CST,
    Atomic,
    Ref,
    Uaddr,
    addr_of,
    array,
    at,
    atomic,
    cast,
    ctz,
    fence,
    must_use,
    new,
)
from lang import recursion, struct, u16, u32, u64, wrap
from kern.abi.event import (
    NR_EVENT_TYPES,
    EventBitmap,
    EventFlag,
    EventMailbox,
    EventMsg,
    EventQueue,
    EventType,
    MailboxKind,
    UcqPage,
)
from parlib.ceq import ceq_get, ceq_is_empty
from parlib.finished import wake_finished
from parlib.pages import make_present, map_at, map_pages
from parlib.pdr import PdrLock
from parlib.request import vcore_request_more
from parlib.stealing import is_being_stolen_from
from parlib.ucq import ucq_get, ucq_init, ucq_is_empty
from parlib.uthread import pause_current
from parlib.vcore import Vcore, is_mcp, notify_self, proc_data

NR_TYPES = 50                               # NR_EVENT_TYPES
BITMAP_WORDS: u64 = 8
MOST_AT_ONCE: u64 = 256                     # messages of one queue, before those of others have their turn
ALL: u64 = 0xFFFF_FFFF_FFFF_FFFF
MAX_HANDLERS: u64 = 256                     # of all types: they are for good, and are needed before there is a heap


@struct
class Handler:
    run: Callable[[Vcore, EventMsg], None]
    next: Atomic[Ref["Handler"] | None]


@struct
class HandlerList:
    first: Atomic[Ref[Handler] | None]


handlers = array(NR_TYPES, HandlerList)     # by event type
registering = PdrLock()
all_handlers = array(MAX_HANDLERS, Handler)
handler_count = Atomic[u64](0)


def register_handler(kind: u32, handler: Callable[[Vcore, EventMsg], None]) -> None:
    """Have `handler` called for each message of that type, after those that were registered before; for good.

    `kind`: an EventType, or a number of the program's own from FIRST_DYNAMIC_EVENT on.
    """
    assert kind < NR_EVENT_TYPES, "no such event type"
    index = handler_count.add(1)
    assert index < MAX_HANDLERS, "too many event handlers"
    made = all_handlers[index]
    made.run = handler
    with registering:
        place = handlers[kind].first
        following = place.load()
        while following is not None:
            place = following.next
            following = place.load()
        place.store(made, order=RELEASE)    # pairs with dispatch


def dispatch(vcore: Vcore, msg: EventMsg) -> None:
    """Call the handlers of one message, in the order of their registration; a type that nobody handles is ignored."""
    if msg.ev_type >= NR_TYPES:
        return
    entry = handlers[msg.ev_type].first.load(order=ACQUIRE)  # pairs with register_handler
    while entry is not None:
        entry.run(vcore, msg)
        entry = entry.next.load(order=ACQUIRE)


# -- mailboxes ----------------------------------------------------------------------------------------------------
def mailbox_is_empty(mailbox: EventMailbox) -> bool:
    if mailbox.kind == u32(MailboxKind.UCQ):
        return ucq_is_empty(mailbox.ucq)
    if mailbox.kind == u32(MailboxKind.CEQ):
        return ceq_is_empty(mailbox.ceq)
    return mailbox.bitmap.check_bits.load() == 0


@must_use
def take_message(mailbox: EventMailbox, into: EventMsg) -> bool:
    """The next message, if there is one. Notifications are disabled."""
    if mailbox.kind == u32(MailboxKind.UCQ):
        return ucq_get(mailbox.ucq, into)
    if mailbox.kind == u32(MailboxKind.CEQ):
        return ceq_get(mailbox.ceq, into)
    return take_bit(mailbox.bitmap, into)


def take_bit(bitmap: EventBitmap, into: EventMsg) -> bool:
    """Clear the lowest bit that is set; the message has its type and nothing else."""
    if bitmap.check_bits.load() == 0:
        return False
    while True:
        if take_set_bit(bitmap, into):
            return True
        bitmap.check_bits.store(u32(0))
        fence(SEQ_CST)                      # pairs with kern/event/bitmap.py
        # A producer sets its bit before it raises the flag that we have just lowered: so look once more.
        if not any(atomic(bitmap.bits[i]).load() != 0 for i in range(BITMAP_WORDS)):
            return False
        bitmap.check_bits.store(u32(1))


def take_set_bit(bitmap: EventBitmap, into: EventMsg) -> bool:
    for i in range(BITMAP_WORDS):
        word = atomic(bitmap.bits[i]).load()
        while word != 0:
            bit = u64(1) << ctz(word)
            if atomic(bitmap.bits[i]).and_(~bit) & bit != 0:
                assign_type(into, u32(i * 64 + u64(ctz(word))))
                return True
            word = atomic(bitmap.bits[i]).load()
    return False


def assign_type(msg: EventMsg, kind: u32) -> None:
    msg.ev_type = wrap(u16, kind)
    msg.arg1 = 0
    msg.arg2 = 0
    msg.arg3 = 0
    msg.arg4 = 0


def handle_mailbox(vcore: Vcore, mailbox: EventMailbox, most: u64 = ALL) -> u64:
    """Handle the messages in it, up to so many; how many. In vcore context."""
    msg = EventMsg()
    count: u64 = 0
    while count < most and take_message(mailbox, msg):
        dispatch(vcore, msg)
        count += 1
    return count


def handle_one(vcore: Vcore, mailbox: EventMailbox) -> bool:
    msg = EventMsg()
    if not take_message(mailbox, msg):
        return False
    dispatch(vcore, msg)
    return True


def handle_events(vcore: Vcore) -> u64:
    """Acknowledge notifications, then handle what is on this vcore's list and in its mailboxes; how many. In vcore context."""
    data = vcore.data
    # Pending is cleared before the mailboxes are read, never after: what comes in between sets it again.
    data.notif_pending.store(u32(0))
    fence(SEQ_CST)                          # pairs with kern/event/send.py: message before flag
    return wake_finished(data) + handle_some(vcore, data.private_mbox) + handle_some(vcore, data.public_mbox)


def handle_some(vcore: Vcore, mailbox: EventMailbox) -> u64:
    """Handle what is in a mailbox of this vcore's own, MOST_AT_ONCE messages now; how many. For the others it comes back."""
    count = handle_mailbox(vcore, mailbox, MOST_AT_ONCE)
    if count == MOST_AT_ONCE:
        vcore.data.notif_pending.store(u32(1))
        let_thread_go(vcore)
    return count


# -- queues -------------------------------------------------------------------------------------------------------
@struct
class OwnedQueue:
    """An event queue with a mailbox of its own."""

    queue: EventQueue
    mailbox: EventMailbox


def init_queue(owned: OwnedQueue, kind: MailboxKind, flags: EventFlag, vcoreid: u32) -> EventQueue:
    """Open a queue; for UCQ mailboxes this maps two pages. Raises ENOMEM. It must outlive every use by the kernel."""
    if kind == MailboxKind.UCQ:
        pages = map_pages(2)
        init_ucq_mailbox(owned.mailbox, pages)
    else:
        owned.mailbox.kind = u32(kind)
    queue = owned.queue
    queue.mbox = Uaddr(addr_of(owned.mailbox))
    queue.flags = u32(flags)
    queue.vcore = vcoreid
    return queue


@struct(align=4096)
class QueuePages:
    """The two pages of a queue that is there from the beginning, as a global."""

    first: UcqPage
    second: UcqPage


def init_static_queue(owned: OwnedQueue, pages: QueuePages, flags: EventFlag) -> None:
    """Open a UCQ queue without asking for memory: from any context. It tells vcore 0, or whom `flags` let it."""
    pages.first.next.store(0)               # brings the pages in: nobody shall fault on them later
    pages.second.next.store(0)
    init_ucq_mailbox(owned.mailbox, addr_of(pages))
    owned.queue.mbox = Uaddr(addr_of(owned.mailbox))
    owned.queue.flags = u32(flags)


def reopen_queue(owned: OwnedQueue, pages: QueuePages) -> None:
    """In the copy that a fork made: what was in the queue, or on its way into it, was for the original. Raises ENOMEM."""
    map_at(addr_of(pages), 2)               # not cleared: a burst may have had them unmapped
    make_present(addr_of(pages), 2)
    init_ucq_mailbox(owned.mailbox, addr_of(pages))
    owned.queue.alert_pending.store(u32(0))


def new_queue(kind: MailboxKind, flags: EventFlag, vcoreid: u32) -> EventQueue:
    return init_queue(new(OwnedQueue), kind, flags, vcoreid)


def init_ucq_mailbox(mailbox: EventMailbox, pages: u64) -> None:
    """`pages`: address of two zeroed pages."""
    mailbox.kind = u32(MailboxKind.UCQ)
    ucq_init(mailbox.ucq, pages, pages + 4096)


def handle_queue(vcore: Vcore, queue: EventQueue) -> None:
    """Handle what is in a queue's own mailbox, MOST_AT_ONCE messages now and the others later; in vcore context."""
    if u64(queue.mbox) == 0:
        return
    mailbox = at(EventMailbox, u64(queue.mbox))
    msg = EventMsg()
    while True:
        for _ in range(MOST_AT_ONCE):
            if not take_message(mailbox, msg):
                return
            dispatch(vcore, msg)
        if tell_again(vcore, queue):
            return


def tell_again(vcore: Vcore, queue: EventQueue) -> bool:
    """For handlers that have taken MOST_AT_ONCE messages, and may have left some: this vcore is told of the queue again, behind
    what else it was told of. False if there is no memory to tell with: the handler goes on."""
    if queue.alert_pending.swap(u32(1)) == 0:  # else somebody is being told already
        alert = EventMsg(ev_type=u16(EventType.EVENT), arg3=addr_of(queue))
        if notify_self(vcore.id, alert, False) != 0:
            queue.alert_pending.store(u32(0))
            return False
    let_thread_go(vcore)
    return True


def let_thread_go(vcore: Vcore) -> None:
    """The thread that this vcore was running goes to others, since nobody knows when it will have done with its messages."""
    uthread = vcore.current
    if is_mcp() and uthread is not None and uthread.dont_migrate.load(order=RELAXED) == 0 and not is_being_stolen_from(vcore.data):
        pause_current(vcore)
        vcore_request_more(1)               # for that thread, if this vcore was the only one


@recursion(2)                               # a queue that is told of through another
def handle_indirection(vcore: Vcore, msg: EventMsg) -> None:
    """EV_EVENT: somebody posted into the queue at arg3."""
    queue = at(EventQueue, msg.arg3)
    # Before the queue is drained: a later message must raise its alert again.
    queue.alert_pending.store(u32(0))
    fence(SEQ_CST)                          # pairs with send_indirection of kern/event/send.py
    if u64(queue.handler) != 0:
        cast(Callable[[Vcore, EventQueue], None], u64(queue.handler))(vcore, queue)
    else:
        handle_queue(vcore, queue)


def set_queue_handler(queue: EventQueue, handler: Callable[[Vcore, EventQueue], None]) -> None:
    """Have `handler` called in vcore context when somebody posted into `queue`, rather than the handlers of what is in it."""
    queue.handler = Uaddr(addr_of(handler))


def want_kernel_event(kind: u32, queue: EventQueue) -> None:
    """Have the kernel send its events of that type to `queue`."""
    atomic(proc_data().kernel_evts[kind]).store(addr_of(queue))


def refuse_kernel_event(kind: u32) -> None:
    """Have the kernel drop its events of that type from now on."""
    atomic(proc_data().kernel_evts[kind]).store(0)


def enable_kevent(kind: u32, flags: EventFlag) -> EventQueue:
    """A new queue for the kernel's events of that type: shorthand for new_queue and want_kernel_event. Raises ENOMEM."""
    queue = new_queue(MailboxKind.UCQ, flags, 0)
    want_kernel_event(kind, queue)
    return queue


def disable_kevent(kind: u32) -> EventQueue | None:
    """The opposite; the queue that was registered, which may still get what was under way."""
    old = atomic(proc_data().kernel_evts[kind]).swap(0)
    return at(EventQueue, old) if old != 0 else None
