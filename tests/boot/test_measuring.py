# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs that `make bench WHAT=system` runs work, and print what it reads. What they measure is not looked at here."""

from __future__ import annotations

import re
import time

import pytest

from scripts.bench.section import figures
from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")

CORECOSTS = [
    "core request to vcore running, 1 core",
    "core request to vcore running, all other cores",
    "preemption warning to core returned",
    "provisioned core reclaimed from a squatter",
    "notification round trip, between two vcores",
    "event round trip, between two processes",
]
GROWTH = [
    "null call",
    "page fault",
    "map and unmap a page",
    "pipe of one's own, 1 byte there and back",
    "thread create and join",
    "thread yields, alone on its vcore",
]


@pytest.mark.parametrize(("program", "names"), [("corecosts '' 5", CORECOSTS), ("growth", GROWTH)])
def test_each_operation_is_measured(guest: Guest, program: str, names: list[str]) -> None:
    found = figures(guest.output(program, 90))
    assert list(found) == names and all(ns > 0 for ns in found.values())


def test_a_name_chooses_operations(guest: Guest) -> None:
    assert list(figures(guest.output("corecosts notification 5"))) == ["notification round trip, between two vcores"]
    assert "usage: growth" in guest.output("growth --help")


def test_locks_are_counted_while_a_program_runs(guest: Guest) -> None:
    """Each call of a pipe takes locks, so there are places that took hundreds; a lock that is never held for long says so."""
    shown = guest.output("lockstat growth pipe", 60)
    rows = [line.split(None, 6) for line in shown.splitlines() if re.match(r" *\d", line)]
    assert max(int(row[0]) for row in rows) >= 300, shown
    for row in rows:
        taken, waited, wait, longest_wait, held, longest_hold = (int(cell) for cell in row[:6])
        assert taken >= waited and (waited > 0) == (longest_wait > 0) and wait <= longest_wait and held <= longest_hold, row
        assert re.fullmatch(r"in [\w.\[\]]+ at (kern|arch)/[\w/]+\.py:\d+", row[6]), row
    deadline = time.monotonic() + 30
    while guest.output("cat '#kprof/locks'") != guest.output("cat '#kprof/locks'"):
        assert time.monotonic() < deadline, "it is not turned off"
    assert guest.run("echo nonsense > '#kprof/locks'").status != 0


def test_locks_are_not_counted_for_a_program_that_cannot_start(guest: Guest) -> None:
    answer = guest.run("lockstat /etc/motd")
    assert answer.status == 1 and "not an ELF file" in answer.output
    taken = guest.output("cat '#kprof/locks'")  # one that was about to be released as the counting ended may still be noted
    deadline = time.monotonic() + 30
    while taken != (taken := guest.output("cat '#kprof/locks'")):
        assert time.monotonic() < deadline, "it is still on"
