# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes: their faults are theirs alone, they can be killed, and they cannot take the machine's memory down with them."""

import re

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")


def free_kib(guest: Guest) -> int:
    return next(int(line.split()[-1]) for line in guest.output("free").splitlines() if line.startswith("KiB"))


def is_given_back(guest: Guest, before: int) -> bool:
    """Whether all but 512 KiB is free again, at the latest when asked for the fiftieth time: the last of a process goes a little later."""
    return any(before - free_kib(guest) < 512 for _ in range(50))


def pid_of(guest: Guest, name: str) -> str:
    return next(line.split()[0] for line in guest.output("ps").splitlines() if name in line)


KILLED_STATUS = 1337 & 0xFF  # KILLED_EXIT_CODE, as much of it as a shell sees
FAULTS = ("divide", "null", "wild", "kernel", "stack", "execute", "privileged", "illegal", "vcore", "early")


def test_faults_kill_only_the_child(guest: Guest) -> None:
    answer = guest.run("faults && echo alive")
    assert answer.status == 0 and answer.lines[-1] == "alive"
    for name in FAULTS:
        assert re.search(rf"^{name} +process \d+ was killed, alone", answer.output, re.MULTILINE), name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("divide", ""),  # by architecture
        ("null", "bad memory access to 0x0"),
        ("privileged", "privileged instruction"),
    ],
)
def test_kernel_says_why_and_where_a_process_died(guest: Guest, name: str, words: str) -> None:
    # Where division by zero is no trap, the check of the compiler is one.
    words = words or {"x86_64": "division by zero", "riscv": "breakpoint"}[guest.settings.arch]
    guest.output(f"faults {name} 2> /tmp/why")
    pattern = rf"faults \(process \d+, vcore 0\) killed: [^\n]*{words}[^\n]*((?:\n +[a-z ]*0x[0-9a-f]+[^\n]*)+)"
    told = guest.until("cat /tmp/why", pattern)
    assert len(told[1].strip().splitlines()) >= 3, "no backtrace\n" + told[0]
    assert re.search(r"called from 0x[0-9a-f]+ in apps\.faults\.main\+0x", told[1]), "no names\n" + told[0]


@pytest.mark.feature("proc-06")
def test_process_that_the_kernel_killed_has_its_status(guest: Guest) -> None:
    assert guest.run("faults null child").status == KILLED_STATUS


def test_shell_outlives_a_hundred_processes(guest: Guest) -> None:
    ten = "; ".join(["/bin/true"] * 10)
    assert guest.output(ten) == ""
    before = free_kib(guest)
    for _ in range(10):
        assert guest.output(ten) == ""
    assert is_given_back(guest, before), "memory of processes that are gone"


def test_kill_ends_a_spinning_process(guest: Guest) -> None:
    guest.output("spin &")
    pid = pid_of(guest, "spin")
    guest.output(f"kill {pid}")
    guest.wait_until_gone("ps", "spin")


@pytest.mark.feature("proc-39", "sys-10")
def test_kill_ends_a_process_that_holds_cores(guest: Guest) -> None:
    before = free_kib(guest)
    guest.output("primes 1000000000 &")
    pid = pid_of(guest, "primes")
    guest.output(f"kill {pid}")
    guest.wait_until_gone("ps", "primes")
    assert "primes" not in guest.output("cores")
    assert is_given_back(guest, before)
    assert "threads" in guest.output("threads 4 1", 60)


def test_kill_of_nobody_says_so(guest: Guest) -> None:
    answer = guest.run("kill 31999")
    assert answer.status != 0 and answer.output


def test_process_that_wants_all_memory_dies_alone_and_gives_it_back(guest: Guest) -> None:
    before = free_kib(guest)
    answer = guest.run("hog", 120)
    assert answer.status != 0 and "out of memory" in answer.output
    assert is_given_back(guest, before)
    assert guest.output("echo alive") == "alive\n"
