# SPDX-License-Identifier: GPL-2.0-or-later
"""Asynchronous system calls: many at once, aborted, with time limits, shown while they sleep; and functions called asynchronously."""

import re
from collections.abc import Callable

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")

ASYNC = [
    ("hundred", ["async-11", "event-02"]),
    ("abort_by_descriptor", ["async-07", "sys-31"]),
    ("time_limit", ["async-12"]),
    ("abort_and_end", ["async-03", "sys-30"]),
    ("failure", ["async-13", "async-04"]),
    ("unspecified", ["async-05"]),
    ("no_remote_ring", ["async-09", "sys-27"]),
    ("early", ["async-10"]),
    ("in_vcore_context", ["async-10"]),
    ("functions", ["async-15"]),
]


@pytest.fixture
def guest4(boot: Callable[[int], Guest]) -> Guest:
    return boot(4)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.feature(f) for f in features]) for n, features in ASYNC])
def test_asynchronous_calls(guest4: Guest, name: str) -> None:
    answer = guest4.run(f"utest async.{name}", 60)
    assert answer.status == 0 and f"PASSED async.{name}" in answer.output, answer.output


@pytest.mark.feature("async-14")
def test_calls_that_sleep_are_shown_with_their_arguments(guest4: Guest) -> None:
    guest4.output("block 2 60000 > /dev/null & p=$!")
    guest4.until("cat /proc/$p/blocked", r"\A(0x[0-9a-f]+ block\(usec=60000000\)\n){2}\Z")
    # The shell waits for cat, though perhaps not yet when cat looks.
    guest4.until("cat /proc/1/blocked", r"^0x[0-9a-f]+ waitpid\(pid=\d+, status=0x[0-9a-f]+, options=0\)$")
    guest4.output("kill $p; wait")
    guest4.output("sleep 1000 | cat > /dev/null &")
    guest4.until("cat /proc/$!/blocked", r"^0x[0-9a-f]+ read\(fd=0, ")
    guest4.output(f"kill {' '.join(re.findall(r'^ *([0-9]+) .* sleep$', guest4.output('ps'), re.MULTILINE))}; wait")


def told_of_once(output: str) -> int:
    """What callstorm says when all went well: how many calls it made."""
    found = re.search(r"^(\d+) calls, (\d+) completed, (\d+) of them aborted; \d+ preemptions$", output, re.MULTILINE)
    assert found and found[1] == found[2] and int(found[3]) > 0, output
    assert "0 lost, 0 doubled, 0 wrong" in output and "each call was told of once" in output, output
    return int(found[1])


def test_of_many_asynchronous_calls_each_is_told_of_once(guest4: Guest) -> None:
    """The short form of `make soak-calls`."""
    assert told_of_once(guest4.output("callstorm -n 10000", 120)) >= 10_000


def test_a_process_of_which_all_vcores_yield_wakes_for_each_call(guest4: Guest) -> None:
    """S2: one thread, whose calls sleep for random times: the process is seen to wait, and goes on each time."""
    guest4.output("callstorm -t 1 -n 100000000 -m 3 -l 20000 > /tmp/calls & p=$!")
    states: set[str] = set()
    while "state:" in (status := guest4.run("cat /proc/$p/status 2> /dev/null").output):
        states.update(re.findall(r"^state: (\S+)$", status, re.MULTILINE))
    guest4.output("wait", 120)
    assert told_of_once(guest4.output("cat /tmp/calls")) >= 500
    assert "WAITING" in states, states


def test_no_completion_is_lost_while_vcores_are_taken(guest4: Guest) -> None:
    assert told_of_once(guest4.output("callstorm -t 8 -p 500", 120)) >= 10_000


@pytest.mark.feature("event-28")
def test_no_indirection_is_lost_and_those_of_taken_vcores_are_handled_by_others(guest4: Guest) -> None:
    answer = guest4.run("utest vcores.indirections", 60)
    assert answer.status == 0 and "PASSED vcores.indirections" in answer.output, answer.output
