# SPDX-License-Identifier: GPL-2.0-or-later
"""The watchdog: a core that hangs in the kernel makes the machine panic, and says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.qemu import Ending, Settings
from tests.boot.conftest import TEST_OPTIONS, only_on
from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("alone")

Fresh = Callable[[Settings], Guest]


def hung(fresh: Fresh, arch: str, smp: int, order: str) -> str:
    """The log of a machine that was told to hang, after the watchdog has ended it."""
    guest = fresh(Settings(arch=arch, smp=smp, append=TEST_OPTIONS))
    guest.output("echo on 1 > '#watchdog/ctl'")
    guest.send(f"echo {order} > /dev/sysctl\n")
    assert guest.wait(60)[0] == Ending.PANIC, guest.log()
    return guest.log()


@pytest.mark.feature("time-09")
@pytest.mark.parametrize("order", ["hang", "spin"])
def test_core_0_that_hangs_is_found(fresh: Fresh, arch: str, order: str) -> None:
    log = hung(fresh, arch, 2, order)
    assert "watchdog: core 0 has not come by" in log
    if order == "spin" or arch == "x86_64":
        assert "kern.dev.sysctl." in log, "the backtrace shows where"


@pytest.mark.feature("time-08", "time-09")
@only_on("x86_64")
def test_the_boards_timer_watches_a_core_that_is_alone(fresh: Fresh, arch: str) -> None:
    log = hung(fresh, arch, 1, "hang")
    assert "watchdog: core 0 has not come by in time" in log and "kern.dev.sysctl." in log


@pytest.mark.feature("time-09")
def test_another_core_that_hangs_is_found(fresh: Fresh, arch: str) -> None:
    assert "watchdog: core 1 has not come by for" in hung(fresh, arch, 2, "hang 1")


@pytest.mark.feature("time-08", "time-09")
def test_it_is_quiet_while_all_is_well_and_can_be_turned_off(fresh: Fresh, arch: str) -> None:
    guest = fresh(Settings(arch=arch, smp=2, append=TEST_OPTIONS))
    assert guest.output("cat '#watchdog/ctl'") == "off\n"
    guest.output("echo on 4 > '#watchdog/ctl'")  # not less: a loaded host lets a core wait for a second
    watcher = "the board's timer" if arch == "x86_64" else "core 1"
    assert guest.output("cat '#watchdog/ctl'") == f"on, 4000 ms; core 0 is watched by {watcher}\n"
    guest.output("sleep 5; threads 10 20", 60)
    guest.output("echo off > '#watchdog/ctl'")
    assert guest.output("cat '#watchdog/ctl'") == "off\n"
    for order in ("on 1000", "on x", "bark"):
        assert guest.run(f"echo {order} > '#watchdog/ctl'").status != 0
    assert "kernel panic" not in guest.log()


@pytest.mark.feature("time-09")
@only_on("riscv")
def test_a_core_that_nothing_can_watch_is_refused(fresh: Fresh, arch: str) -> None:
    guest = fresh(Settings(arch=arch, smp=1, append=TEST_OPTIONS))
    answer = guest.run("echo on > '#watchdog/ctl'")
    assert answer.status != 0 and "nothing can watch core 0" in answer.output
