# SPDX-License-Identifier: GPL-2.0-or-later
"""Time and chance: clocks against the host's, the scheduler's tick, random numbers."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable

import pytest

from scripts.qemu import Settings
from tests.boot.conftest import TEST_OPTIONS
from tests.boot.guest import Guest
from tests.boot.test_proc import end

pytestmark = pytest.mark.xdist_group("smp4")


def sample(guest: Guest) -> tuple[float, float, float]:
    """Guest's seconds since boot, and the host's moments before and after: the closest of some tries."""
    best = (0.0, 0.0, 1e9)
    for _ in range(6):
        before = time.monotonic()
        up = float(guest.output("cat /proc/uptime").split()[0])
        after = time.monotonic()
        if after - before < best[2] - best[1]:
            best = (up, before, after)
    return best


@pytest.mark.feature("time-01")
def test_ten_seconds_are_ten_seconds_of_the_host(guest: Guest) -> None:
    up, before, after = sample(guest)
    guest.output("sleep 10", 60)
    up_then, before_then, after_then = sample(guest)
    passed = up_then - up
    least, most = before_then - after, after_then - before  # on the host, between the two readings
    assert passed >= 10
    assert least * 0.99 - 0.01 <= passed <= most * 1.01 + 0.01, f"{passed} s of the guest in {least:.3f} to {most:.3f} s"


@pytest.mark.feature("time-02")
def test_the_wall_clock_is_the_hosts_and_is_read_without_a_call(guest: Guest) -> None:
    answer = guest.run("strace date")
    shown = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d", answer.output)
    assert answer.status == 0 and shown is not None, answer.output
    hours, minutes, seconds = map(int, shown[0][-8:].split(":"))
    away = (time.time() % 86400 - (hours * 3600 + minutes * 60 + seconds)) % 86400
    assert min(away, 86400 - away) < 30, shown[0]
    calls = set(re.findall(r"^(\w+)\(", answer.output, re.MULTILINE))
    assert calls and calls <= {"write", "fstat", "exit", "proc_destroy", "mmap", "mprotect", "populate_va"}, calls


def timer_interrupts(guest: Guest) -> int:
    found = re.search(r"^0 .* timer (\d+)", guest.output("cat '#kprof/counts'"), re.MULTILINE)
    assert found is not None
    return int(found[1])


@pytest.mark.feature("time-07")
def test_two_processes_take_turns_of_ten_ms_and_one_alone_is_left_alone(guest: Guest) -> None:
    start = timer_interrupts(guest)
    guest.output("turns 500")
    alone = timer_interrupts(guest) - start
    guest.output("hold 3 > /tmp/held &")
    guest.until("cat /tmp/held", "has cores 1 2 3")  # so that the two share one core
    start = timer_interrupts(guest)
    shown = guest.output("turns 600 & turns 600; wait $!")
    together = timer_interrupts(guest) - start
    end(guest, "hold")
    guest.output("rm /tmp/held")
    turns = [int(n) for n in re.findall(r"(\d+) turns of others", shown)]
    assert alone <= 10, f"{alone} interrupts of the timer in 500 ms without contention"
    assert len(turns) == 2 and min(turns) >= 5, shown
    assert sum(turns) // 2 <= together <= 200, f"{together} interrupts of the timer, {turns} turns"


@pytest.mark.feature("time-10")
def test_random_numbers_come_at_once_and_differ(guest: Guest) -> None:
    numbers = guest.output("random 300").split()
    assert len(numbers) == len(set(numbers)) == 300 and all(re.fullmatch(r"[0-9a-f]{16}", n) for n in numbers)
    digits = Counter("".join(numbers))
    assert all(150 < digits[d] < 450 for d in "0123456789abcdef"), digits  # 300 each; 17 is one standard deviation
    for file in ("random", "urandom"):
        first, second = (guest.output(f"head -n 1 '#random/{file}' | hexdump | head -n 1") for _ in range(2))
        assert first != second and len(first) > 20
    assert guest.output("ls '#random'").split() == ["random", "urandom"]
    assert guest.run("echo of my own > '#random/random'").status == 0


@pytest.mark.feature("time-10")
def test_two_boots_do_not_give_the_same_numbers(fresh: Callable[[Settings], Guest], arch: str) -> None:
    numbers = []
    for _ in range(2):
        guest = fresh(Settings(arch=arch, smp=1, append=TEST_OPTIONS))
        numbers.append(guest.output("random 4").split())
        guest.send("poweroff\n")
        guest.wait(20)
    assert not set(numbers[0]) & set(numbers[1])
