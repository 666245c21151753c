# SPDX-License-Identifier: GPL-2.0-or-later
"""Vcores, uthreads and second-level schedulers, by the guest's own suites (`utest --suite NAME`), and by programs that try them hard."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp8")

# A test of a suite -> rows of the ledger that it shows.
SHOWS = {
    "uthread.first_makes_an_mcp": ["parlib-12"],
    "uthread.join_arr_1000": ["parlib-15"],
    "uthread.join_arr_refused": [],
    "uthread.states": [],
    "uthread.refusals": ["parlib-16"],
    "uthread.errors": ["parlib-10"],
    "uthread.flags": [],
    "uthread.unlock_in_callback": ["parlib-14"],
    "uthread.sleeps": [],
    "uthread.highjack": ["parlib-17"],
    "uthread.tls": ["parlib-49"],
    "uthread.remote_current": ["parlib-49"],
    "uthread.sync_size": ["parlib-46"],
    "vcore.prepared": ["parlib-01"],
    "vcore.entry": ["parlib-02"],
    "vcore.requests": ["parlib-03"],
    "vcore.clamping": ["parlib-03"],
    "vcore.yield": ["parlib-04"],
    "vcore.missed": ["parlib-07"],
    "vcore.flooded": [],
    "vcore.flooded_mailbox": [],
    "vcore.queries": ["parlib-09"],
    "vcore.times": ["parlib-09"],
    "vcore.relax": ["parlib-08"],
    "idle.knobs": ["parlib-06"],
    "idle.halts": ["parlib-05"],
    "idle.wake": ["parlib-05"],
    "idle.reenter": ["parlib-05"],
    "tick.preemptive": ["parlib-50"],
    "tick.poll": ["parlib-50"],
    "scp.threads": ["parlib-06"],
    "scp.blocking": [],
    "sched.init": ["parlib-18"],
    "sched.entry": ["parlib-19"],
    "sched.create_and_exit": ["parlib-25", "parlib-26"],
    "sched.runnable": ["parlib-20"],
    "sched.has_blocked": ["parlib-23"],
    "sched.block_on_call": ["parlib-22"],
    "sched.importance": ["parlib-28"],
    "sched.sync_words": ["parlib-28"],
    "sched.bulk": ["parlib-30"],
    "sched.preempt_pending": ["parlib-29"],
    "sched.paused": ["parlib-21"],
    "sched.contexts": [],
    "steal.from_the_busy": [],
}
SUITES = sorted({name.partition(".")[0] for name in SHOWS})
answers: dict[tuple[int, str], str] = {}


@pytest.fixture
def guest8(boot: Callable[[int], Guest]) -> Guest:
    return boot(8)


def answer_of(guest: Guest, suite: str) -> str:
    """What a suite said on this machine: each runs once."""
    key = (id(guest), suite)
    if key not in answers:
        answers[key] = guest.run(f"utest --suite {suite}", 120).output
    return answers[key]


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.feature(row) for row in rows]) for name, rows in SHOWS.items()])
def test_promise(guest8: Guest, name: str) -> None:
    output = answer_of(guest8, name.partition(".")[0])
    assert re.search(rf"^PASSED {re.escape(name)} ", output, re.MULTILINE), output


@pytest.mark.parametrize("suite", SUITES)
def test_every_promise_is_asked_for(guest8: Guest, suite: str) -> None:
    said = re.findall(r"^PASSED (\S+)", answer_of(guest8, suite), re.MULTILINE)
    assert sorted(said) == sorted(name for name in SHOWS if name.startswith(f"{suite}."))


@pytest.mark.feature("parlib-11", "parlib-31")
@pytest.mark.parametrize("scheduler", ["fifo", "steal"])
def test_nothing_is_lost_when_random_vcores_are_taken(guest8: Guest, scheduler: str) -> None:
    """S1: seven vcores, locks, calls, and threads that must not migrate; all counts exact."""
    output = guest8.output(f"storm -n 300 -2 {scheduler}", 240)
    found = re.search(r"^(\d+) preemptions; (\d+) rounds, (\d+) calls$", output, re.MULTILINE)
    assert found and int(found[1]) >= 300 and int(found[2]) > 100 and int(found[3]) > 10, output
    assert "0 moved, 0 wrong sums" in output and "all counts are exact" in output


@pytest.mark.feature("parlib-47", "parlib-06")
def test_every_lock_counts_exactly_on_pinned_vcores(guest8: Guest) -> None:
    output = guest8.output("lock_test -t each -w 3 -l 50", 120)
    shown = re.findall(r"^(\w+) +3 workers, 150 of 150 counted", output, re.MULTILINE)
    assert shown == ["spin", "spinpdr", "mcs", "mcsns", "mcspdro", "mcspdr", "mutex"], output
    assert guest8.run("lock_test -t nosuch -w 1").status == 2


def test_threads_under_a_work_stealing_scheduler(guest8: Guest) -> None:
    output = guest8.output("threads --2ls=steal 100 10", 120)
    assert "100 threads finished, 1000 loops" in output
    found = re.search(r"(\d+) vcores used", output)
    assert found and 1 < int(found[1]) <= 7, output
    refused = guest8.run("threads --2ls=nosuch 1 1")
    assert refused.status == 2 and "no 2LS is called nosuch: fifo, steal" in refused.output


@pytest.mark.feature("parlib-32")
def test_a_program_without_threads_blocks_and_wakes(guest8: Guest) -> None:
    """Its thread 0 sleeps in the kernel on its one core, which others use meanwhile, and goes on."""
    assert guest8.output("(sleep 1; echo woken) | cat", 60) == "woken\n"
    assert re.search(r"^PASSED single.two_sleeps ", guest8.output("utest single", 60), re.MULTILINE)


def test_more_threads_than_there_can_be_regions_of_memory(guest8: Guest) -> None:
    """All alive at once. (`crowd 100000` works as well, and takes half a minute.)"""
    output = guest8.output("crowd 6000", 120)
    assert output.startswith("6000 threads alive at once"), output
