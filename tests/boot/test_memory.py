# SPDX-License-Identifier: GPL-2.0-or-later
"""Address spaces seen from outside: who waits for a page, what is told of a fault, and mappings on many cores.

What programs are promised stands in user/utest/mapping_tests.py, cache_tests.py and fault_tests.py; test_utest.py reads their log.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from scripts.machine import MachineError
from tests.boot.guest import Guest

FAULT_DEADLINE_S = 30


def wait_for_state(guest: Guest, pid: str, state: str) -> None:
    end = time.monotonic() + FAULT_DEADLINE_S
    while f"state: {state}" not in (shown := guest.run(f'cat "#proc/{pid}/status"').output):
        if time.monotonic() > end:
            raise MachineError(f"process {pid} does not come to be {state}\n{shown}\n{guest.report()}")


@pytest.mark.xdist_group("smp4")
@pytest.mark.feature("vm-15")
def test_single_core_process_waits_for_a_page_and_leaves_its_core(guest: Guest) -> None:
    guest.output('echo "latency 600000000" > "#disk/ctl"; echo drop > "#disk/ctl"')
    try:
        started = guest.output('utest --read-mapped "#disk/data" 100 > /tmp/read &')
        pid = re.search(r"\[\d+\] (\d+)", started)[1]
        wait_for_state(guest, pid, "WAITING")
        assert guest.output("echo still here") == "still here\n"
        assert guest.run("cat /tmp/read").output == ""
        guest.output('echo "latency 1000" > "#disk/ctl"')
        guest.until("cat /tmp/read", r"\Ablock 100 begins with 0\n\Z")
    finally:
        guest.output('echo "latency 0" > "#disk/ctl"')


@pytest.mark.xdist_group("smp4")
@pytest.mark.feature("vm-14", "vm-15")
@pytest.mark.parametrize("kind", ["--read-mapped", "--read-mapped-in-thread"])
def test_page_that_cannot_be_read_ends_the_process(guest: Guest, kind: str) -> None:
    guest.output('echo "fail 101" > "#disk/ctl"')
    try:
        assert guest.run(f'utest {kind} "#disk/data" 101 2> /tmp/why').status != 0
        # The kernel tells it once the process is dead: its parent may know before.
        guest.until("cat /tmp/why", r"killed: bad memory access to 0x[0-9a-f]+: its file cannot be read \(EIO\)")
    finally:
        guest.output('echo "fail off" > "#disk/ctl"')


@pytest.mark.xdist_group("smp4")
@pytest.mark.feature("core-19")
@pytest.mark.parametrize("name", ["vcore", "early"])
def test_fault_where_nobody_can_be_asked_is_fatal_and_told_whole(guest: Guest, name: str) -> None:
    guest.output(f"faults {name} 2> /tmp/why")
    pid = guest.until("cat /tmp/why", r"faults \(process (\d+), vcore 0\) killed: bad memory access to 0x0")[1]
    log = guest.output("dmesg")
    dump = log[log.rindex(f"(process {pid}):") :]
    assert f"(process {pid}, vcore 0) killed" in dump, dump
    assert "called from 0x" in dump, dump
    assert re.search(r"trap \d+ error 0x[0-9a-f]+ address 0x0$", dump, re.MULTILINE), dump
    assert re.search(r"^00002f0000-00003f0000 rw-p", dump, re.MULTILINE), "no mappings\n" + dump


@pytest.mark.xdist_group("smp8")
@pytest.mark.feature("vm-23", "vm-11", "sync-02")
@pytest.mark.parametrize("name", ["replaced_pages", "reused_pages"])
def test_no_core_sees_a_page_that_was_taken_away(boot: Callable[[int], Guest], name: str) -> None:
    answer = boot(8).run(f"utest memory.{name}", 120)
    assert answer.status == 0 and f"PASSED memory.{name}" in answer.output, answer.output
