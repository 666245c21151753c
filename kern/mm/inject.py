# SPDX-License-Identifier: GPL-2.0-or-later
"""Allocations that fail on purpose, in checked builds: so it is shown that every system call gets over each of them. After Linux' fail-nth.

A victim is armed with a number N: of the allocations that its system calls make from then on, the N'th fails, once; with 0 none does, and
they are only noted. Whoever repeats a call with N = 1, 2, … until nothing has failed any more has failed all of them in turn.
An allocation is of the heap, of physical pages, or of an arena, and each asks `should_fail` before it begins. What may fail in no case
takes its pages from `pages.take_pages`, past all this: kernel messages.
The places are noted with their callers, so that what was failed can be listed: #mem/fail. Release builds do not ask.
Locks: `lock`, with interrupts off, a leaf.
"""

from lang import CHECKED, Array, Error, Ref, Span, array, frame_address, i32, new, noinline, struct, u64
from kern.abi.errno import Errno
from kern.core.percore import core
from kern.debug.backtrace import callers_of
from kern.sync.spinlock import SpinLock

SITES: u64 = 2048
DEPTH: u64 = 10


@struct
class FailSite:
    pcs: Array[u64] = array(DEPTH)          # return addresses, the innermost first; 0 past the last
    seen: u64
    failed: u64


@struct
class FailSites:
    items: Array[FailSite] = array(SITES)
    count: u64
    lost: u64                               # allocations at places for which there was no room


@struct
class Plan:
    """What is armed."""

    victim: i32                             # its pid; 0: nobody
    in_faults: bool                         # its page faults, and what is sent to it, in place of its calls
    left: u64                               # allocations up to the one that fails, that one included; 0: none will
    fired: bool
    sites: Ref[FailSites] | None            # stays: another core may be looking at it


lock = SpinLock()
plan = Plan()


def arm(victim: i32, nth: u64, in_faults: bool) -> None:
    """Fail that allocation, or with 0 none; victim 0: of nobody. Raises ENOMEM; ENOSYS in a release build."""
    if not CHECKED:
        raise Error(Errno.ENOSYS, "this build fails no allocations: only a checked one does")
    if plan.sites is None:
        plan.sites = new(FailSites)
    with lock.irqs_off():
        plan.victim = victim
        plan.in_faults = in_faults
        plan.left = nth
        if victim != 0:
            plan.fired = False              # afterwards it is still told whether one has failed


@noinline
def should_fail() -> bool:
    """Whether the allocation that is about to be made is to fail. Any context."""
    sites = plan.sites
    if plan.victim == 0 or sites is None or not is_victims():
        return False
    pcs = array(DEPTH, u64)
    callers_of(frame_address(), pcs[:DEPTH])
    with lock.irqs_off():
        fails = plan.left == 1
        if plan.left > 0:
            plan.left -= 1
        if fails:
            plan.fired = True
        note(sites, pcs[:DEPTH], fails)
    return fails


def is_victims() -> bool:
    """Whether this is the victim's call, or fault: its own thread, wherever it works just now."""
    mine = core.mine
    kthread = mine.cur_kthread
    if mine.irq_depth > 0 or kthread is None or kthread.is_ktask or (u64(kthread.sysc) == 0) != plan.in_faults:
        return False
    p = kthread.home if kthread.borrowing > 0 else mine.cur_proc
    return p is not None and p.pid == plan.victim


def note(sites: FailSites, pcs: Span[u64], failed: bool) -> None:
    """Caller holds: `lock`."""
    for site in sites.items[: sites.count]:
        if site.pcs[:DEPTH] == pcs:
            site.seen += 1
            site.failed += u64(failed)
            return
    if sites.count == SITES:
        sites.lost += 1
        return
    site = sites.items[sites.count]
    for i in range(DEPTH):
        site.pcs[i] = pcs[i]
    site.seen = 1
    site.failed = u64(failed)
    sites.count += 1


@struct
class FailView:
    """What a reader is told."""

    victim: i32
    left: u64
    fired: bool
    sites: u64
    failed_sites: u64
    lost: u64


def view_plan(into: FailView) -> None:
    with lock.irqs_off():
        into.victim = plan.victim
        into.left = plan.left
        into.fired = plan.fired
        sites = plan.sites
        if sites is not None:
            into.sites = sites.count
            into.failed_sites = u64(0)
            for site in sites.items[: sites.count]:
                into.failed_sites += u64(site.failed != 0)
            into.lost = sites.lost


def copy_site(number: u64, into: FailSite) -> bool:
    """The number'th place; False past the last."""
    with lock.irqs_off():
        sites = plan.sites
        if sites is None or number >= sites.count:
            return False
        found = sites.items[number]
        for i in range(DEPTH):
            into.pcs[i] = found.pcs[i]
        into.seen = found.seen
        into.failed = found.failed
    return True
