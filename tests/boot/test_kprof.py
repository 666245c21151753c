# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells about its cores and threads: #kprof, and the programs that show it."""

from __future__ import annotations

import re

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")


def shares(text: str) -> list[list[float]]:
    """A line for each core: percent of interrupts, kernel, user, idle; and milliseconds."""
    return [[float(word) for word in line.split()[1:]] for line in text.splitlines() if re.match(r" *\d", line)]


@pytest.mark.feature("core-03")
def test_the_time_of_each_core_is_accounted_for(guest: Guest) -> None:
    answer = guest.output("spin & mpstat 400; kill $!; wait")
    rows = shares(answer)
    assert len(rows) == 4, answer
    for *parts, ms in rows:
        assert 99 <= sum(parts) <= 100.1 and ms >= 400
    busy = max(rows, key=lambda row: row[2])
    assert busy[2] > 60, f"one core had a process that only computes:\n{answer}"
    assert min(row[3] for row in rows if row is not busy) > 60, f"the others had nothing to do:\n{answer}"


@pytest.mark.feature("core-03")
def test_accounting_can_be_turned_on_and_off(guest: Guest) -> None:
    assert "write `on` first" in guest.run("cat '#kprof/mpstat'").output
    guest.output("echo on > '#kprof/mpstat'")
    try:
        assert all(99 <= sum(row[:4]) <= 100.1 for row in shares(guest.output("sleep 1; cat '#kprof/mpstat'")))
    finally:
        guest.output("echo off > '#kprof/mpstat'")
    assert guest.run("echo nonsense > '#kprof/mpstat'").status != 0


@pytest.mark.feature("sync-07")
def test_kernel_tasks_are_listed_by_name(guest: Guest) -> None:
    shown = guest.output("db blk")
    assert re.search(
        r"^rcu of the kernel, semaphore 0x\w+\n(  .*\n)*  kern\.sync\.rcu\.rcu_task  kern/sync/rcu\.py:\d+$", shown, re.MULTILINE
    ), shown


@pytest.mark.feature("sync-34")
def test_a_process_that_hangs_shows_what_it_waits_for_and_where(guest: Guest) -> None:
    guest.output("sleep 1000 &")
    guest.wait_until_gone("ps", r"RUNN\w+ .* sleep\n")
    try:
        pid = guest.output("echo $!").strip()
        shown = guest.output(f"db blk {pid}")
        assert shown == guest.output(f"cat /proc/{pid}/sleepers")
        assert re.match(rf"kthread of process {pid}, condition variable 0x\w+, system call at 0x\w+\n", shown), shown
        assert "kern.sync.rendez.Rendez.sleep_until" in shown and "handle_syscall" in shown
        assert shown in guest.output("db blk")
    finally:
        guest.run("kill $!; wait")
    assert guest.run("db blk 30000").status == 1 and guest.run("db nonsense").status == 2


@pytest.mark.feature("core-11")
def test_interrupts_are_listed_with_where_they_arrive(guest: Guest, arch: str) -> None:
    lines = guest.output("cat '#kprof/irqs'").splitlines()
    where = r"vector 0x\w\w" if arch == "x86_64" else r"(plic|aplic)"
    assert lines and all(re.fullmatch(rf"line \d+ {where} core \d count \d+", line) for line in lines), lines
    assert sum(int(line.split()[-1]) for line in lines) > 0, "what was typed came without an interrupt?"


def interrupts_by_line(guest: Guest) -> dict[int, int]:
    return {int(line.split()[1]): int(line.split()[-1]) for line in guest.output("cat '#kprof/irqs'").splitlines()}


@pytest.mark.feature("core-14")
def test_what_is_typed_comes_by_the_line_that_the_firmware_says(guest: Guest, arch: str) -> None:
    """A PC has its first serial port at line 4 of the I/O interrupt controller; QEMU's RISC-V board at line 10 of the PLIC, or APLIC."""
    line = {"x86_64": 4, "riscv": 10}[arch]
    before = interrupts_by_line(guest)
    assert guest.output("echo typed") == "typed\n"
    after = interrupts_by_line(guest)
    assert after[line] > before[line], (before, after)


@pytest.mark.feature("core-21")
def test_each_process_keeps_its_floating_point_registers(guest: Guest) -> None:
    """Three compute on one core in turns of 10 ms, with numbers of their own in every register."""
    shown = guest.output("registers 300 1 & registers 300 2 & registers 300 3 & wait", 60)
    assert shown.count("all registers kept") == 3 and "LOST" not in shown
