# SPDX-License-Identifier: GPL-2.0-or-later
"""A core that a many-core process holds is its alone: the kernel's own counts say that nothing entered the kernel there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from scripts.qemu import Settings
from tests.boot.conftest import TEST_OPTIONS
from tests.boot.guest import Guest

smp4 = pytest.mark.xdist_group("smp4")
KINDS = ("calls", "faults", "ipis", "timer", "devices", "nmis")


def counts(guest: Guest) -> list[dict[str, int]]:
    """Of each core: how often it entered the kernel, by what."""
    lines = guest.output("cat '#kprof/counts'").splitlines()
    rows = [dict(zip(line.split()[1::2], map(int, line.split()[2::2]), strict=True)) for line in lines]
    assert all(set(KINDS) < set(row) for row in rows), lines
    return rows


def entries(shown: str) -> dict[int, tuple[bool, int]]:
    """Of each core, as `noise` tells it: was it held, and how often did it enter the kernel?"""
    found = re.findall(r"^core (\d+) (held|not held), (\d+) entries: ", shown, re.MULTILINE)
    return {int(core): (held == "held", int(total)) for core, held, total in found}


@smp4
def test_each_way_into_the_kernel_is_counted_where_it_happens(guest: Guest) -> None:
    before = counts(guest)
    guest.output("sleep 0.05; faults null; threads 4 20", 60)
    after = counts(guest)
    grown = {kind: [b[kind] - a[kind] for a, b in zip(before, after, strict=True)] for kind in KINDS}
    # Single-core processes run on any core.
    assert sum(grown["calls"]) > 20 and sum(grown["faults"]) > 20 and sum(grown["timer"]) > 0 and sum(grown["devices"]) > 0, grown
    assert max(grown["ipis"][1:]) > 0 and max(grown["calls"][1:]) > 0, grown


@smp4
def test_a_held_core_never_enters_the_kernel_while_others_work(guest: Guest) -> None:
    shown = guest.output("noise -v 2-3 3000 threads 40 1000", 90)
    told = entries(shown)
    assert told[2] == (True, 0) and told[3] == (True, 0), shown
    assert told[0][1] + told[1][1] > 60, f"the others did not work:\n{shown}"
    assert len(re.findall(r"[1-9]\d* units of \d+ ns each", shown)) == 2, shown


@smp4
def test_what_others_wait_for_on_a_core_rings_elsewhere_once_it_is_granted(guest: Guest) -> None:
    """Sleepers on every core; then two cores are granted. Their sleepers wake in time, and no timer disturbs the cores."""
    guest.output(" ".join("sleep 2 &" for _ in range(12)))
    shown = guest.output("noise -v 2-3 3000", 90)
    told = entries(shown)
    assert told[2] == (True, 0) and told[3] == (True, 0), shown
    assert guest.run("wait", 30).status == 0


def switch_ns(shown: str) -> float:
    """What a thread switch took at best."""
    found = re.search(r"units of (\d+) ns each", shown)
    assert found is not None, shown
    return int(found[1]) / 100


@pytest.mark.xdist_group("alone")
def test_an_attacker_does_not_reach_the_cores_of_others(fresh: Callable[[Settings], Guest], arch: str) -> None:
    """It takes all memory, churns it, makes calls, sends events, kills its children, fills the kernel with sleepers, asks about cores."""
    guest = fresh(Settings(arch=arch, smp=4, mem="192M", append=TEST_OPTIONS))
    alone = switch_ns(guest.output("noise -s -v 3 300", 60))
    attacked = guest.output("noise -s -v 3 1000 assault 1000", 180)
    rounds = re.search(
        r"^rounds of memory (\d+) calls (\d+) events (\d+) children (\d+) sleepers (\d+) looks (\d+)$", attacked, re.MULTILINE
    )
    assert rounds is not None and all(int(count) > 0 for count in rounds.groups()), attacked
    told = entries(attacked)
    assert told[3] == (True, 0), attacked
    assert told[1][1] + told[2][1] > 1000, f"the attacker did not work:\n{attacked}"
    cost, tries = switch_ns(attacked), 1
    while cost >= 1.5 * alone and tries < 4:  # what else the host does only ever adds: the best of some tries is the guest's own
        cost, tries = min(cost, switch_ns(guest.output("noise -s -v 3 1000 assault 1000", 180))), tries + 1
    assert cost < 1.5 * alone, f"{alone} ns a switch alone\n{attacked}"
