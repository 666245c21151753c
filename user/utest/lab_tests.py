# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `lab`: vcores one by one, by order (lab.py)."""

from typing import Callable

from arch.abi import ContextKind
from arch.user_abi import INTERRUPT_KEEPS_ALL, LEFT_BY_CALL, first_argument
from lang import Errno, Error, ThreadLocal, addr_of, array, cycle_counter, f64, pause, text, thread_pointer
from lang import ptr_of, u16, u32, u64, volatile_load
from kern.abi.event import EventMsg, EventType
from kern.abi.syscall import Syscall
from lib.files import read_file
from lib.strings import discard
from parlib.machine import syscall_interrupt, syscall_trap
from parlib.request import poke_kernel, wanted_cores
from parlib.threads import uthread_sched_yield
from parlib.uthread import BY_ITSELF
from parlib.vcore import disable_notifs, enable_notifs, enter_vcore_context, max_vcores, notify_self
from parlib.vcore import is_mcp, proc_info, vcore_is_preempted, vcores, wait_spinning
from rt.process import getpid
from rt.syscall import is_done
from rt.time import now_ns, sleep_usec, tsc_to_ns
from syscalls import submit_write, sys_change_vcore, sys_null, sys_proc_yield
from utest.harness import Suite, check, equal, is_wanted, run, suites
from utest.lab import (
    CORES_OF_LAB,
    NEVER_ANSWERED,
    Order,
    answer_of,
    at_work,
    begin,
    count_mapped,
    ctl_fd,
    give,
    has,
    here,
    ipis,
    is_mapped,
    lab,
    last_ipi_vcore,
    order_kernel,
    pops,
    send_away,
    stations,
    until,
    want,
    warnings,
)
from utest.lab_mail import test_mailboxes


def test_max_vcores() -> None:
    """All cores but the one for single-core processes; or that one, if it is alone."""
    equal(u64(max_vcores()), max(u64(proc_info().core_count), 2) - 1, "max_vcores")


def test_request_by_memory() -> None:
    """Cores come, as many as the shared memory says, after a poke; each begins at vcore_entry, in its own name."""
    want(3)
    until(lambda: count_mapped() == 3, "three vcores do not come")
    at_work()
    equal(u64(proc_info().num_vcores), 3, "num_vcores")
    equal(u64(proc_info().res_grant[0]), 3, "res_grant")
    for v in range(u32(3)):
        check(vcores[v].entries >= 1 or v == 0, f"vcore {v} was never entered")
    has(1)
    equal(u64(proc_info().num_vcores), 1, "num_vcores")


def test_newest_first() -> None:
    """Of vcores that have yielded, the last one is granted first."""
    has(3)
    want(1)
    send_away(1)
    send_away(2)
    want(2)
    until(lambda: is_mapped(2), "vcore 2 does not come back first")
    check(not is_mapped(1), "vcore 1 came too")
    want(1)
    send_away(2)
    has(3)
    want(1)
    send_away(2)
    send_away(1)
    want(2)
    until(lambda: is_mapped(1), "vcore 1 does not come back first")
    check(not is_mapped(2), "vcore 2 came too")


def refused(vcoreid: u32, order: Order) -> bool:
    """Whether the vcore comes back from a yield at once, and keeps its core."""
    give(vcoreid, order, 0)
    until(lambda: stations[vcoreid].answer.load() != NEVER_ANSWERED or not is_mapped(vcoreid), "neither refused nor gone")
    return is_mapped(vcoreid)


def test_yield_table() -> None:
    """Nice or not, warned or not, wanted or not, with a message or without: when a vcore goes."""
    has(3)
    check(refused(1, Order.YIELD), "it went though as many are wanted as there are")
    check(refused(1, Order.YIELD_NICELY), "it went nicely though nobody has warned it")
    wanted_cores().store(2)
    check(refused(1, Order.YIELD_WITH_NEWS), "it went though there was a message")
    check(not refused(1, Order.YIELD), "it stayed though one less is wanted")
    has(3)
    before = proc_info().vcoremap[1].nr_preempts_sent.load()
    warned = Syscall()
    begin_warning(warned, 1)
    # parlib answers a warning by a nice yield, as soon as it sees it.
    until(lambda: not is_mapped(1) or proc_info().vcoremap[1].preempt_pending.load() == 0, "nobody answers the warning")
    equal(proc_info().vcoremap[1].nr_preempts_sent.load(), before, "preemptions")
    until(lambda: is_done(warned), "the warning does not end")
    equal(u64(warned.err), 0, "errno of the warning")


def test_single_core_yields() -> None:
    """In an SCP: nicely is a turn for others; otherwise the process sleeps, but not with a message at hand. Before it is an MCP."""
    check(not is_mcp(), "too late for this")
    sys_proc_yield(True)
    vcores[0].data.notif_pending.store(1)
    sys_proc_yield(False)
    start = now_ns()
    sleep_usec(3000)                        # a yield until the event comes
    check(now_ns() - start >= 3_000_000, "woken too early")


warning = text(40)


def begin_warning(call: Syscall, vcoreid: u32) -> None:
    """Have the kernel warn the vcore; it comes for the core a while later."""
    warning.clear()
    warning.write(f"warn {vcoreid} 300000")
    submit_write(call, ctl_fd(), warning.view)
    deadline = proc_info().vcoremap[vcoreid].preempt_pending.load()
    check(deadline == 0 or deadline > cycle_counter(), "a deadline that is over")
    until(lambda: warnings.load() > 0 or is_done(call), "no warning came")


def test_warning() -> None:
    """The event and the deadline come first; who stays is taken when the time is over."""
    has(3)
    heard = warnings.load()
    before = proc_info().vcoremap[2].nr_preempts_sent.load()
    give(2, Order.STUBBORN, 1)
    until(lambda: stations[2].order.load() == u32(Order.NONE), "the order does not come through")
    start = now_ns()
    order_kernel("warn 2 50000")
    check(now_ns() - start >= 50_000_000, "it did not wait")
    until(lambda: proc_info().vcoremap[2].nr_preempts_done.load() == before + 1, "it was not taken")
    stations[2].arg = 0
    until(lambda: warnings.load() > heard, "nobody heard of it")
    has(3)


def has_just(vcoreid: u32) -> None:
    """Have two vcores: vcore 0 and this one, which is 1 or 2."""
    has(3)
    want(2)
    send_away(3 - vcoreid)


def errno_of_change(target: u32) -> Errno:
    try:
        sys_change_vcore(target, True)
    except Error as e:
        return e.errno
    return Errno.OK


def core_of(vcoreid: u32) -> u32:
    return proc_info().vcoremap[vcoreid].pcoreid


def test_change_vcore() -> None:
    """One vcore's core becomes another; refusals have their reasons."""
    has_just(1)
    check(errno_of_change(1) == Errno.EINVAL, "out of vcore context")
    check(answer_to(1, Order.BECOME, max_vcores()) == Errno.EINVAL, "a vcore that is not there")
    check(answer_to(1, Order.BECOME, 1) == Errno.EINVAL, "itself")
    check(answer_to(1, Order.BECOME, 0) == Errno.EBUSY, "one that runs")
    core = core_of(1)
    entries = vcores[2].entries
    give(1, Order.BECOME, 2)
    until(lambda: is_mapped(2) and vcores[2].entries > entries, "vcore 2 does not begin")
    check(not is_mapped(1) and core_of(2) == core, "the core")
    check(vcore_is_preempted(1), "vcore 1 does not look recoverable")
    # Back, and this time vcore 2 is to go on after its call.
    entries = vcores[1].entries
    give(2, Order.BECOME_AND_RETURN, 1)
    until(lambda: vcores[1].entries > entries, "vcore 1 does not begin")
    # Whether by its own handling of EV_VCORE_PREEMPT or by this order, vcore 1 gives way to what was left half-way.
    check(answer_of(2) == Errno.OK, "the call of vcore 2 is over, with success")


def answer_to(vcoreid: u32, order: Order, arg: u32) -> Errno:
    give(vcoreid, order, arg)
    return answer_of(vcoreid)


def test_notify() -> None:
    """A vcore that runs a thread is put into vcore context; one with notifications off is not, until it looks."""
    has(3)
    entries = vcores[0].entries
    heard = ipis.load()
    check(answer_to(1, Order.NOTIFY, 0) == Errno.OK, "notifying")
    until(lambda: ipis.load() == heard + 1, "the message does not arrive")
    equal(u64(last_ipi_vcore.load()), 0, "who handled it")
    check(vcores[0].entries > entries, "vcore 0 was not entered")
    disable_notifs()
    entries = vcores[0].entries
    check(answer_to(1, Order.NOTIFY, 0) == Errno.OK, "notifying")
    for _ in range(100):
        sys_null()
    check(vcores[0].entries == entries and ipis.load() == heard + 1, "interrupted with notifications off")
    equal(u64(vcores[0].data.notif_pending.load()), 1, "pending")
    enable_notifs()
    check(vcores[0].entries > entries, "not entered when they came on")
    until(lambda: ipis.load() == heard + 2, "the message does not arrive")
    entries = vcores[0].entries
    enter_vcore_context()
    equal(vcores[0].entries, entries + 1, "entries by vc_entry")


def test_contexts() -> None:
    """Interrupted anywhere, a thread leaves a whole context; when it yields, what a call preserves."""
    has(2)
    heard = ipis.load()
    give(1, Order.NOTIFY, 0)
    while ipis.load() == heard:             # no system call: the message finds us here
        pause()
    check(vcores[0].data.uthread_ctx.kind == ContextKind.HARDWARE, "kind after an interrupt")
    uthread_sched_yield()
    check(lab.saved_as == BY_ITSELF, "how a yield saved it")


VC_ENTRY: u32 = 25                          # the number of sys_vc_entry


def test_entries() -> None:
    """By the instruction for system calls a thread leaves just what a call preserves, by the interrupt table everything; both go on."""
    has(2)
    after_call: u64 = 0
    whole: u64 = 0
    for _ in range(20):                     # whatever else interrupts the thread before it looks leaves another context
        enter_by(syscall_trap)
        after_call += u64(vcores[0].data.uthread_ctx.kind == LEFT_BY_CALL)
        argument = enter_by(syscall_interrupt)
        found = vcores[0].data.uthread_ctx
        whole += u64(found.kind == ContextKind.HARDWARE and first_argument(found) == argument)
    check(after_call > 0, "what a call left")
    check(whole > 0 or not INTERRUPT_KEEPS_ALL, "what a call by interrupt left")


def enter_by(trap: Callable[[u64, u64], u64]) -> u64:
    """Into vcore context by that entry, and back; returns what its first argument was."""
    call = Syscall(num=VC_ENTRY)
    entries = vcores[0].entries
    trap(addr_of(call), 1)
    wait_spinning(call)
    check(vcores[0].entries > entries, "vcore context was not entered")
    return addr_of(call)


def test_pop_ctx() -> None:
    """The kernel loads the context of a thread and leaves vcore context with it; what comes in between is not missed."""
    has(2)
    heard = ipis.load()
    lab.at_home.store(True)
    lab.by_kernel.store(True)
    for i in range(50):
        register = volatile_load(ptr_of(lab.number))  # twice: the compiler keeps the one, and compares
        entries = vcores[0].entries
        if i % 5 == 0:
            give(1, Order.NOTIFY, 0)
        uthread_sched_yield()
        equal(u64(here()), 0, "the vcore where it goes on")
        equal(register, volatile_load(ptr_of(lab.number)), "a register")
        lab.number += 3
        check(vcores[0].data.notif_disabled.load() == 0 or vcores[0].entries > entries, "still in vcore context")
    lab.by_kernel.store(False)
    lab.at_home.store(False)
    equal(pops.load(), 50, "contexts that the kernel loaded")
    until(lambda: ipis.load() > heard, "no message arrives")


mark = ThreadLocal[u64]()


def test_migration() -> None:
    """A thread that goes on on another core has its thread pointer, and its registers of all kinds, with it."""
    mark.mine = 4711
    tp = thread_pointer()
    third = 1.0 / f64(3)
    moved: u64 = 0
    for _ in range(20):
        has(3)
        before = core_of(0)
        wanted_cores().store(2)             # its core is not to come back, so another vcore takes the thread over
        order_kernel("preempt 0")
        moved += 1 if core_of(here()) != before else 0
        check(thread_pointer() == tp and mark.mine == 4711, "thread pointer")
        check(third * 3.0 == 1.0, "floating point")
    check(moved > 0, "it never went to another core")


def shows_idle(core: u32) -> bool:
    """Whether the kernel says that a core of ours is idle."""
    line = text(40)
    line.write(f"\n{core} idle {getpid()} ")
    cores = read_file("/proc/cores")
    found = cores.find(line.view) >= 0
    discard(cores)
    return found


def halts(core: u32) -> bool:
    """Whether vcore 1 is shown halted. An interrupt for somebody else, as of an alarm that was set there, may have ended its halt."""
    if shows_idle(core):
        return True
    if stations[1].answer.load() == u32(Errno.OK):
        give(1, Order.HALT, 0)
    return False


def test_halt() -> None:
    """A halted vcore keeps its core, which is shown idle, until something happens there."""
    has(3)
    core = core_of(1)
    check(not shows_idle(core), "idle before")
    beats = stations[1].beats.load()
    give(1, Order.HALT, 0)
    until(lambda: halts(core), "the core is not shown idle")
    check(is_mapped(1), "it lost its core")
    notify_self(1, EventMsg(ev_type=u16(EventType.USER_IPI)), False)
    check(answer_of(1) == Errno.OK, "halting")
    until(lambda: stations[1].beats.load() > beats + 10, "it does not go on")
    check(not shows_idle(core), "idle after")


def vcore_ns(vcoreid: u32) -> u64:
    """How long it has run, by what the kernel shows: up to its last start, and since."""
    entry = proc_info().vcoremap[vcoreid]
    return tsc_to_ns(entry.total_ticks + (cycle_counter() - entry.resume_ticks if entry.valid != 0 else 0))


def test_accounting() -> None:
    """The times of the vcores follow the clock while they run, and stand still while they do not."""
    has_just(1)
    before = now_ns()
    ran = vcore_ns(1)
    start = now_ns()
    until(lambda: now_ns() - start > 40_000_000, "time stands still")
    passed = now_ns() - start
    gained = vcore_ns(1) - ran
    check(passed * 9 // 10 <= gained <= (now_ns() - before) * 11 // 10 + 1_000_000, f"{gained} ns in {passed} ns")
    want(1)
    send_away(1)
    ran = vcore_ns(1)
    start = now_ns()
    until(lambda: now_ns() - start > 10_000_000, "time stands still")
    equal(vcore_ns(1), ran, "time of a vcore that does not run")
    status = text(40)
    status.write(f"/proc/{getpid()}/vcores")
    shown = read_file(status.view)
    check(shown.startswith("online: 0\nbulk_preempted:\ninactive: 1 2"), "the lists")
    discard(shown)


def until_taken(vcoreid: u32, before: u64) -> None:
    until(lambda: proc_info().vcoremap[vcoreid].nr_preempts_done.load() > before, "a vcore was not taken")


def test_preempt_all() -> None:
    """All cores are taken at once, and fewer come back: who gets none is recovered by those who do. Nothing is lost."""
    has(3)
    check(answer_to(1, Order.NOTIFY, 2) == Errno.OK, "notifying")
    for round in range(u64(5)):
        before = array(3, u64)
        for v in range(u64(3)):
            before[v] = proc_info().vcoremap[v].nr_preempts_done.load()
        wanted_cores().store(round % 3 + 1)
        order_kernel("preempt")
        for v in range(u32(3)):
            until_taken(v, before[v])
        want(3)
        until(lambda: count_mapped() == 3, "they do not all come back")
        at_work()
    check(Errno(stations[1].answer.load()) == Errno.OK, "an answer")


def test_storm() -> None:
    """Preempted and granted again in quick succession, with several of both in flight: no vcore ever runs twice at once."""
    has(3)
    for round in range(u64(150)):
        order_kernel(f"preempt {round % 3}")
        order_kernel(f"preempt {(round + 1) % 3}")
        poke_kernel()
        if round % 10 == 0:
            give(1, Order.BECOME, 2)
    want(3)
    until(lambda: count_mapped() == 3, "they do not all come back")
    at_work()
    for v in range(u64(3)):
        equal(u64(stations[v].twice.load()), 0, "vcores that ran twice at once")
        entry = proc_info().vcoremap[v]
        equal(entry.nr_preempts_sent.load(), entry.nr_preempts_done.load(), "preemptions in flight")


@suites
class LabTests(Suite):
    name: str = "lab"

    def run(self) -> None:
        run("lab.max_vcores", test_max_vcores)
        if max_vcores() < CORES_OF_LAB:
            return
        run("lab.single_core_yields", test_single_core_yields)
        if not is_wanted("lab"):
            return
        begin()
        run("lab.request", test_request_by_memory)
        run("lab.newest_first", test_newest_first)
        run("lab.yield_table", test_yield_table)
        run("lab.warning", test_warning)
        run("lab.change_vcore", test_change_vcore)
        run("lab.notify", test_notify)
        run("lab.contexts", test_contexts)
        run("lab.entries", test_entries)
        run("lab.migration", test_migration)
        run("lab.mailboxes", test_mailboxes)
        run("lab.pop_ctx", test_pop_ctx)
        run("lab.halt", test_halt)
        run("lab.accounting", test_accounting)
        run("lab.preempt_all", test_preempt_all)
        run("lab.storm", test_storm)
