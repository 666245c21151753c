# SPDX-License-Identifier: GPL-2.0-or-later
"""Many-core processes: threads over vcores, blocking calls that stop one thread only, and what a switch costs."""

import re
from collections.abc import Callable

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp8")


@pytest.fixture
def guest8(boot: Callable[[int], Guest]) -> Guest:
    return boot(8)


def test_hundred_threads_finish_on_several_vcores(guest8: Guest) -> None:
    output = guest8.output("threads 100 10", 120)
    assert re.search(r"\b100 threads\b", output), output
    used = re.search(r"(\d+) vcores", output)
    assert used and int(used[1]) > 1, output


def test_more_threads_than_cores_and_one_thread(guest8: Guest) -> None:
    for count in (1, 7, 8, 9, 500):
        assert re.search(rf"\b{count} threads?\b", guest8.output(f"threads {count} 3", 120))


def test_threads_again_and_again(guest8: Guest) -> None:
    for _ in range(5):
        assert "20 threads" in guest8.output("threads 20 5", 120)


def test_primes_are_counted_in_parallel(guest8: Guest) -> None:
    assert re.search(r"\b1[,_]?229\b", guest8.output("primes 10000", 120))


def test_switch_costs_are_told(guest8: Guest) -> None:
    output = guest8.output("switch 2", 120)
    assert re.search(r"\d+(\.\d+)? ns", output) and "cycles" in output


def test_two_many_core_processes_at_once(guest8: Guest) -> None:
    output = guest8.output("threads 10 5 & threads 10 5; wait", 120)
    assert output.count("10 threads") == 2


def test_cores_are_given_back(guest8: Guest) -> None:
    guest8.output("threads 30 3", 120)
    assert "threads" not in guest8.output("cores")
