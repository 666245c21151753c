# SPDX-License-Identifier: GPL-2.0-or-later
"""Event delivery against a model: which mailbox a message goes to and which vcore is told, for every set of flags and state of a process.

The kernel's code is the compiled one, with the consumers of user land on the other side; the model is a transcription of the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from compiler.host import Unit, load

IPI, SPAM_PUBLIC, INDIR, VCORE_PRIVATE, SPAM_INDIR, MUST_RUN, NOTHROTTLE, ROUNDROBIN, APPRO, WAKEUP = (1 << i for i in range(10))
ALL_FLAGS = 1023
EV_EVENT, OWN_TYPE = 8, 30
STATES = {"RUNNING_S": 4, "RUNNABLE_S": 2, "WAITING": 8, "RUNNING_M": 128, "RUNNABLE_M": 64}
ONLINE, BULK, INACTIVE = 0, 1, 2
VCORES = 4
PROCINFO, PROCDATA = 0x002C_0000, 0x0020_0000
OVER = ("tests/host/process", "tests/host/machine")
REAL = ("kern.event.send", "kern.proc.proc", "parlib.vcore", "parlib.current")


@dataclass
class Vcore:
    listed: int
    mapped: bool
    listens: bool
    disabled: bool
    pending: bool = False
    public: list[int] = field(default_factory=list)
    private: list[int] = field(default_factory=list)
    notified: int = 0


@dataclass
class Process:
    """The model."""

    state: str
    is_mcp: bool
    order: list[int]  # of vcores in their lists
    vcores: list[Vcore]
    own: list[int] = field(default_factory=list)
    woken: bool = False
    alert: bool = False
    queue_vcore: int = 0

    def listed(self, which: int) -> list[int]:
        return [v for v in self.order if self.vcores[v].listed == which]

    def send(self, flags: int, has_mailbox: bool, suggested: int) -> None:
        v = suggested if flags & APPRO else self.queue_vcore
        if not self.is_mcp:
            v = 0
        elif flags & ROUNDROBIN:
            v = self.queue_vcore = (self.queue_vcore + 1) % max(len(self.listed(ONLINE)), 1)
        if v >= VCORES:
            return
        if flags & SPAM_PUBLIC:
            self.spam_public(v, flags, OWN_TYPE)
        else:
            target = self.vcores[v]
            (self.own if has_mailbox else target.private if flags & VCORE_PRIVATE else target.public).append(OWN_TYPE)
            if flags & INDIR:
                self.indirect(v, flags)
            elif flags & IPI and target.mapped:
                self.notify(v)
            elif flags & WAKEUP and not self.is_mcp:
                self.vcores[0].pending = True
        if flags & WAKEUP and self.state == "WAITING":
            self.woken = True

    def indirect(self, v: int, flags: int) -> None:
        if self.alert and not flags & NOTHROTTLE:
            return
        self.alert = True
        if flags & SPAM_INDIR:
            self.spam_public(v, flags, EV_EVENT)
        else:
            self.spam_vcore(v, flags, EV_EVENT)

    def spam_vcore(self, v: int, flags: int, message: int) -> None:
        self.vcores[v].public.append(message)
        self.vcores[v].pending = True
        if flags & IPI and self.vcores[v].mapped:
            self.notify(v)

    def notify(self, v: int) -> None:
        self.vcores[v].pending = True
        if not self.vcores[v].disabled and self.vcores[v].mapped:
            self.vcores[v].notified = 1  # a core that is to look already is told no more

    def spam_public(self, v: int, flags: int, message: int) -> None:
        self.spam_vcore(self.reachable(v, flags), flags, message)

    def reachable(self, v: int, flags: int) -> int:
        """Nothing changes meanwhile, so the first choice holds."""
        if not self.is_mcp:
            return 0
        running = self.listed(ONLINE)
        if flags & MUST_RUN:
            if self.vcores[v].mapped:
                return v
            if running:
                return running[0]
            return self.settle()
        if self.vcores[v].listens:
            return v
        if self.state != "WAITING":
            if running or self.listed(BULK):
                return (running or self.listed(BULK))[0]
            head = self.listed(INACTIVE)[0]
            if self.vcores[head].listens:
                return head
        return self.settle()

    def settle(self) -> int:
        """The vcore that the scheduler will start first, under the lock."""
        if self.state != "WAITING" and (candidates := self.listed(ONLINE) or self.listed(BULK)):
            return candidates[0]
        head = self.listed(INACTIVE)[0]
        self.vcores[head].listens = True
        return head


@st.composite
def processes(draw: st.DrawFn) -> Process:
    is_mcp = draw(st.booleans())
    state = draw(st.sampled_from(["RUNNING_M", "RUNNABLE_M", "WAITING"] if is_mcp else ["RUNNING_S", "RUNNABLE_S", "WAITING"]))
    order = draw(st.permutations(range(VCORES)))
    lists = [INACTIVE] * VCORES
    if state == "RUNNING_M":
        for v in order[: draw(st.integers(1, VCORES))]:
            lists[v] = ONLINE
    elif state == "RUNNABLE_M":
        for v in order[: draw(st.integers(0, VCORES))]:
            lists[v] = BULK
    vcores = []
    for v in range(VCORES):
        mapped = lists[v] == ONLINE or state == "RUNNING_S" and v == 0
        vcores.append(Vcore(lists[v], mapped, draw(st.booleans()), draw(st.booleans())))
    return Process(state, is_mcp, list(order), vcores, alert=draw(st.booleans()), queue_vcore=draw(st.integers(0, VCORES)))


@pytest.fixture(scope="module")
def unit() -> Unit:
    made = load("tests/host/event_driver.py", over=OVER, real=REAL)
    made.map_at(PROCINFO, 0x4000)
    made.map_at(PROCDATA, 0x4000)
    made.begin(made.buffer((2 * VCORES + 1) * 8192, align=4096))
    made.open_own_ucq()
    return made


def lay_out(unit: Unit, process: Process) -> None:
    unit.lay_out(STATES[process.state], process.is_mcp)
    for v in process.order:
        one = process.vcores[v]
        unit.put(v, one.listed, one.mapped, one.listens, one.disabled)


def drained(take: Any, *args: int) -> Iterator[int]:
    while (message := take(*args)) is not None:
        kind, _, arg3 = message
        assert arg3 == 1, "an indirection to another queue, or another message"
        yield kind


def same(unit: Unit, process: Process) -> None:
    """Everything that can be seen of the process is as the model has it."""
    for v, one in enumerate(process.vcores):
        seen = Vcore(one.listed, one.mapped, unit.listens(v), one.disabled, unit.pending(v))
        seen.public, seen.private = list(drained(unit.next_public, v)), list(drained(unit.next_private, v))
        seen.notified = unit.notified(v)
        assert seen == one, f"vcore {v}"
    assert list(drained(unit.next_own)) == process.own
    assert (unit.woken(), unit.alert_pending(), unit.queue_vcore()) == (process.woken, process.alert, process.queue_vcore)


IDLE = Process("WAITING", True, [2, 0, 1, 3], [Vcore(INACTIVE, False, False, False) for _ in range(VCORES)])


@pytest.mark.feature("event-05", "event-06", "event-07", "event-08", "event-09", "event-10", "event-11", "event-12", "event-13", "event-14")
@pytest.mark.feature("event-18", "event-19")
@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    process=processes(),
    flags=st.integers(0, ALL_FLAGS),
    has_mailbox=st.booleans(),
    suggested=st.integers(0, VCORES),
    times=st.integers(1, 3),
)
@example(process=IDLE, flags=INDIR | SPAM_INDIR | IPI | WAKEUP, has_mailbox=True, suggested=1, times=2)
@example(process=IDLE, flags=SPAM_PUBLIC | MUST_RUN | APPRO | IPI | WAKEUP, has_mailbox=False, suggested=3, times=1)
def test_delivery_is_as_the_rules_say(unit: Unit, process: Process, flags: int, has_mailbox: bool, suggested: int, times: int) -> None:
    process = deepcopy(process)  # examples are made once
    lay_out(unit, process)
    unit.open_queue(flags, process.queue_vcore, has_mailbox, process.alert)
    for _ in range(times):
        unit.send(OWN_TYPE, 0, 1, suggested)
        process.send(flags, has_mailbox, suggested)
        if process.woken:
            break  # the stand-in has changed its state
    same(unit, process)


@pytest.mark.feature("event-17")
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(process=processes(), kind=st.integers(0, 70), wanted=st.booleans())
def test_the_kernels_own_events_go_where_they_are_wanted(unit: Unit, process: Process, kind: int, wanted: bool) -> None:
    lay_out(unit, process)
    unit.open_queue(0, 0, True, False)
    registered = wanted and kind < 50
    if registered:
        unit.register(kind, True)
    unit.send_as_kernel(kind, 1)
    if registered:
        unit.register(kind, False)
    assert [m[0] for m in iter(unit.next_own, None)] == ([kind] if registered else [])


@pytest.mark.feature("event-21")
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(process=processes(), target=st.integers(0, VCORES - 1), private=st.booleans())
def test_a_post_to_a_vcore_asks_for_nobodys_preferences(unit: Unit, process: Process, target: int, private: bool) -> None:
    lay_out(unit, process)
    unit.post_to(target, OWN_TYPE, private)
    box, other = (unit.next_private, unit.next_public) if private else (unit.next_public, unit.next_private)
    assert [m[0] for m in iter(lambda: box(target), None)] == [OWN_TYPE]
    assert other(target) is None and unit.pending(target) and unit.woken() == (process.state == "WAITING")
    one = process.vcores[target]
    assert unit.notified(target) == (1 if one.mapped and not one.disabled else 0)


class Coalescing:
    """The model of a coalescing queue: what each id has, and the order of the ids unless the ring overflowed."""

    def __init__(self, adds: bool) -> None:
        self.adds, self.joined, self.blobs = adds, dict[int, int](), dict[int, int]()

    def post(self, number: int, value: int, blob: int) -> None:
        before = self.joined.get(number, 0)
        self.joined[number] = (before + value) & 0xFFFF_FFFF if self.adds else before | value
        self.blobs[number] = blob


@pytest.mark.feature("event-04")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), adds=st.booleans(), ids=st.integers(1, 1000), ring=st.sampled_from([1, 2, 8, 64]))
def test_a_coalescing_queue_joins_and_never_loses(unit: Unit, data: st.DataObject, adds: bool, ids: int, ring: int) -> None:
    assert unit.open_own_ceq(ids, ring, adds)
    unit.lay_out(STATES["WAITING"], True)
    for v in range(VCORES):
        unit.put(v, INACTIVE, False, False, False)
    unit.open_queue(0, 0, True, False)
    model = Coalescing(adds)
    for takes in data.draw(
        st.lists(st.one_of(st.none(), st.lists(st.tuples(st.integers(0, ids), st.integers(0, 9)), max_size=40)), max_size=8)
    ):
        if takes is None:  # take one message, if there is one
            message = unit.next_own()
            if message is None:
                assert not any(model.joined.values())
            else:
                number, joined, blob = message
                assert (joined, blob) == (model.joined.pop(number), model.blobs[number])
        else:
            for blob, (number, value) in enumerate(takes):
                unit.send(number, value, blob, 0)
                if number < ids:
                    model.post(number, value, blob)
    left = {m[0]: m[1] for m in iter(unit.next_own, None)}
    assert left == {n: j for n, j in model.joined.items() if j}
    assert unit.own_is_empty()
    unit.open_own_ucq()


# The layouts that user land is compiled for separately: offsets from the start, by field.
LAYOUTS = {
    "event-01": (
        "kern/abi/event.py",
        "EventQueue",
        48,
        {"mbox": 0, "flags": 8, "vcore": 12, "alert_pending": 16, "handler": 24, "udata": 32},
    ),
    "event-16": ("kern/abi/event.py", "EventMsg", 24, {"ev_type": 0, "arg1": 2, "arg2": 4, "arg3": 8, "arg4": 16}),
    "event-04": ("kern/abi/event.py", "Ceq", 80, {"events": 0, "ring": 8, "prod_idx": 32, "cons_pub": 36, "consumer_lock": 64}),
    "async-01": (
        "kern/abi/syscall.py",
        "Syscall",
        216,
        {"num": 0, "err": 4, "retval": 8, "flags": 16, "ev_q": 24, "u_data": 32, "args": 40, "errstr": 88},
    ),
}


@pytest.mark.parametrize("arch", ["x86_64", "riscv"])
@pytest.mark.parametrize("row", [pytest.param(row, marks=pytest.mark.feature(row)) for row in LAYOUTS])
def test_layouts_are_the_same_everywhere(row: str, arch: str) -> None:
    path, name, size, fields = LAYOUTS[row]
    ty = load(path, arch=arch)[name].type
    assert ty.size == size
    assert {n: ty.fields[n].offset for n in fields} == fields
