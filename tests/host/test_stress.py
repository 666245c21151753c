# SPDX-License-Identifier: GPL-2.0-or-later
"""Lock-free units on real threads, without the GIL. STRESS_SECONDS makes each run longer: `make soak` does."""

from __future__ import annotations

import os
from typing import Any

import pytest

from compiler.host import CheckFailed, Unit, load
from compiler.host.native import NativeError, threads_module
from compiler.host.stress import stress

SECONDS = float(os.environ.get("STRESS_SECONDS", "0.3"))
MANY = 1 << 62


@pytest.fixture(scope="module")
def unit() -> Unit:
    try:
        threads_module()
    except NativeError as error:
        if "Python.h" in str(error) and not os.environ.get("CI"):
            pytest.skip(str(error))
        raise
    return load("tests/host/stress_units.py", over="tests/host/machine")


@pytest.mark.parametrize("how", ["by_spin", "by_mcs", "by_pdr", "by_mcs_pdr", "by_semaphore"])
def test_no_increment_under_a_lock_is_lost(unit: Unit, how: str) -> None:
    counted = unit.Counted()
    if how == "by_semaphore":
        counted.signal.signals = 1
    report = stress([(getattr(counted, how),)] * 3, iterations=MANY, seconds=SECONDS)
    print(report)
    assert counted.count == sum(report.calls) > 0


def test_without_a_lock_increments_are_lost(unit: Unit) -> None:
    broken = unit.Broken()
    for seed in range(50):
        report = stress([(broken.unlocked,)] * 2, iterations=MANY, seconds=0.2, delay=0, seed=seed)
        if broken.count != sum(report.calls):
            return
        broken.count = 0
    pytest.fail("two threads never met: there is no parallelism, so the other tests here show nothing")


def test_what_is_stolen_is_stolen_once(unit: Unit) -> None:
    shared = unit.Stolen()
    print(stress([(shared.own,), (shared.rob,), (shared.rob,)], iterations=MANY, seconds=SECONDS))
    while left := shared.deque.take():
        shared.taken += left
    assert shared.taken + shared.stolen == shared.added > 0 and shared.stolen > 0


def test_readers_of_a_seqlock_see_whole_values(unit: Unit) -> None:
    pair = unit.Sequenced()
    report = stress([(pair.change,), (pair.change,), (pair.read,), (pair.read,)], iterations=MANY, seconds=SECONDS)
    print(report)
    assert pair.a == sum(report.calls[:2]) and pair.b == 2 * pair.a and sum(report.calls) > 0


def test_a_reference_is_to_something_alive(unit: Unit) -> None:
    referenced = unit.Referenced()
    report = stress([(referenced.renew,), (referenced.use,), (referenced.use,)], iterations=MANY, seconds=SECONDS)
    print(report)
    assert referenced.thing.refs.count == 0 and referenced.thing.alive == 0


def test_rcu_walks_meet_no_freed_item(unit: Unit) -> None:
    listed = unit.Listed()
    report = stress([(listed.replace,), (listed.walk,), (listed.walk,)], iterations=MANY, seconds=SECONDS)
    print(report)
    assert sum(report.calls) > 0  # on a busy machine a thread may not have had its turn


def test_readers_and_writers_that_sleep(unit: Unit) -> None:
    crowd = unit.Crowd()
    report = stress([(crowd.write,), (crowd.write,), (crowd.read,), (crowd.read,)], iterations=MANY, seconds=SECONDS)
    print(report)
    assert crowd.a == crowd.b == sum(report.calls[:2]) and not crowd.rw.written and crowd.rw.readers == 0


@pytest.mark.feature("sync-22")
def test_the_last_poke_is_seen_and_runs_never_overlap(unit: Unit) -> None:
    crowd = unit.Crowd()
    report = stress([(crowd.poke,)] * 3, iterations=MANY, seconds=SECONDS)
    print(report)
    assert crowd.seen == crowd.posted == sum(report.calls) and crowd.tracker.pokes == 0


@pytest.fixture(scope="module")
def queues(unit: Unit) -> Unit:
    return load("tests/host/stress_queues.py", over=("tests/host/paging", "tests/host/machine"))


def test_an_unbounded_queue_loses_and_doubles_nothing(queues: Unit) -> None:
    shared = queues.Messages()
    shared.open()
    calls: list[Any] = [(shared.post, 0), (shared.post, 1), (shared.post, 2), (shared.take, 0), (shared.take, 1)]
    print(stress(calls, iterations=MANY, seconds=SECONDS))
    shared.close()
    sent, taken = shared.ledger.total_sent(), shared.ledger.total_taken()
    print(f"{sent:,} messages")
    assert taken == sent > 127 and queues.pages_in_use() > 0


def test_a_bounded_queue_loses_and_doubles_nothing(queues: Unit) -> None:
    shared = queues.Tickets()
    shared.open()
    calls: list[Any] = [(shared.push, 0), (shared.push, 1), (shared.push, 2), (shared.pop, 0), (shared.pop, 1)]
    print(stress(calls, iterations=MANY, seconds=SECONDS))
    shared.close()
    print(f"{shared.ledger.total_sent():,} tickets")
    assert shared.ledger.total_taken() == shared.ledger.total_sent() > 0


def test_a_coalescing_queue_adds_up(queues: Unit) -> None:
    shared = queues.Coalesced()
    shared.open()
    calls: list[Any] = [(shared.post, 0), (shared.post, 1), (shared.post, 2), (shared.take,), (shared.take,)]
    report = stress(calls, iterations=MANY, seconds=SECONDS)
    shared.close()
    print(f"{report}; {sum(shared.bursts):,} bursts became {shared.messages:,} messages")
    assert shared.messages >= sum(shared.bursts) > 0


def test_a_failing_thread_stops_all_and_the_unit_lives_on(unit: Unit) -> None:
    broken = unit.Broken()
    with pytest.raises(CheckFailed, match="as it should"):
        stress([(broken.fails_at_100,), (broken.works,)], iterations=MANY, seconds=20)
    assert broken.count >= 100
    calls: list[Any] = [(broken.works,)] * 2
    assert stress(calls, iterations=1000).calls == [1000, 1000]
