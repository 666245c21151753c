# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of events in a single-core process: mailboxes of each kind, queues, handlers, and threads that wait for queues."""

from lang import Errno, Error, Ref, Uaddr, addr_of, array, i32, text, u16, u32, u64
from kern.abi.event import CeqOperation, EventFlag, EventMsg, EventQueue, EventType, MailboxKind
from kern.abi.file import FdPair, SpawnFlag
from parlib.event import disable_kevent, enable_kevent, mailbox_is_empty, register_handler, set_queue_handler, want_kernel_event
from parlib.queues import FOREVER, RELIABLE, attach_wakeup, block_on_queues, check_queues, get_ceq_queue, get_queue
from parlib.queues import get_raw_queue, get_slim_queue, get_vcpd_queue, mailbox_of, put_queue
from parlib.vcore import Vcore, disable_notifs, enable_notifs, max_vcores, notify_self, vcores
from rt.args import environment
from rt import process
from rt.process import create, getpid, wait
from rt.time import now_ns, sleep_usec
from syscalls import sys_notify, sys_send_event, sys_vc_entry
from utest.harness import Suite, check, equal, run, suites, until

OWN_TYPE: u32 = 25                          # FIRST_DYNAMIC_EVENT, and on
OTHER_TYPE: u32 = 26
SPARE_TYPE: u32 = 27
ASKED_TYPE: u32 = 28
LAST_TYPE: u32 = 49

# What the handlers saw, in order.
seen_types = array(400, u32)
seen_count: u64 = 0
seen_twice: u64 = 0
alerts: u64 = 0
last_arg: u64 = 0
types_registered: bool = False


def note(vcore: Vcore, msg: EventMsg) -> None:
    global seen_count, last_arg
    if seen_count < len(seen_types):
        seen_types[seen_count] = u32(msg.ev_type)
    seen_count += 1
    last_arg = msg.arg3


def note_again(vcore: Vcore, msg: EventMsg) -> None:
    global seen_twice
    seen_twice += 1


def count_alert(vcore: Vcore, queue: EventQueue) -> None:
    global alerts
    alerts += 1


def prepare() -> None:
    global types_registered, seen_count
    seen_count = 0
    if not types_registered:
        types_registered = True
        for kind in range(u32(1), LAST_TYPE + 1):
            if kind not in (u32(EventType.EVENT), u32(EventType.SYSCALL), ASKED_TYPE):
                register_handler(kind, note)


def count_now() -> u64:
    return seen_count


def post(queue: EventQueue, kind: u32, arg: u64) -> None:
    sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=u16(kind), arg2=u32(arg), arg3=arg), 0)


def post_for(queue: EventQueue, kind: u32, suggested: u32) -> None:
    sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=u16(kind)), suggested)


def wait_for_count(wanted: u64) -> None:
    until(lambda: count_now() >= wanted)


# -- handlers -----------------------------------------------------------------------------------------------------
def test_each_type_has_handlers() -> None:
    """Static and dynamic types alike; a type without a handler is ignored."""
    prepare()
    queue = get_slim_queue(EventFlag.IPI | EventFlag.WAKEUP, 0)
    sent: u64 = 0
    for kind in range(u32(1), LAST_TYPE + 1):
        if kind not in (u32(EventType.EVENT), u32(EventType.SYSCALL), u32(EventType.FREE_APPLE_PIE), ASKED_TYPE):
            post(queue, kind, 0)
            sent += 1
            wait_for_count(sent)
            equal(u64(seen_types[sent - 1]), u64(kind), "type")
    post(queue, ASKED_TYPE, 0)
    post(queue, LAST_TYPE + 1, 0)
    post(queue, 0xFFFF, 0)
    post(queue, OWN_TYPE, 0)
    wait_for_count(sent + 1)
    equal(count_now(), sent + 1, "messages")
    put_queue(queue)


def test_handlers_add_up() -> None:
    """Forty for one type: all run, and none is ever taken away."""
    prepare()
    for _ in range(40):
        register_handler(SPARE_TYPE, note_again)
    before = seen_twice
    notify_self(0, EventMsg(ev_type=u16(SPARE_TYPE)), False)
    wait_for_count(1)
    equal(count_now(), 1, "the first handler")
    equal(seen_twice - before, 40, "the others")


def test_private_before_public() -> None:
    """One notification, several messages: the private mailbox first, each in the order of posting."""
    prepare()
    disable_notifs()
    notify_self(0, EventMsg(ev_type=u16(OWN_TYPE)), False)
    notify_self(0, EventMsg(ev_type=u16(OTHER_TYPE)), False)
    notify_self(0, EventMsg(ev_type=u16(SPARE_TYPE)), True)
    pending = vcores[0].data.notif_pending.load()
    unseen = count_now()
    enable_notifs()
    equal(u64(pending), 1, "pending")
    equal(unseen, 0, "messages while notifications are disabled")
    equal(count_now(), 3, "messages right after")
    equal(u64(vcores[0].data.notif_pending.load()), 0, "pending afterwards")
    equal(u64(seen_types[0]), u64(SPARE_TYPE), "first")
    equal(u64(seen_types[1]), u64(OWN_TYPE), "second")
    equal(u64(seen_types[2]), u64(OTHER_TYPE), "third")


def test_vc_entry() -> None:
    before = vcores[0].entries
    sys_vc_entry()
    check(vcores[0].entries > before, "vcore context was not entered")


# -- mailboxes ----------------------------------------------------------------------------------------------------
def test_bits_coalesce() -> None:
    queue = get_queue(MailboxKind.BITMAP, EventFlag(0), 0)
    for _ in range(50):
        post(queue, OTHER_TYPE, 7)
        post(queue, OWN_TYPE, 8)
    asked = array(1, Ref[EventQueue])
    asked[0] = queue
    msg = EventMsg()
    check(check_queues(asked[:], msg) is queue and u32(msg.ev_type) == OWN_TYPE and msg.arg3 == 0, "the lowest type, and nothing with it")
    check(check_queues(asked[:], msg) is queue and u32(msg.ev_type) == OTHER_TYPE, "the other")
    check(check_queues(asked[:], msg) is None, "a third message")
    put_queue(queue)


def test_coalescing_queue_ors() -> None:
    """The ring is large enough: ids come in the order in which they were posted first, each with all bits and the last blob."""
    queue = get_ceq_queue(600, 8, CeqOperation.OR, EventFlag(0), 0)
    asked = array(1, Ref[EventQueue])
    asked[0] = queue
    msg = EventMsg()
    for i in range(6):
        sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=u16(599 - i), arg2=1, arg3=1), 0)
        sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=u16(599 - i), arg2=4, arg3=u64(100 + i)), 0)
    for i in range(6):
        check(check_queues(asked[:], msg) is queue, "too few messages")
        check(msg.ev_type == u16(599 - i) and msg.arg2 == 5 and msg.arg3 == u64(100 + i), f"id {msg.ev_type}: {msg.arg2}, {msg.arg3}")
    check(check_queues(asked[:], msg) is None and mailbox_is_empty(mailbox_of(queue)), "too many messages")
    sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=600, arg2=1), 0)
    check(check_queues(asked[:], msg) is None, "an id that it has not")
    put_queue(queue)


def test_coalescing_queue_overflows() -> None:
    """A ring of 2 and 3,000 ids, each told three times: the walk over all ids finds every one of them once, with its sum."""
    count: u32 = 3_000
    queue = get_ceq_queue(count, 2, CeqOperation.ADD, EventFlag(0), 0)
    asked = array(1, Ref[EventQueue])
    asked[0] = queue
    msg = EventMsg()
    for round in range(3):
        for number in range(count):
            sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=u16(number), arg2=number + 1, arg3=u64(round)), 0)
    check(mailbox_of(queue).ceq.ring_overflowed.load() == 1, "the ring did not overflow")
    total: u64 = 0
    ids: u64 = 0
    wrong: u64 = 0
    while check_queues(asked[:], msg) is not None:
        total += u64(msg.ev_type)
        ids += 1
        wrong += 0 if msg.arg2 == (u32(msg.ev_type) + 1) * 3 and msg.arg3 == 2 else 1
    equal(ids, u64(count), "ids")
    equal(total, u64(count) * (u64(count) - 1) // 2, "sum of the ids")
    equal(wrong, 0, "ids with another sum or blob")
    check(mailbox_is_empty(mailbox_of(queue)), "not empty")
    put_queue(queue)


# -- flags --------------------------------------------------------------------------------------------------------
def test_single_core_gets_all_on_vcore_0() -> None:
    prepare()
    for flags in (EventFlag.IPI | EventFlag.WAKEUP, EventFlag.IPI | EventFlag.VCORE_APPRO, EventFlag.IPI | EventFlag.ROUNDROBIN):
        queue = get_slim_queue(flags, max_vcores() - 1)
        before = count_now()
        post_for(queue, OWN_TYPE, max_vcores() - 1)
        wait_for_count(before + 1)
        equal(count_now(), before + 1, "messages")
        queue.vcore = 5000
        post_for(queue, OWN_TYPE, 5000)
        wait_for_count(before + 2)
        equal(count_now(), before + 2, "messages for a vcore that there never was")
        put_queue(queue)


def alerts_of(flags: EventFlag) -> u64:
    """Indirections for ten messages that nobody looks at meanwhile."""
    queue = get_queue(MailboxKind.UCQ, flags, 0)
    set_queue_handler(queue, count_alert)
    before = alerts
    disable_notifs()
    for _ in range(10):
        post(queue, OWN_TYPE, 0)
    enable_notifs()
    made = alerts - before
    asked = array(1, Ref[EventQueue])
    asked[0] = queue
    msg = EventMsg()
    for _ in range(10):
        check(check_queues(asked[:], msg) is queue, "a message is lost")
    put_queue(queue)
    return made


def test_throttling() -> None:
    equal(alerts_of(RELIABLE), 1, "alerts")
    equal(alerts_of(RELIABLE | EventFlag.NOTHROTTLE), 10, "alerts with NOTHROTTLE")


def test_indirection() -> None:
    """With INDIR somebody is told of a queue's own mailbox, without nobody is."""
    prepare()
    queue = get_queue(MailboxKind.UCQ, EventFlag(0), 0)
    post(queue, OWN_TYPE, 1)
    sleep_usec(2000)
    equal(count_now(), 0, "messages that nobody was told of")
    queue.flags = u32(RELIABLE)
    post(queue, OWN_TYPE, 2)
    wait_for_count(2)
    equal(count_now(), 2, "messages")
    equal(last_arg, 2, "in order")
    put_queue(queue)


# -- queues -------------------------------------------------------------------------------------------------------
def test_queues_come_and_go() -> None:
    """Each kind, again and again: the memory of those that were given back serves again."""
    first = addr_of(get_and_put())
    for _ in range(500):
        equal(addr_of(get_and_put()), first, "another queue")
    raw = get_raw_queue(EventFlag(0), 0)
    check(u64(raw.mbox) != 0 and mailbox_of(raw).kind == 0, "a raw queue's mailbox is not open")
    put_queue(raw)
    slim = get_slim_queue(EventFlag(0), 3)
    check(u64(slim.mbox) == 0 and slim.vcore == 3, "a slim queue")
    put_queue(slim)
    public = get_vcpd_queue(EventFlag.IPI, 0)
    private = get_vcpd_queue(EventFlag.IPI | EventFlag.VCORE_PRIVATE, 0)
    equal(u64(public.mbox), addr_of(vcores[0].data.public_mbox), "public mailbox")
    equal(u64(private.mbox), addr_of(vcores[0].data.private_mbox), "private mailbox")
    prepare()
    post(public, OWN_TYPE, 0)
    post(private, OTHER_TYPE, 0)
    wait_for_count(2)
    equal(count_now(), 2, "messages")
    put_queue(public)
    put_queue(private)
    try:
        put_queue(get_ceq_queue(10, 3, CeqOperation.OR, EventFlag(0), 0))
        check(False, "a ring of three slots")
    except Error as e:
        check(e.errno == Errno.EINVAL, f"{e.errno.name}")


def get_and_put() -> EventQueue:
    """A queue with messages in it, of each kind; the UCQ one."""
    queue = get_queue(MailboxKind.UCQ, EventFlag(0), 0)
    bits = get_queue(MailboxKind.BITMAP, EventFlag(0), 0)
    ceq = get_ceq_queue(40, 4, CeqOperation.OR, EventFlag(0), 0)
    for kind in range(u32(30), u32(36)):
        post(queue, kind, 1)
        post(bits, kind, 1)
        post(ceq, kind, 1)
    put_queue(bits)
    put_queue(ceq)
    put_queue(queue)
    return queue


def test_enable_kevent() -> None:
    prepare()
    queue = enable_kevent(OWN_TYPE, RELIABLE)
    sys_notify(getpid(), OWN_TYPE, Uaddr(addr_of(EventMsg(arg3=77))))
    wait_for_count(1)
    equal(last_arg, 77, "argument")
    check(disable_kevent(OWN_TYPE) is queue, "the queue that was registered")
    check(disable_kevent(OWN_TYPE) is None, "a queue that is not registered any more")
    sys_notify(getpid(), OWN_TYPE, Uaddr(0))
    sleep_usec(2000)
    equal(count_now(), 1, "messages")


# -- waiting ------------------------------------------------------------------------------------------------------
def test_check_queues() -> None:
    one = get_queue(MailboxKind.UCQ, EventFlag(0), 0)
    two = get_queue(MailboxKind.UCQ, EventFlag(0), 0)
    asked = array(2, Ref[EventQueue])
    asked[0] = one
    asked[1] = two
    msg = EventMsg()
    check(check_queues(asked[:], msg) is None, "a message from nowhere")
    post(two, OWN_TYPE, 5)
    check(check_queues(asked[:], msg) is two and msg.arg3 == 5, "the message")
    check(check_queues(asked[:], msg) is None, "twice")
    put_queue(one)
    put_queue(two)


def notify_from_a_child(kind: str) -> i32:
    """Have another process send us an event, a while after this returned: it has a core to wait for."""
    arguments = array(3, str)
    pid = text(20)
    pid.write(f"{getpid()}")
    arguments[0] = "notify"
    arguments[1] = pid.view
    arguments[2] = kind
    none = array(1, FdPair)
    child = create("/bin/notify", arguments[:], environment(), none[:0], SpawnFlag.DUP_FDS)
    process.run(child)
    return child


def test_block_on_queues() -> None:
    """The process sleeps in the kernel, with none of its cores, until another process sends it something."""
    one = get_queue(MailboxKind.UCQ, RELIABLE, 0)
    two = get_queue(MailboxKind.UCQ, RELIABLE, 0)
    attach_wakeup(one)
    attach_wakeup(two)
    asked = array(2, Ref[EventQueue])
    asked[0] = one
    asked[1] = two
    msg = EventMsg()
    post(two, OTHER_TYPE, 3)
    check(block_on_queues(asked[:], msg, FOREVER) is two and u32(msg.ev_type) == OTHER_TYPE, "a message that is there")
    want_kernel_event(ASKED_TYPE, one)
    child = notify_from_a_child("28")
    check(block_on_queues(asked[:], msg, FOREVER) is one and u32(msg.ev_type) == ASKED_TYPE, "a message that comes")
    equal(u64(wait(child)), 0, "notify")
    child = notify_from_a_child("28")
    check(block_on_queues(asked[:], msg, 10_000_000) is one, "a message that comes before the time is over")
    equal(u64(wait(child)), 0, "notify")
    disable_kevent(ASKED_TYPE)
    put_queue(one)
    put_queue(two)


def test_block_with_timeout() -> None:
    queue = get_queue(MailboxKind.UCQ, RELIABLE, 0)
    attach_wakeup(queue)
    asked = array(1, Ref[EventQueue])
    asked[0] = queue
    msg = EventMsg()
    for _ in range(20):
        start = now_ns()
        check(block_on_queues(asked[:], msg, 2000) is None, "a message from nowhere")
        waited = now_ns() - start
        check(2_000_000 <= waited < 20_000_000_000, f"2 ms took {waited} ns")
    check(block_on_queues(asked[:], msg, 0) is None, "no time at all")
    post(queue, OWN_TYPE, 1)
    check(block_on_queues(asked[:], msg, 1) is queue, "the message is there")
    many = array(9, Ref[EventQueue])
    for i in range(9):
        many[i] = queue
    try:
        block_on_queues(many[:], msg, FOREVER)
        check(False, "nine queues")
    except Error as e:
        check(e.errno == Errno.EINVAL, f"{e.errno.name}")
    many[0] = get_queue(MailboxKind.UCQ, RELIABLE, 0)
    try:
        block_on_queues(many[:1], msg, FOREVER)
        check(False, "a queue that hands its messages to handlers")
    except Error as e:
        check(e.errno == Errno.EINVAL, f"{e.errno.name}")
    put_queue(many[0])
    put_queue(queue)


@suites
class Events(Suite):
    """In an SCP."""

    name: str = "events"

    def run(self) -> None:
        run("events.types", test_each_type_has_handlers)
        run("events.handlers", test_handlers_add_up)
        run("events.private_first", test_private_before_public)
        run("events.vc_entry", test_vc_entry)
        run("events.bits", test_bits_coalesce)
        run("events.ceq_or", test_coalescing_queue_ors)
        run("events.ceq_overflow", test_coalescing_queue_overflows)
        run("events.single_core", test_single_core_gets_all_on_vcore_0)
        run("events.throttling", test_throttling)
        run("events.indirection", test_indirection)
        run("events.queues", test_queues_come_and_go)
        run("events.kevent", test_enable_kevent)
        run("events.check_queues", test_check_queues)
        run("events.block_on_queues", test_block_on_queues)
        run("events.block_with_timeout", test_block_with_timeout)
