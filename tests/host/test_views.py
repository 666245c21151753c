# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiled classes as objects of Python: fields, arrays, references, enums, generics, methods; and units of the kernel itself."""

from __future__ import annotations

import gc

import pytest

from compiler.host import CheckFailed, Unit, load

SOURCE = """
from abc import ABC, abstractmethod
from enum import Enum, IntFlag
from typing import Callable, Generic, TypeVar

from lang import Array, Atomic, Bits, Ref, Span, Text, array, bit, bits, struct, text, i32, u8, u16, u32, u64

T = TypeVar("T")
LIMIT: u64 = 40
NAME = "unit"
count: u64 = 5


class Kind(u8, Enum):
    A = 1
    B = 2


class Mode(u16, IntFlag):
    READ = 1
    WRITE = 2


class Entry(Bits[u64]):
    present = bit(0)
    frame = bits(12, 51)
    kind = bits(8, 9, Kind)


@struct
class Point:
    x: i32 = -1
    y: i32 = 7


@struct
class Node:
    kind: Kind = Kind.B
    mode: Mode
    big: u64
    where: Point
    points: Array[Point] = array(3)
    numbers: Array[u16] = array(4)
    next: Ref["Node"] | None
    data: Span[u32]
    label: str = "none"
    title: Text = text(8)
    hits: Atomic[u64]
    entry: Entry
    maybe: u32 | None
    fn: Callable[[u64], u64] | None

    def total(self) -> u64:
        found: u64 = self.big
        for n in self.numbers:
            found += u64(n)
        follower = self.next
        if follower is not None:
            found += follower.total()
        return found

    @property
    def is_last(self) -> bool:
        return self.next is None

    @staticmethod
    def limit() -> u64:
        return LIMIT

    def apply(self, x: u64) -> u64:
        fn = self.fn
        return x if fn is None else fn(x)


@struct
class Pair(Generic[T]):
    first: T
    second: T

    def swap(self) -> None:
        kept = self.first
        self.first = self.second
        self.second = kept


@struct
class Counter:
    value: u64

    def __init__(self, start: u64, step: u64) -> None:
        self.value = start * 10 + step


class Shape(ABC):
    @abstractmethod
    def area(self) -> u64: ...


class Square(Shape):
    side: u64 = 3

    def area(self) -> u64:
        return self.side * self.side


square = Square()


def some_shape() -> Shape:
    return square


def bump() -> u64:
    global count
    count += 1
    return count


def double(x: u64) -> u64:
    return 2 * x


def largest(values: Span[T]) -> T:
    found = values[0]
    for v in values:
        if v > found:
            found = v
    return found


def tail_of(node: Node) -> Node:
    last = node
    follower = node.next
    while follower is not None:
        last = follower
        follower = last.next
    return last


def three(node: Node) -> Span[Point]:
    return node.points[0:3]
"""


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE)


def test_fields_of_every_kind(unit: Unit) -> None:
    node = unit.Node(big=4, kind=unit.Kind.A)
    assert node.kind is unit.Kind.A and node.kind.name == "A" and node.label == "none" and node.maybe is None
    assert (node.where.x, node.where.y) == (-1, 7) and [p.y for p in node.points] == [7, 7, 7]
    node.where.x = -(2**31)
    node.mode = unit.Mode.READ | unit.Mode.WRITE
    node.numbers = [1, 2, 3, 4]
    node.numbers[2] = 65535
    node.data = [7, 8]
    node.label, node.title, node.hits, node.maybe = "héllo", "title", 9, 0
    node.entry = unit.Entry(present=True, frame=0x1234, kind=2)
    assert node.where.x == -(2**31) and unit.Mode.WRITE in node.mode
    assert node.numbers == [1, 2, 65535, 4] and node.numbers[-1] == 4 and node.numbers[1:3] == [2, 65535]
    assert node.data == [7, 8] and len(node.data) == 2
    assert (node.label, node.title, node.hits, node.maybe) == ("héllo", "title", 9, 0)
    assert node.entry.present is True and node.entry.frame == 0x1234 and node.entry.kind is unit.Kind.B
    assert int(node.entry) == 1 | 2 << 8 | 0x1234 << 12


def test_what_does_not_fit_is_refused_and_changes_nothing(unit: Unit) -> None:
    node = unit.Node(big=4)
    for name, value, error in (
        ("big", -1, OverflowError),
        ("big", 2**64, OverflowError),
        ("title", "123456789", OverflowError),
        ("numbers", [1], ValueError),
        ("where", 3, TypeError),
    ):
        with pytest.raises(error):
            setattr(node, name, value)
    assert node.big == 4 and node.title == "" and node.numbers == [0] * 4
    with pytest.raises(IndexError):
        node.numbers[4] = 1
    with pytest.raises(AttributeError, match="did you mean `total`"):
        node.totl()
    with pytest.raises(AttributeError):
        node.nothing = 1


def test_methods_properties_and_references(unit: Unit) -> None:
    first, second = unit.Node(big=1), unit.Node(big=20)
    assert first.is_last and first.total() == 1 and unit.Node.limit() == 40
    first.next = second
    assert not first.is_last and first.total() == 21 and first.next == second
    first.next.big = 30
    assert second.big == 30 and unit.tail_of(first) == second
    first.next = None
    assert first.next is None
    assert first.apply(4) == 4
    first.fn = unit.double
    assert first.apply(4) == 8


def test_a_referenced_object_outlives_its_name(unit: Unit) -> None:
    first = unit.Node(big=1)
    first.next = unit.Node(big=2, next=unit.Node(big=3))
    gc.collect()
    for _ in range(100):
        unit.Node(big=0xDEAD)
    assert first.total() == 6


def test_generics(unit: Unit) -> None:
    pair = unit.Pair["u16"](first=1, second=2)
    pair.swap()
    assert (pair.first, pair.second) == (2, 1)
    refs = unit.Pair[unit.Point]()
    refs.second.x = 5
    assert (refs.first.x, refs.second.x) == (-1, 5)


def test_constructors_variables_and_constants(unit: Unit) -> None:
    assert unit.Counter(4, step=2).value == 42
    assert unit.LIMIT == 40 and unit.NAME == "unit"
    before = unit.count
    assert unit.bump() == before + 1 == unit.count
    unit.set("count", 100)
    assert unit.bump() == 101
    assert unit.largest["i32"]([-4, 9, 3]) == 9 and unit.largest["u8"](b"\1\7\3") == 7
    with pytest.raises(TypeError, match=r"largest is generic: write largest\[T\]"):
        unit.largest([1])


def test_a_base_reference_is_seen_as_what_it_is(unit: Unit) -> None:
    shape = unit.some_shape()
    assert shape.side == 3 and shape.area() == 9
    shape.side = 5
    assert unit.some_shape().area() == 25


def test_spans_of_objects_are_views(unit: Unit) -> None:
    node = unit.Node()
    points = unit.three(node)
    points[1].x = 77
    assert node.points[1].x == 77 and len(points) == 3


def test_objects_and_functions_show_themselves(unit: Unit) -> None:
    node = unit.Node(big=4)
    assert repr(node).startswith("Node(kind=Kind.B, mode=0, big=4, where=Point(x=-1, y=7), points=[Point(x=-1, y=7), ")
    assert repr(unit.tail_of) == "<compiled tail_of(node: Node) -> Node>"
    assert "Point.array" not in repr(unit) and "tail_of" in repr(unit)
    with pytest.raises(TypeError, match="has no place for `nodes`"):
        unit.tail_of(nodes=node)
    with pytest.raises(AttributeError, match="did you mean `tail_of`"):
        unit.tail_off(node)


@pytest.mark.parametrize("path", ["kern/sync/spinlock.py", "kern/proc/proc.py", "kern/event/ucq.py", "user/parlib/ucq.py"])
def test_units_of_the_kernel_load_and_say_what_a_host_has_not(path: str) -> None:
    unit = load(path)
    if path == "kern/sync/spinlock.py":
        with pytest.raises(CheckFailed, match="the host has no function `asm_irqs_save`"):
            unit.SpinLock().irqs_off().retake()
        unit = load(path, over="tests/host/machine")
        lock = unit.SpinLock()
        lock.lock()
        assert lock.is_held() and lock.word == 1 and lock.owner & 0xFFFF == 1 and unit.core.lock_depth == 1
        with pytest.raises(CheckFailed, match="taken twice on core 0"):
            lock.lock()
        lock.unlock()
        with pytest.raises(CheckFailed, match="released by core 0"):
            lock.unlock()
    if path == "kern/proc/proc.py":
        proc = unit.Proc(pid=3, info=unit.ProcInfo(), data=unit.ProcData(), state_bits=unit.ProcState.CREATED)
        assert proc.state is unit.ProcState.CREATED and not proc.is_dying()
    if path == "kern/event/ucq.py":
        assert unit.is_good(4096 + 126) and not unit.is_good(4096 + 127) and not unit.is_good(5)
