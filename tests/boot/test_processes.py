# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes: their faults are theirs alone, they can be killed, and they cannot take the machine's memory down with them."""

import re

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")


def pid_of(guest: Guest, name: str) -> str:
    return next(line.split()[0] for line in guest.output("ps").splitlines() if name in line)


@pytest.mark.feature("core-19")
def test_faults_kill_only_the_child(guest: Guest) -> None:
    answer = guest.run("faults && echo alive")
    assert answer.status == 0 and answer.lines[-1] == "alive"


def test_kernel_tells_of_a_fault_with_a_backtrace(guest: Guest) -> None:
    before = len(guest.log())
    guest.run("faults null")
    told = guest.log()[before:]
    assert re.search(r"\n  at 0x[0-9a-f]+", told) and re.search(r"\n  called from 0x[0-9a-f]+", told), told


def test_shell_outlives_a_hundred_processes(guest: Guest) -> None:
    for _ in range(10):
        assert guest.output("true; true; true; true; true; true; true; true; true; true") == ""
    free = [guest.output("free") for _ in range(2)]
    assert all(free)


def test_kill_ends_a_spinning_process(guest: Guest) -> None:
    guest.output("spin &")
    pid = pid_of(guest, "spin")
    guest.output(f"kill {pid}")
    assert "spin" not in guest.output("ps")


def test_kill_ends_a_process_that_holds_cores(guest: Guest) -> None:
    guest.output("primes 1000000000 &")
    pid = pid_of(guest, "primes")
    guest.output(f"kill {pid}")
    assert "primes" not in guest.output("ps")
    assert "primes" not in guest.output("cores")
    assert "threads" in guest.output("threads 4 1", 60)


def test_kill_of_nobody_says_so(guest: Guest) -> None:
    answer = guest.run("kill 31999")
    assert answer.status != 0 and answer.output


def test_process_that_wants_all_memory_fails_alone(guest: Guest) -> None:
    answer = guest.run("faults memory", 120)
    assert guest.output("echo alive") == "alive\n"
    assert "kernel panic" not in guest.log(), answer.output


def test_status_of_a_killed_process_is_not_success(guest: Guest) -> None:
    assert guest.run("faults null child").status != 0 or guest.run("faults null").status == 0
