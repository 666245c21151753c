# SPDX-License-Identifier: LGPL-2.1-or-later
"""Vcores: what is prepared for them, how they are asked for and given back, what interrupts them, and waiting for one that was taken."""

from lang import Atomic, Error, Uaddr, addr_of, array, frame_address, pause, text, u16, u32, u64
from kern.abi.errno import Errno
from kern.abi.event import EventFlag, EventMsg, EventType, MailboxKind
from kern.abi.file import OpenMode
from parlib.control import control, limit_vcores
from parlib.current import in_vcore_context, my_vcore
from kern.abi.syscall import Syscall
from parlib.event import MOST_AT_ONCE, OwnedQueue, init_queue, register_handler
from parlib import request
from parlib.join import JoinRequest, uthread_join, uthread_join_arr
from parlib.pdr import PdrLock
from parlib.request import vcore_request_exactly, vcore_request_more, vcore_request_total, wanted_cores
from parlib.threads import uthread_create, uthread_sched_yield, uthread_usleep
from parlib.vcore import Vcore, disable_notifs, enable_notifs, max_vcores, notify_self, num_vcores, pcore_of, proc_info
from parlib.vcore import vcore_is_mapped, vcore_is_preempted, vcore_resume_ns, vcore_total_ns, vcore_uptime_ns, vcoreid_now, vcores
from parlib.vcore import wait_spinning
from pthread.ready import start_threads
from rt.io import close, open, write_all
from rt.process import getpid
from rt.time import now_ns
from syscalls import submit_send_event, sys_getpcoreid, sys_getvcoreid, sys_send_event
from utest.harness import Suite, check, equal, is_wanted, run, suites

STACK: u64 = 24576                          # of a vcore
DEADLINE_NS: u64 = 30_000_000_000
TRIES = 20

seen = Atomic[u64](0)
misplaced = Atomic[u64](0)                  # handlers that ran where they must not
go = Atomic[u32](0)
lock = PdrLock()
holder = Atomic[u32](0)
queue = OwnedQueue()
FLOOD_TYPE: u32 = 40
FED_TYPE: u32 = 41
MOST_FED: u64 = 300_000                     # messages, after which a flood ends by itself
flooded = OwnedQueue()
fed = Atomic[u64](0)                        # messages of the flood
dry = Atomic[u32](0)                        # it is over


@suites
class Vcores(Suite):
    name: str = "vcore"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        register_handler(EventType.USER_IPI, look_around)
        start_threads()
        run("vcore.prepared", test_all_are_prepared)
        run("vcore.entry", test_handlers_run_at_the_top_of_the_stack)
        run("vcore.requests", test_requests_at_once_make_one_call)
        run("vcore.clamping", test_requests_are_clamped)
        run("vcore.yield", test_events_find_a_process_that_gives_its_cores_back)
        run("vcore.missed", test_missed_notification)
        run("vcore.flooded", test_flooded_vcore)
        run("vcore.flooded_mailbox", test_flooded_mailbox)
        run("vcore.queries", test_queries_agree_with_the_kernel)
        run("vcore.times", test_times)
        run("vcore.relax", test_waiting_for_a_preempted_holder)


def look_around(vcore: Vcore, msg: EventMsg) -> None:
    """A handler: in vcore context, on the vcore's own stack, not to be interrupted."""
    depth = vcore.stack_top - frame_address()
    if not in_vcore_context() or vcore.data.notif_disabled.load() == 0 or depth > STACK or my_vcore() is not vcore:
        misplaced.add(1)
    seen.add(1)


def wait_until_seen(count: u64) -> None:
    until = now_ns() + DEADLINE_NS
    while seen.load() < count and now_ns() < until:
        uthread_sched_yield()


def test_all_are_prepared() -> None:
    """As soon as the process is an MCP, whether a vcore was ever granted or not: the kernel may start any."""
    for i in range(max_vcores()):
        vcore = vcores[i]
        data = vcore.data
        entered = u64(data.vcore_entry) != 0 and u64(data.vcore_stack) == vcore.stack_top and u64(data.vcore_tls) == vcore.tp
        check(vcore.prepared and vcore.id == i and entered, f"vcore {i} cannot be entered")
        check(data.public_mbox.ucq.ready.load() != 0 and data.private_mbox.ucq.ready.load() != 0, f"mailboxes of vcore {i}")
        for j in range(i):
            apart = max(vcore.stack_top, vcores[j].stack_top) - min(vcore.stack_top, vcores[j].stack_top)
            check(apart >= STACK and vcore.tp != vcores[j].tp, f"vcores {j} and {i} share a stack")


def test_handlers_run_at_the_top_of_the_stack() -> None:
    before = seen.load()
    entries = sum(vcores[i].entries for i in range(max_vcores()))
    for i in range(u64(200)):
        notify_self(my_vcore_id(), EventMsg(ev_type=u16(EventType.USER_IPI)), i % 2 == 0)
        wait_until_seen(before + i + 1)
    equal(seen.load() - before, 200, "messages")
    equal(misplaced.load(), 0, "handlers outside vcore context, or not on its stack")
    check(sum(vcores[i].entries for i in range(max_vcores())) - entries >= 200, "vcore context was not entered for each")


def my_vcore_id() -> u32:
    disable_notifs()
    vcoreid = my_vcore().id
    enable_notifs()
    return vcoreid


# -- asking -------------------------------------------------------------------------------------------------------
def ask_for_all(number: u64) -> None:
    while go.load() == 0:
        uthread_sched_yield()
    vcore_request_total(max_vcores())


def test_requests_at_once_make_one_call() -> None:
    go.store(u32(0))
    requests = array(8, JoinRequest)
    for i in range(8):
        requests[i].uthread = uthread_create(ask_for_all, u64(i))
    control.never_yield = True              # no vcore that leaves wants one less ...
    uthread_usleep(20_000)                  # ... but those that are leaving already
    wanted_cores().store(0)
    before = request.pokes_made
    go.store(u32(1))
    uthread_join_arr(requests[:])
    wanted = wanted_cores().load()
    control.never_yield = False
    made = request.pokes_made - before      # one, and one if the 2LS has asked for fewer in between
    check(1 <= made <= 2, f"{made} calls for 8 requests")
    equal(wanted, u64(max_vcores()), "vcores wanted")


def test_requests_are_clamped() -> None:
    control.never_yield = True
    until = now_ns() + DEADLINE_NS
    vcore_request_more(100_000)
    while wanted_cores().load() < u64(max_vcores()) and now_ns() < until:
        vcore_request_more(100_000)         # one was leaving already, and has lowered it again
    equal(wanted_cores().load(), u64(max_vcores()), "vcores wanted")
    vcore_request_exactly(100_000)
    equal(wanted_cores().load(), u64(max_vcores()), "vcores wanted exactly")
    limit_vcores(1)
    wanted_cores().store(0)
    vcore_request_total(5)
    equal(wanted_cores().load(), 1, "vcores wanted by who wants one at most")
    limit_vcores(100_000)
    vcore_request_total(max_vcores())
    control.never_yield = False
    check(num_vcores() <= max_vcores(), "more vcores than there can be")


def test_events_find_a_process_that_gives_its_cores_back() -> None:
    """All vcores go idle between the messages, which come at every moment of that: none is lost, and the process always wakes."""
    flags = EventFlag.IPI | EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.WAKEUP
    init_queue(queue, MailboxKind.UCQ, flags, 0)
    before = seen.load()
    for i in range(u64(150)):
        sys_send_event(Uaddr(addr_of(queue.queue)), EventMsg(ev_type=u16(EventType.USER_IPI)), u32(i) % max_vcores())
        uthread_usleep(i * 37 % 400)
    wait_until_seen(before + 150)
    equal(seen.load() - before, 150, "messages")


# -- notifications ------------------------------------------------------------------------------------------------
def test_missed_notification() -> None:
    """What comes while they are disabled is seen before `enable_notifs` returns."""
    for _ in range(50):
        before = seen.load()
        disable_notifs()
        notify_self(my_vcore().id, EventMsg(ev_type=u16(EventType.USER_IPI)), True)
        equal(seen.load() - before, 0, "messages handled with notifications disabled")
        enable_notifs()
        equal(seen.load() - before, 1, "messages handled when they are enabled")


def feed(vcore: Vcore, msg: EventMsg) -> None:
    """A handler that has never done: each message is followed by another, until the thread says so."""
    fed.add(1)
    if go.load() == 0:
        call = Syscall()
        submit_send_event(call, Uaddr(addr_of(flooded.queue)), msg, vcore.id)
        wait_spinning(call)
    else:
        dry.store(1)


def end_flood() -> None:
    """Its last message has been taken: what comes next finds the vcore free."""
    go.store(u32(1))
    until = now_ns() + DEADLINE_NS
    while dry.load() == 0 and now_ns() < until:
        uthread_sched_yield()
    check(dry.load() != 0, "the flood does not end")


def test_flooded_vcore() -> None:
    """Messages come to a vcore as fast as it takes them: it hears of other things all the same, and its thread goes on elsewhere."""
    if max_vcores() < 2:
        return
    register_handler(FLOOD_TYPE, feed)
    dry.store(0)
    init_queue(flooded, MailboxKind.UCQ, EventFlag.INDIR | EventFlag.IPI | EventFlag.VCORE_APPRO, 0)
    go.store(u32(0))
    before = seen.load()
    disable_notifs()
    vcoreid = my_vcore().id
    sys_send_event(Uaddr(addr_of(flooded.queue)), EventMsg(ev_type=u16(FLOOD_TYPE)), vcoreid)
    enable_notifs()                         # the vcore is busy for ever now; whoever gets here has left it
    check(vcoreid_now() != vcoreid, "the flood did not come")
    notify_self(vcoreid, EventMsg(ev_type=u16(EventType.USER_IPI)), False)
    wait_until_seen(before + 1)
    equal(seen.load() - before, 1, "messages that came behind the flood")
    end_flood()
    check(fed.load() >= MOST_AT_ONCE, "messages of the flood")


def feed_mailbox(vcore: Vcore, msg: EventMsg) -> None:
    if go.load() == 0 and fed.add(1) < MOST_FED:
        notify_self(vcore.id, msg, True)
    else:
        dry.store(1)


def test_flooded_mailbox() -> None:
    """The same of messages that come straight to the vcore's mailbox, where any process can send some: its thread goes on elsewhere."""
    if max_vcores() < 2:
        return
    register_handler(FED_TYPE, feed_mailbox)
    dry.store(0)
    go.store(u32(0))
    fed.store(u64(0))
    before = seen.load()
    disable_notifs()
    vcoreid = my_vcore().id
    notify_self(vcoreid, EventMsg(ev_type=u16(FED_TYPE)), True)
    enable_notifs()
    check(vcoreid_now() != vcoreid or fed.load() < MOST_FED, "the vcore took messages, and nothing else")
    notify_self(vcoreid, EventMsg(ev_type=u16(EventType.USER_IPI)), False)
    wait_until_seen(before + 1)
    equal(seen.load() - before, 1, "messages in its other mailbox")
    check(fed.load() < MOST_FED, "the flood went on until it was told to end")
    end_flood()


# -- queries ------------------------------------------------------------------------------------------------------
def test_queries_agree_with_the_kernel() -> None:
    until = now_ns() + DEADLINE_NS
    while now_ns() < until:
        start = proc_info().coremap_seqctr.begin_read()
        disable_notifs()
        vcoreid = my_vcore().id
        same = sys_getvcoreid() == vcoreid and sys_getpcoreid() == pcore_of(vcoreid)
        mapped = vcore_is_mapped(vcoreid) and not vcore_is_preempted(vcoreid) and 1 <= num_vcores() <= max_vcores()
        enable_notifs()
        if not proc_info().coremap_seqctr.must_retry(start):
            check(same, "the kernel has another vcore or core here")
            check(mapped, "a vcore that runs is not mapped")
            return
    check(False, "the maps never stood still")


def test_times() -> None:
    """A vcore's time goes as the clock does, as long as it keeps its core. The host may stop us between any two looks at either."""
    disable_notifs()
    vcoreid = my_vcore().id
    resumed = vcore_resume_ns(vcoreid)
    check(resumed <= now_ns(), "started in the future")
    before = now_ns()
    uptime = vcore_uptime_ns(vcoreid)
    start = now_ns()
    check(uptime >= vcore_total_ns(vcoreid), "less time in all than until it was last started")
    while now_ns() - start < 5_000_000:
        pause()
    shortest = now_ns() - start
    later = vcore_uptime_ns(vcoreid) - uptime
    longest = now_ns() - before
    same = vcore_resume_ns(vcoreid) == resumed
    enable_notifs()
    check(not same or shortest - 2_000 <= later <= longest + 2_000, f"{later} ns on the core in {shortest} to {longest} ns")


# -- preempted holders --------------------------------------------------------------------------------------------
def hold_lock(number: u64) -> None:
    with lock:
        holder.store(my_vcore().id + 1)
        until = now_ns() + 50_000_000
        while now_ns() < until:
            pause()
    seen.add(1)


def test_waiting_for_a_preempted_holder() -> None:
    """The holder's vcore is taken, and the process wants no more than one core: it runs on only because a waiter lets it."""
    if max_vcores() < 2:
        return
    for _ in range(TRIES):
        if taken_from_holder():
            return
    check(False, "the holder's vcore was never taken")


def taken_from_holder() -> bool:
    """One try. On a loaded host the holder may be through before its vcore can be taken."""
    holder.store(0)
    uthread = uthread_create(hold_lock, 0)
    until = now_ns() + DEADLINE_NS
    while holder.load() == 0 and now_ns() < until:
        pause()
    check(holder.load() != 0, "the holder never ran")
    control.never_vc_request = True
    wanted_cores().store(1)
    taken = preempt(holder.load() - 1)
    with lock:                              # spins until the holder is through
        mine = lock.holder.load() == my_vcore().id + 1
    check(mine, "somebody else's lock")
    control.never_vc_request = False
    vcore_request_total(max_vcores())
    uthread_join(uthread)
    return taken


def preempt(vcoreid: u32) -> bool:
    """Have the kernel take one of our vcores."""
    path = text(40)
    path.write(f"/proc/{getpid()}/ctl")
    command = text(24)
    command.write(f"preempt {vcoreid}")
    fd = open(path.view, OpenMode.WRITE)
    try:
        write_all(fd, command.view)
        return True
    except Error as e:
        check(e.errno == Errno.ENXIO, f"{e.message}")
        return False
    finally:
        close(fd)
