# SPDX-License-Identifier: GPL-2.0-or-later
"""What processes are and have: names, users, descriptors, ends, and what is told of them."""

import re
import time
from typing import Any

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")

UNITS = {
    "waitpid": ["proc-05", "sys-15"],
    "waitpid_abort": ["proc-05"],
    "exit_status": ["proc-06"],
    "descriptors": ["proc-10", "proc-11"],
    "names": ["proc-08", "sys-48"],
    "umask": ["proc-44"],
    "directories": ["sys-48"],
    "aborted_sleep": ["sys-03"],
    "no_effect": ["sys-04", "sys-56"],
    "no_call": ["sys-27", "sys-61"],
}

FORKS = {
    "copies": ["proc-13", "sys-13", "proc-11"],
    "many": ["sys-13"],
    "bad_exec": ["proc-14"],
    "exec": ["proc-10", "proc-14", "sys-14"],
    "calls_stay_behind": ["sys-14"],
    "killed": ["sys-14"],
    "meddled_with": ["proc-03", "sys-09"],
    "children": ["sys-14", "sys-15"],
    "many_core": ["proc-13", "proc-14"],
}

EXECS = {"many_core": ["proc-14"], "aborted": ["proc-14", "async-07"], "killed": ["sys-14"]}

THREAD_FORKS = {"thread": ["parlib-35"], "main": ["parlib-35"], "again": ["parlib-35"]}


def unit_tests(suite: str, rows_of: dict[str, list[str]]) -> list[Any]:
    return [pytest.param(f"{suite}.{name}", marks=pytest.mark.feature(*rows)) for name, rows in rows_of.items()]


THREADED = unit_tests("thread_fork", THREAD_FORKS) + unit_tests("thread_fork_steal", THREAD_FORKS)


@pytest.mark.parametrize("name", unit_tests("process", UNITS) + unit_tests("fork", FORKS) + unit_tests("exec", EXECS) + THREADED)
def test_promise_to_a_process(guest: Guest, name: str) -> None:
    answer = guest.run(f"utest {name}", 60)
    assert answer.status == 0 and re.search(rf"^PASSED {name} ", answer.output, re.MULTILINE), answer.output


@pytest.mark.feature("proc-09")
def test_the_first_process_has_the_console_as_its_descriptors(guest: Guest) -> None:
    assert guest.output("cat /proc/1/fd").splitlines()[:3] == [f"{fd} READ|WRITE /dev/cons" for fd in range(3)]


@pytest.mark.feature("sys-61")
def test_an_unknown_call_is_said_in_the_log(guest: Guest) -> None:
    guest.output("utest process.no_call")
    assert "there is no system call 199" in guest.output("dmesg | tail -n 20")


def states(guest: Guest) -> dict[str, tuple[str, str]]:
    """Of each program that runs: its state, and the id of the process."""
    return {name: (state, pid) for pid, state, name in re.findall(r"^ *(\d+) +\d+ +(\w+) .* (\w+)$", guest.output("ps"), re.MULTILINE)}


def end(guest: Guest, *names: str) -> None:
    running = states(guest)
    guest.output(f"kill {' '.join(running[name][1] for name in names)}; wait; true")


@pytest.mark.feature("proc-01")
def test_ps_names_the_states(guest: Guest) -> None:
    wanted = {"sh": "WAITING", "spin": "RUNNABLE_S", "ps": "RUNNING_S", "primes": "RUNNING_M"}
    guest.output("spin & primes 1000000000 > /dev/null &")
    deadline = time.monotonic() + 30
    while (shown := {name: state for name, (state, _) in states(guest).items()}) != wanted:
        assert time.monotonic() < deadline, shown
    end(guest, "spin", "primes")


@pytest.mark.feature("proc-45")
def test_strace_follows_children(guest: Guest) -> None:
    followed = guest.run("strace -f sh -c '/bin/echo hello; true'", 60).output
    made = re.search(r"^(\d+) proc_create\(path='/bin/echo'", followed, re.MULTILINE)
    assert made, followed
    child = re.search(rf"^{made[1]} child (\d+)$", followed, re.MULTILINE)
    assert child and re.search(rf"^{child[1]} write\(fd=1, data=0x\w+\+6\)$", followed, re.MULTILINE), followed
    assert "+6)" not in guest.run("strace sh -c '/bin/echo hello; true'", 60).output
