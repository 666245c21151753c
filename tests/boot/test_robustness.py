# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel under attack: allocations that fail, nonsense in system calls, kills at any moment; afterwards it has back what it gave.

Short forms, with fixed seeds, of what `make soak` does for as long as one likes.
"""

import re
from collections.abc import Callable

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")
QUIET = "2> /dev/null"  # what ends a child is told there


@pytest.fixture
def guest4(boot: Callable[[int], Guest]) -> Guest:
    return boot(4)


def test_every_allocation_of_a_call_may_fail(guest4: Guest) -> None:
    """Each is refused with ENOMEM, or does without, and nothing is left behind: `failing` says so of each operation."""
    answer = guest4.run(f"failing {QUIET}", 240)
    assert answer.status == 0, answer.output
    found = re.search(r"^(\d+) operations, 0 of them wrong; (\d+) places allocate, (\d+) of them failed$", answer.output, re.MULTILINE)
    assert found and int(found[1]) >= 17 and int(found[3]) > 100, answer.output
    assert re.search(r"^fork: \d\d+ allocations failed in turn, \d\d+ times refused", answer.output, re.MULTILINE), answer.output
    assert re.search(r"^taps: \d+ allocations failed in turn, [1-9]\d* times refused", answer.output, re.MULTILINE), answer.output


def test_places_that_failed_are_told_with_their_callers(guest4: Guest) -> None:
    assert guest4.run(f"failing pipes {QUIET}", 60).status == 0
    places = guest4.output("grep -c pipe.py '#mem/fail_places'")
    assert int(places) > 0


def fuzzed(output: str) -> int:
    """How many calls were made, if all went well."""
    found = re.search(
        r"^(\d+) calls of \d+ workers, \d+ of them stopped; 0 without answer; seed \d+\nthe kernel is sound$", output, re.MULTILINE
    )
    assert found, output
    return int(found[1])


@pytest.mark.feature("vm-17")
def test_nonsense_in_system_calls_is_answered_and_leaves_nothing_behind(guest4: Guest) -> None:
    """By every call but those that end the machine, in all four ways, and with allocations that fail."""
    answer = guest4.run("fuzz -s 7 -n 6000 -c", 240)
    assert fuzzed(answer.output) >= 6000 and answer.status == 0
    rows = dict(re.findall(r"^(\w+) +\d+((?: [A-Z0-9]+:\d+)+)", answer.output, re.MULTILINE))
    assert {"EFAULT", "EBADF", "EINVAL", "OK"} <= {word.split(":")[0] for word in rows["read"].split()}, answer.output
    assert all(name in rows for name in ("mmap", "fork", "proc_create", "tap_fds", "provision", "abort_sysc")), answer.output
    for name in ("fork", "proc_create", "proc_run", "exec"):
        assert re.search(r" OK:\d", rows[name]), f"no {name} succeeded\n{answer.output}"
    assert guest4.output("hello").startswith("Hello")


def test_processes_of_many_cores_may_be_killed_at_any_moment(guest4: Guest) -> None:
    answer = guest4.run("killstorm -s 3 -n 16", 120)
    found = re.search(
        r"^(\d+) processes killed, (\d+) guarantees moved\nall cores are idle, all memory is back; seed 3$", answer.output, re.MULTILINE
    )
    assert answer.status == 0 and found and int(found[1]) >= 16 and int(found[2]) > 0, answer.output
