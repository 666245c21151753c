# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of what the kernel tells a many-core process about its cores, and of the ways in which events reach it. Run as an MCP."""

from lang import Atomic, Errno, Error, Uaddr, addr_of, array, pause, u16, u32, u64
from kern.abi.event import EventFlag, EventMsg, EventType, MailboxKind
from kern.abi.file import FdPair, SpawnFlag
from parlib.event import OwnedQueue, init_queue, refuse_kernel_event, register_handler, want_kernel_event
from parlib.vcore import Vcore, is_mcp, proc_info
from pthread import Thread
from rt.process import create, getpid, run, wait
from rt.time import sleep_usec
from syscalls import sys_change_to_m, sys_getpcoreid, sys_getvcoreid, sys_notify, sys_send_event
from utest.harness import check, equal, until

TRIES = 10000
SIGCHLD: u16 = 17
FLAGS = EventFlag.IPI | EventFlag.WAKEUP

spam_queue = OwnedQueue()
turn_queue = OwnedQueue()
eager_queue = OwnedQueue()
bit_queue = OwnedQueue()
chosen_queue = OwnedQueue()
signal_queue = OwnedQueue()
got = Atomic[u64](0)                        # of GANG_RETURN. One that was spammed may come again, as late as its first vcore runs again
got_once = Atomic[u64](0)                   # of GANG_PREEMPT_PENDING, which is never spammed
children_ended = Atomic[u64](0)
registered: bool = False


def count(vcore: Vcore, msg: EventMsg) -> None:
    got.add(1)


def count_once(vcore: Vcore, msg: EventMsg) -> None:
    got_once.add(1)


def count_child(vcore: Vcore, msg: EventMsg) -> None:
    if msg.arg1 == SIGCHLD:
        children_ended.add(1)


def register_once() -> None:
    global registered
    become_many_core()
    if not registered:
        registered = True
        register_handler(EventType.GANG_RETURN, count)
        register_handler(EventType.GANG_PREEMPT_PENDING, count_once)
        register_handler(EventType.POSIX_SIGNAL, count_child)


def nothing(number: u64) -> None:
    """A thread that ends at once: with the first one the process becomes a many-core process."""


def become_many_core() -> None:
    starter = Thread()
    starter.start(nothing, 0)
    starter.join()


def wait_for_count(counter: Atomic[u64], wanted: u64) -> None:
    until(lambda: counter.load() >= wanted)


def test_second_change_is_refused() -> None:
    become_many_core()
    check(is_mcp() and proc_info().is_mcp == 1, "not a many-core process")
    try:
        sys_change_to_m()
        check(False, "changed twice")
    except Error as e:
        check(e.errno == Errno.EINVAL, f"errno {e.errno.name}")


def test_maps_agree() -> None:
    """A reading that the sequence counter says is whole: both maps and the count say the same."""
    become_many_core()
    info = proc_info()
    for _ in range(TRIES):
        start = info.coremap_seqctr.begin_read()
        mapped: u32 = 0
        wrong: u32 = 0
        for v in range(info.max_vcores):
            if info.vcoremap[v].valid != 0:
                mapped += 1
                back = info.pcoremap[info.vcoremap[v].pcoreid]
                wrong += 0 if back.valid != 0 and back.vcoreid == v else 1
        if not info.coremap_seqctr.must_retry(start):
            equal(u64(wrong), 0, "vcores whose core says otherwise")
            check(mapped >= 1, "nobody runs this")
            return
        pause()
    check(False, "the maps never stood still")


def test_ids_agree() -> None:
    """The core that runs a call is the one that the map has for the vcore that runs it."""
    become_many_core()
    for _ in range(TRIES):
        start = proc_info().coremap_seqctr.begin_read()
        vcoreid = sys_getvcoreid()
        pcoreid = sys_getpcoreid()
        same_vcore = sys_getvcoreid() == vcoreid
        if same_vcore and not proc_info().coremap_seqctr.must_retry(start):
            equal(u64(proc_info().vcoremap[vcoreid].pcoreid), u64(pcoreid), "core")
            check(proc_info().vcoremap[vcoreid].resume_ticks > 0, "when it was started")
            return
    check(False, "this thread never stood still")


def send(owned: OwnedQueue, type: EventType, times: u64) -> None:
    for _ in range(times):
        sys_send_event(Uaddr(addr_of(owned.queue)), EventMsg(ev_type=u16(type)), 0)


def arrives(owned: OwnedQueue, times: u64, what: str) -> None:
    """At least so often; with SPAM flags a message may come twice."""
    before = got.load()
    send(owned, EventType.GANG_RETURN, times)
    wait_for_count(got, before + times)
    check(got.load() >= before + times, f"{what}: {got.load() - before} of {times} messages")


def test_event_flags() -> None:
    register_once()
    init_queue(spam_queue, MailboxKind.UCQ, FLAGS | EventFlag.SPAM_PUBLIC, 0)
    arrives(spam_queue, 20, "SPAM_PUBLIC")
    init_queue(chosen_queue, MailboxKind.UCQ, FLAGS | EventFlag.SPAM_PUBLIC | EventFlag.VCORE_MUST_RUN | EventFlag.VCORE_APPRO, 0)
    arrives(chosen_queue, 20, "MUST_RUN")
    init_queue(turn_queue, MailboxKind.UCQ, FLAGS | EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.ROUNDROBIN, 0)
    arrives(turn_queue, 20, "ROUNDROBIN")
    init_queue(eager_queue, MailboxKind.UCQ, FLAGS | EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.NOTHROTTLE, 0)
    arrives(eager_queue, 20, "NOTHROTTLE")


def test_bits_coalesce() -> None:
    register_once()
    init_queue(bit_queue, MailboxKind.BITMAP, FLAGS | EventFlag.INDIR | EventFlag.SPAM_INDIR, 0)
    before = got_once.load()
    send(bit_queue, EventType.GANG_PREEMPT_PENDING, 50)
    wait_for_count(got_once, before + 1)
    sleep_usec(20_000)
    check(before < got_once.load() <= before + 50, f"{got_once.load() - before} messages of 50 that may coalesce")


def test_kernel_events() -> None:
    """What the process registers for comes; what it does not is dropped."""
    register_once()
    init_queue(signal_queue, MailboxKind.UCQ, FLAGS | EventFlag.INDIR | EventFlag.SPAM_INDIR, 0)
    before = got_once.load()
    sys_notify(getpid(), u32(EventType.GANG_PREEMPT_PENDING), Uaddr(0))
    sleep_usec(5_000)
    equal(got_once.load(), before, "messages nobody asked for")
    want_kernel_event(EventType.GANG_PREEMPT_PENDING, signal_queue.queue)
    sys_notify(getpid(), u32(EventType.GANG_PREEMPT_PENDING), Uaddr(0))
    wait_for_count(got_once, before + 1)
    equal(got_once.load(), before + 1, "messages")
    refuse_kernel_event(EventType.GANG_PREEMPT_PENDING)
    want_kernel_event(EventType.POSIX_SIGNAL, signal_queue.queue)
    ended = children_ended.load()
    argv = array(1, str)
    argv[0] = "true"
    none = array(1, FdPair)
    pid = create("/bin/true", argv[0:1], argv[:0], none[:0], SpawnFlag(0))
    run(pid)
    wait(pid)
    wait_for_count(children_ended, ended + 1)
    equal(children_ended.load(), ended + 1, "SIGCHLD")
    refuse_kernel_event(EventType.POSIX_SIGNAL)
