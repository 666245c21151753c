# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls one by one, by the guest's own `utest calls`, which says what each promises; and cores that change hands."""

import re
import time
from collections.abc import Callable

import pytest

from tests.boot.guest import Guest

CALLS = [
    ("files", ["sys-37", "sys-38"]),
    ("sparse_file", ["sys-40"]),
    ("directories", ["sys-46", "sys-50"]),
    ("working_directory", ["sys-49"]),
    ("descriptors", []),
    ("devices", []),
    ("large_transfers", []),
    ("file_mapping", ["vm-08"]),
    ("protection", ["sys-16", "sys-17", "sys-18", "sys-32", "vm-16"]),
    ("bad_programs", []),
    ("create_and_run", ["proc-03", "sys-08", "sys-15", "sys-53"]),
    ("kill", ["sys-09", "sys-10"]),
    ("core_calls", ["core-06", "proc-20", "proc-26", "sys-26"]),
    ("unknown_call", []),
    ("nanosleep", []),
    ("abort", ["async-07", "async-08", "sys-30"]),
]


@pytest.mark.xdist_group("smp4")
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.feature(f) for f in features]) for n, features in CALLS])
def test_system_call(guest: Guest, name: str) -> None:
    answer = guest.run(f"utest calls.{name}", 60)
    assert answer.status == 0 and f"PASSED calls.{name}" in answer.output, answer.output


@pytest.mark.xdist_group("smp4")
def test_strace_shows_calls_as_they_were_declared(guest: Guest) -> None:
    answer = guest.run("strace cat /nofile", 60)
    assert "openat(dirfd=-100, path='/nofile', mode=READ, permissions=420) = ENOENT: /nofile: there is no nofile" in answer.output
    assert re.search(
        r"mmap\(addr=0x[0-9a-f]+, length=\d+, prot=READ\|WRITE, flags=PRIVATE\|FIXED\|ANONYMOUS, fd=-1, page=0\) = 0x", answer.output
    )
    assert "proc_destroy(pid=" in answer.output and answer.status == 1


MEMORY = [
    ("replaced_pages", ["vm-11"]),
    ("reused_pages", ["vm-11"]),
    ("fixed", ["vm-04"]),
    ("rights", ["vm-10"]),
    ("populate", ["vm-12"]),
    ("many_regions", []),
]


@pytest.mark.xdist_group("smp4")
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.feature(f) for f in features]) for n, features in MEMORY])
def test_memory(guest: Guest, name: str) -> None:
    answer = guest.run(f"utest memory.{name}", 60)
    assert answer.status == 0 and f"PASSED memory.{name}" in answer.output, answer.output


CORES = [
    ("second_change_is_refused", ["proc-12", "sys-28"]),
    ("maps_agree", ["proc-15"]),
    ("ids_agree", ["sys-06", "sys-07"]),
    ("event_flags", ["event-06"]),
    ("bits_coalesce", []),
    ("kernel_events", ["event-17", "proc-07", "sys-22"]),
]


UNITS = [
    ("single.null_call", ["sys-01"]),
    ("kthread.thousand_writes", ["sync-08"]),
    ("single.async", ["async-02"]),
    ("single.errors", ["async-04", "sys-39"]),
    ("single.sleep", ["sys-02"]),
    ("single.events", ["event-02"]),
    ("blocking.read_beside_others", []),
    ("vcores.all_used", ["proc-19", "proc-21"]),
    ("vcores.preempted", ["proc-25"]),
]


@pytest.mark.xdist_group("smp4")
@pytest.mark.parametrize(("name", "features"), [pytest.param(n, f, marks=[pytest.mark.feature(*f)], id=n) for n, f in UNITS])
def test_promise_of_the_library_and_the_kernel_together(guest: Guest, name: str, features: list[str]) -> None:
    answer = guest.run(f"utest {name}", 120)
    assert answer.status == 0 and f"PASSED {name}" in answer.output, (features, answer.output)


@pytest.mark.xdist_group("smp4")
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.feature(f) for f in features]) for n, features in CORES])
def test_what_a_many_core_process_is_told(guest: Guest, name: str) -> None:
    answer = guest.run(f"utest mcp.{name}", 60)
    assert answer.status == 0 and f"PASSED mcp.{name}" in answer.output, answer.output


@pytest.fixture
def guest4(boot: Callable[[int], Guest]) -> Guest:
    return boot(4)


def holders(guest: Guest) -> list[tuple[str, str]]:
    """For each core: (to whom it is allocated, to whom it is provisioned)."""
    return re.findall(r"^ +\d+ +\w+ +\S+ +\S+ +(\S+) +(\S+)", guest.output("cores"), re.MULTILINE)


def wait_for_holders(guest: Guest, *wanted: tuple[str, str]) -> None:
    """Until the cores but core 0 are allocated and provisioned so."""
    deadline = time.monotonic() + 30
    while (shown := holders(guest)[1:]) != list(wanted):
        assert time.monotonic() < deadline, shown


def start(guest: Guest, command: str, program: str) -> str:
    """Start it in the background; its process id."""
    guest.output(f"{command} > /dev/null &")
    found = re.findall(rf"^ *(\d+) .* {program}$", guest.output("ps"), re.MULTILINE)
    assert found
    return found[-1]


@pytest.mark.xdist_group("smp4")
@pytest.mark.feature("proc-32", "proc-33")
def test_the_owner_of_a_provisioned_core_takes_it_from_a_squatter(guest4: Guest) -> None:
    """One process has all cores; another, to which two of them are provisioned, gets just these, and both count right."""
    squatter = start(guest4, "primes 100000000", "primes")
    wait_for_holders(guest4, *[(squatter, "-")] * 3)
    owner = start(guest4, "threads 8 100000", "threads")
    guest4.output(f"prov -v 1-2 -p {owner}")
    wait_for_holders(guest4, (owner, owner), (owner, owner), (squatter, "-"))
    guest4.output(f"kill {owner}")  # which takes the guarantee back
    wait_for_holders(guest4, *[(squatter, "-")] * 3)
    guest4.output(f"kill {squatter}")
    wait_for_holders(guest4, *[("-", "-")] * 3)
    guest4.output("wait")


@pytest.mark.xdist_group("smp1")
def test_a_machine_with_one_core_lends_it_in_turns(boot: Callable[[int], Guest]) -> None:
    """docs/decisions/one-core.md: two busy many-core processes and a spinning one, and still others get through."""
    guest1 = boot(1)
    pids = [start(guest1, "primes 100000000", "primes"), start(guest1, "primes 100000000", "primes"), start(guest1, "spin", "spin")]
    assert "3 threads finished, 9 loops, 1 vcores used" in guest1.output("threads 3 3", 60)
    busy = re.findall(rf"^ *(?:{'|'.join(pids)}) .*? (\d+) +\d+ (?:primes|spin)$", guest1.output("ps"), re.MULTILINE)
    assert len(busy) == 3 and all(int(ms) > 0 for ms in busy), busy
    guest1.output(f"kill {' '.join(pids)}; wait", 60)


@pytest.mark.xdist_group("smp4")
@pytest.mark.feature("proc-24", "proc-25", "proc-40")
def test_a_storm_of_preemptions_loses_nothing(guest4: Guest) -> None:
    """All cores and single ones are taken from working processes, hundreds of times: what they count stays exact."""
    storm = "for i in $(seq 1 {}); do echo preempt > /proc/$p/ctl; echo preempt 1 > /proc/$p/ctl; done 2> /dev/null; wait; cat /tmp/o"
    assert "148,933 primes" in guest4.output("primes 2000000 > /tmp/o & p=$!; sleep 0.1; " + storm.format(100), 120)
    assert "30 threads finished, 6000 loops" in guest4.output("threads 30 200 > /tmp/o & p=$!; " + storm.format(500), 120)
    output = guest4.output("utest locks > /tmp/o & p=$!; " + storm.format(500), 120)
    assert " 0 failed" in output, output
    guest4.output("rm /tmp/o")


@pytest.mark.xdist_group("smp4")
def test_commands_to_a_process_are_checked(guest4: Guest) -> None:
    pid = start(guest4, "spin", "spin")
    for command in ("dance", "preempt 0", "warn 0 5", "kill 999"):
        assert guest4.run(f"cp /dev/null /tmp/n; echo {command} > /tmp/n; cat /tmp/n > /proc/{pid}/ctl").status != 0, command
    assert guest4.run(f"echo kill 3 > /tmp/n; cat /tmp/n > /proc/{pid}/ctl; wait {pid}").status == 3
    guest4.output("rm /tmp/n")


def preemptions(guest: Guest, pid: str) -> int:
    found = re.search(r"^preemptions: (\d+)", guest.output(f"cat /proc/{pid}/status"), re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.xdist_group("smp4")
@pytest.mark.feature("proc-23")
def test_a_warned_vcore_gives_its_core_up_itself(guest4: Guest) -> None:
    """With a second to go, nothing has to be taken; without any, it is."""
    pid = start(guest4, "primes 100000000", "primes")
    wait_for_holders(guest4, *[(pid, "-")] * 3)
    before = preemptions(guest4, pid)
    guest4.output(f"echo warn 1 1000000 > /proc/{pid}/ctl")
    assert preemptions(guest4, pid) == before
    guest4.output(f"echo preempt 1 > /proc/{pid}/ctl")
    assert preemptions(guest4, pid) == before + 1
    guest4.output(f"kill {pid}; wait; true")
