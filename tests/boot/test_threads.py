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


def vcores_used(output: str) -> int:
    found = re.search(r"(\d+) vcores used", output)
    assert found, output
    return int(found[1])


@pytest.mark.feature("parlib-34")
def test_hundred_threads_finish_on_several_vcores(guest8: Guest) -> None:
    output = guest8.output("threads 100 10", 120)
    assert "100 threads finished, 1000 loops" in output
    assert len(re.findall(r"^thread +\d+ ran on vcores? [\d ]+$", output, re.MULTILINE)) == 100
    assert 1 < vcores_used(output) <= 7


def test_more_threads_than_cores_and_one_thread(guest8: Guest) -> None:
    for count in (1, 7, 8, 9, 500):
        assert re.search(rf"^{count} threads? finished, {count * 3} loops", guest8.output(f"threads {count} 3", 120), re.MULTILINE)


def test_threads_again_and_again(guest8: Guest) -> None:
    for _ in range(5):
        assert "20 threads finished" in guest8.output("threads 20 5", 120)


def test_primes_are_counted_in_parallel(guest8: Guest) -> None:
    assert guest8.output("primes 100000", 120).startswith("9,592 primes below 100,000")


def test_switch_costs_are_told(guest8: Guest) -> None:
    assert re.search(r"\d+ switches among 2 threads: [\d.]+ ns each, \d+ cycles each", guest8.output("switch 2", 120))


@pytest.mark.feature("sync-09")
def test_blocked_calls_stop_one_thread_only(guest8: Guest) -> None:
    """500 threads sleep half a second each, at once: one after the other, even on all vcores, would take 35 seconds."""
    output = guest8.output("block 500 500", 120)
    found = re.search(r"500 threads slept 500 ms each; all together took (\d+) ms", output)
    assert found and 500 <= int(found[1]) < 35_000, output


def test_two_many_core_processes_at_once(guest8: Guest) -> None:
    output = guest8.output("threads 10 5 & threads 10 5; wait", 120)
    assert output.count("10 threads finished") == 2


def test_cores_are_given_back(guest8: Guest) -> None:
    guest8.output("threads 30 3", 120)
    guest8.wait_until_gone("cores", "threads")


def test_mutex_barrier_condition_once_and_keys(guest8: Guest) -> None:
    shown = dict(line.rsplit(": ", 1) for line in guest8.output("pthreads", 120).splitlines())
    assert shown["mutex"] == "3200" and shown["barrier: too early"] == "0" and shown["once"] == "1"
    assert shown["semaphore: most at once is 3 or fewer"] == "1" and shown["condition variable: items"] == "8000"


def test_user_libraries_pass_their_own_tests(guest8: Guest) -> None:
    output = guest8.run("utest", 240).output
    assert re.search(r"^[1-9]\d* suites passed, 0 failed$", output, re.MULTILINE), output
