# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tests of itself (kern/ktest/): one boot at each number of cores, one test here for each there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from scripts.qemu import Ending, Settings
from tests.boot.conftest import TEST_OPTIONS, Pool

KTEST = Path(__file__).parents[2] / "kern" / "ktest"
NAME = re.compile(r'^    name: str = "([\w.]+)"', re.MULTILINE)
NAMES = sorted(name for source in KTEST.glob("*_tests.py") for name in NAME.findall(source.read_text()))
CORES = (1, 4)
DEADLINE_S = 120
ROWS = {
    "kmsg.order": ("sync-01", "sync-04"),
    "kmsg.immediate": ("sync-02", "sync-24"),
    "kmsg.blocks": ("sync-03",),
    "kmsg.from_handler": ("sync-06",),
    "kmsg.no_self_interrupt": ("sync-05",),
    "core.idle": ("core-02",),
    "clock.spin": ("time-12",),
    "sync.spinlock": ("sync-19",),
    "sync.barrier": ("boot-14",),
    "sync.semaphore_ping_pong": ("sync-13",),
    "sync.semaphore_order": ("sync-13", "sync-07"),
    "sync.condvar": ("sync-14",),
    "sync.qlock": ("sync-16",),
    "sync.rendez": ("sync-15",),
    "sync.kref": ("sync-28",),
    "read.seqlock": ("sync-21",),
    "read.rcu_waits": ("sync-26",),
    "read.rcu_list": ("sync-27",),
    "kthread.no_leak": ("sync-10", "sync-18"),
    "kthread.guard_page": ("boot-08",),
    "alarm.order": ("time-03", "time-04"),
    "alarm.unset": ("time-05",),
    "alarm.other_core": ("time-05",),
    "alarm.handler_blocks": ("time-06",),
    "umem.bad_address": ("boot-29",),
    "pages.contiguous": ("kmem-12",),
    "check.locks": ("core-16", "debug-04", "debug-09", "sync-19"),
}

pytestmark = pytest.mark.xdist_group("kernel-units")
TESTS = [pytest.param(name, marks=pytest.mark.feature(*ROWS.get(name, ()))) for name in NAMES]


@cache
def results(pool: Pool, arch: str, smp: int) -> tuple[str, tuple[Ending, int]]:
    """What the console showed, and how the machine ended."""
    machine = pool.machine(f"{arch}-ktest-smp{smp}", Settings(arch=arch, smp=smp, append=f"{TEST_OPTIONS} ktest"))
    end = machine.wait(DEADLINE_S)
    return machine.seen(), end


@pytest.mark.parametrize("smp", CORES)
def test_the_machine_ends_with_their_number_of_failures(pool: Pool, arch: str, smp: int) -> None:
    shown, end = results(pool, arch, smp)
    assert end == (Ending.STATUS, 0), shown
    assert f"{len(NAMES)} passed, 0 failed" in shown


@pytest.mark.parametrize("smp", CORES)
@pytest.mark.parametrize("name", TESTS)
def test_kernel(pool: Pool, arch: str, smp: int, name: str) -> None:
    shown, _ = results(pool, arch, smp)
    assert re.search(rf"^PASSED {re.escape(name)} \(", shown, re.MULTILINE), shown
