# SPDX-License-Identifier: GPL-2.0-or-later
"""Stealing: threads from a deque, and the thread of a preempted vcore. Against a model in Python, and under every schedule."""

from __future__ import annotations

import shutil
from collections import deque
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.driver import REPO
from compiler.host import Unit, load
from compiler.host.explore import Explorer, explore

SCENARIOS = "tests/host/explorer/stealing.py"
SOURCE = "user/parlib/deque.py"
RECOVERY = "tests/host/explorer/recovery.py"
HANDSHAKE = "user/parlib/stealing.py"
CAPACITY = 256


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(st.sampled_from(["push", "push", "push", "take", "steal"]), max_size=60))
def test_alone_it_is_a_deque(unit: Unit, operations: list[str]) -> None:
    tested = unit.Deque()
    model: deque[int] = deque()
    for number, operation in enumerate(operations, 2):
        if operation == "push":
            assert tested.push(number)
            model.append(number)
        elif operation == "take":
            assert tested.take() == (model.pop() if model else 0)
        else:
            assert tested.steal() == (model.popleft() if model else 0)
        assert tested.count() == len(model) and tested.is_empty() == (not model)


def test_it_says_when_it_is_full_and_goes_round(unit: Unit) -> None:
    tested = unit.Deque()
    for start in range(2, 5000, CAPACITY):
        assert all(tested.push(start + i) for i in range(CAPACITY))
        assert not tested.push(1)
        assert [tested.steal() for _ in range(CAPACITY)] == list(range(start, start + CAPACITY))


@pytest.mark.parametrize("name", Explorer.names(SCENARIOS))
def test_every_schedule(name: str) -> None:
    result = explore(SCENARIOS, name).raise_failure()
    assert result.complete


# What is taken out, what stands there instead, and the scenario that must notice.
WEAKENED = [
    ("        fence(SEQ_CST)                      # pairs with the fence of steal", "        # pairs with the fence of steal", "Stealing"),
    ("        fence(SEQ_CST)                      # pairs with the fence of take", "        # pairs with the fence of take", "Stealing"),
    ("        fence(RELEASE) ", "        pass ", "Stealing"),
    ("            if not self.top.cas(top, top + 1):  # the last", "            if False:  # the last", "TwoThieves"),
]


@pytest.mark.parametrize(("line", "instead", "name"), WEAKENED)
def test_each_barrier_is_needed(tmp_path: Path, line: str, instead: str, name: str) -> None:
    text = (REPO / SOURCE).read_text()
    assert text.count(line) == 1, f"{SOURCE} has changed: what is to be taken out of it now?"
    over = tmp_path / "machine"
    shutil.copytree(REPO / "tests/host/machine", over)
    weak = over / "parlib/deque.py"
    weak.write_text(text.replace(line, instead))
    assert explore(SCENARIOS, name, over=over).failure is not None


@pytest.mark.feature("parlib-31")
def test_a_preempted_thread_is_run_by_exactly_one() -> None:
    assert explore(RECOVERY, "Recovering").raise_failure().complete


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("    if settled_flags(data) & PREEMPTED != 0 and data", "    if data"),
        ("    return data.flags.load() & STEALING != 0", "    return False"),
        ("            theirs.current = None\n", ""),
        (
            "        if data.flags.cas(flags, flags | STEALING):\n            return True",
            "        data.flags.store(flags | STEALING)\n        return True",
        ),
    ],
)
def test_each_step_of_the_recovery_is_needed(tmp_path: Path, line: str, instead: str) -> None:
    text = (REPO / HANDSHAKE).read_text()
    assert text.count(line) == 1, f"{HANDSHAKE} has changed: what is to be taken out of it now?"
    weak = tmp_path / "machine/parlib/stealing.py"
    weak.parent.mkdir(parents=True)
    weak.write_text(text.replace(line, instead))
    assert explore(RECOVERY, "Recovering", over=tmp_path / "machine").failure is not None
