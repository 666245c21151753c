# SPDX-License-Identifier: GPL-2.0-or-later
"""The states of a process, and the lists of its vcores, against a model: every transition, and any sequence of grants, preemptions,
yields and changes. What is compiled for the kernel runs here (tests/host/vcore_lists.py)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from compiler.host import CheckFailed, load

unit = load("tests/host/vcore_lists.py", over="tests/host/messages")
VCORES = 6
CORES = range(1, VCORES + 1)
BITS = {"CREATED": 1, "RUNNABLE_S": 2, "RUNNING_S": 4, "WAITING": 8, "DYING": 16, "DYING_ABORT": 32, "RUNNABLE_M": 64, "RUNNING_M": 128}
LIVE = set(BITS) - {"DYING", "DYING_ABORT"}
# The table of what may follow what; all else panics.
FOLLOWS = {
    "CREATED": set(),
    "RUNNABLE_S": {"CREATED", "RUNNING_S", "WAITING"},
    "RUNNING_S": {"RUNNABLE_S", "WAITING"},
    "WAITING": {"RUNNING_S", "RUNNING_M"},
    "RUNNABLE_M": {"RUNNING_S", "WAITING", "RUNNING_M"},
    "RUNNING_M": {"RUNNABLE_M"},
    "DYING": LIVE,
    "DYING_ABORT": {"DYING"},
}


@pytest.mark.feature("proc-01")
@pytest.mark.parametrize("new", BITS)
@pytest.mark.parametrize("old", BITS)
def test_only_these_transitions_are_possible(old: str, new: str) -> None:
    p = unit.new_mcp()
    state = unit.ProcState(BITS[new])
    if old in FOLLOWS[new]:
        unit.move(p, BITS[old], state)
        assert p.state is state
    else:
        with pytest.raises(CheckFailed, match=f"state {old} -> {new}"):
            unit.move(p, BITS[old], state)


class Vcores(RuleBasedStateMachine):
    """The model: a state, three lists of ids, the core of each that is online, and counts of preemptions."""

    def __init__(self) -> None:
        super().__init__()
        self.p: Any = unit.new_mcp()
        self.state = "RUNNABLE_M"
        self.online: list[int] = []
        self.bulk: list[int] = []
        self.inactive = list(range(VCORES))
        self.core: dict[int, int] = {}
        self.sent = [0] * VCORES
        self.done = [0] * VCORES

    def free_cores(self) -> list[int]:
        return [core for core in CORES if core not in self.core.values()]

    @precondition(lambda self: self.free_cores())
    @rule(data=st.data())
    def grant(self, data: st.DataObject) -> None:
        cores = sorted(data.draw(st.sets(st.sampled_from(self.free_cores()), min_size=1)))
        answer = unit.grant(self.p, sum(1 << core for core in cores))
        if self.state == "WAITING":
            assert answer == 99
            return
        for core in cores:
            # A running process has no bulk-preempted vcores any more.
            v = self.bulk.pop(0) if self.bulk else self.inactive.pop(0)
            self.online.append(v)
            self.core[v] = core
        assert answer == len(cores)
        self.state = "RUNNING_M"
        for v in self.bulk:
            self.inactive.insert(0, v)
        self.bulk = []

    def take(self, v: int, into: list[int], at: int) -> None:
        self.online.remove(v)
        into.insert(at, v)
        del self.core[v]
        self.sent[v] += 1

    @precondition(lambda self: self.online)
    @rule(data=st.data())
    def preempt(self, data: st.DataObject) -> None:
        v = data.draw(st.sampled_from(self.online))
        unit.preempt(self.p, v, False)
        self.take(v, self.inactive, 0)
        if not self.online:
            self.state = "RUNNABLE_M"

    @precondition(lambda self: self.online)
    @rule()
    def preempt_all(self) -> None:
        for v in list(self.online):
            unit.preempt(self.p, v, True)
            self.take(v, self.bulk, len(self.bulk))
        self.state = "RUNNABLE_M"

    @precondition(lambda self: self.sent != self.done)
    @rule(data=st.data())
    def act_upon_a_preemption(self, data: st.DataObject) -> None:
        v = data.draw(st.sampled_from([v for v in range(VCORES) if self.sent[v] > self.done[v]]))
        unit.preempted(self.p, v)
        self.done[v] += 1

    @precondition(lambda self: self.online)
    @rule(data=st.data(), nice=st.booleans(), warned=st.booleans(), news=st.booleans(), wanted=st.integers(0, VCORES))
    def yields(self, data: st.DataObject, nice: bool, warned: bool, news: bool, wanted: int) -> None:
        v = data.draw(st.sampled_from(self.online))
        sealed = self.sent[v] != self.done[v]
        stays = sealed or news or (nice and not warned) or (not nice and not warned and wanted >= len(self.online))
        assert unit.give_up(self.p, v, nice, warned, news, wanted) is not stays
        if stays:
            return
        self.online.remove(v)
        self.inactive.insert(0, v)
        del self.core[v]
        if not self.online:
            self.state = "WAITING"

    @precondition(lambda self: self.online)
    @rule(data=st.data(), other=st.integers(0, VCORES - 1))
    def change(self, data: st.DataObject, other: int) -> None:
        me = data.draw(st.sampled_from(self.online))
        if other == me:
            return
        answer = unit.change(self.p, me, other)
        if self.sent[me] != self.done[me]:
            assert answer.name == "EAGAIN"
        elif other in self.online:
            assert answer.name == "EBUSY"
        else:
            assert answer.name == "OK"
            self.online.remove(me)
            self.inactive.remove(other)
            self.inactive.insert(0, me)
            self.online.append(other)
            self.core[other] = self.core.pop(me)

    @precondition(lambda self: self.state == "WAITING")
    @rule()
    def wake(self) -> None:
        unit.wake(self.p)
        self.state = "RUNNABLE_M"

    @invariant()
    def agrees(self) -> None:
        p = self.p
        assert p.state.name == self.state and p.num_vcores == len(self.online) == p.info.num_vcores == p.info.res_grant[0]
        for name, mine in (("online", self.online), ("bulk_preempted", self.bulk), ("inactive", self.inactive)):
            assert ids(getattr(p, name)) == mine, name
        assert sorted(self.online + self.bulk + self.inactive) == list(range(VCORES)), "each on exactly one list"
        for v in range(VCORES):
            entry = p.info.vcoremap[v]
            assert entry.valid == (v in self.online)
            assert (entry.nr_preempts_sent, entry.nr_preempts_done) == (self.sent[v], self.done[v])
            if entry.valid:
                assert entry.pcoreid == self.core[v] and p.info.pcoremap[entry.pcoreid].vcoreid == v
        assert sum(p.info.pcoremap[core].valid for core in CORES) == len(self.online)


def ids(vcores: Any) -> list[int]:
    found = []
    one = vcores.first()
    while one is not None:
        found.append(one.id)
        one = vcores.after(one)
    return found


Vcores.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestVcores = pytest.mark.feature("proc-16", "proc-17", "proc-22", "proc-25", "proc-26", "proc-40")(Vcores.TestCase)
