# SPDX-License-Identifier: GPL-2.0-or-later
"""The core of arenas against a model: what is allocated is disjoint and as asked, counts are exact, and free neighbours join."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CheckFailed, Unit, load

TAGS = 400
SPANS = ((100, 1000), (2000, 333), (4096, 4096))


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load("kern/mm/segments.py")


class Model:
    """An arena, and beside it what it should know. A span's end cannot be joined to another's."""

    def __init__(self, unit: Unit, quantum: int, spans: tuple[tuple[int, int], ...] = SPANS, imported: bool = False) -> None:
        self.unit, self.quantum, self.spans = unit, quantum, spans
        self.arena: Any = unit.Segments()
        self.arena.init(quantum)
        self.tags = unit.Tag.array(TAGS)
        for tag in self.tags:
            self.arena.give_tag(tag)
        self.whole = [(-(-start // quantum) * quantum, (start + size) // quantum * quantum) for start, size in spans]
        for start, size in spans:
            self.arena.add(start, size, imported)
        self.held: dict[int, int] = {}

    def gaps(self) -> list[tuple[int, int]]:
        """What is free, by the model."""
        found = []
        for start, end in self.whole:
            at = start
            for used, size in sorted(self.held.items()):
                if start <= used < end:
                    if used > at:
                        found.append((at, used))
                    at = used + size
            if end > at:
                found.append((at, end))
        return found

    def take(self, start: int | None, size: int) -> None:
        if start is not None:
            assert start % self.quantum == 0
            assert any(low <= start and start + size <= high for low, high in self.gaps()), (start, size, self.gaps())
            self.held[start] = size

    def drop(self, start: int) -> Any:
        return self.arena.free(start, self.held.pop(start))

    def agrees(self) -> None:
        assert self.arena.used == sum(self.held.values()) and self.arena.used_count == len(self.held)
        assert self.arena.total == sum(end - start for start, end in self.whole if end > start)
        assert sorted(self.segments("FREE")) == self.gaps()
        assert sorted(self.segments("USED")) == sorted((start, start + size) for start, size in self.held.items())
        in_lists = [tag for number in range(64) for tag in walk(self.arena.free_lists[number])]
        assert sorted((tag.start, tag.start + tag.size) for tag in in_lists) == self.gaps()
        assert all(self.arena.nonempty >> number & 1 == (not self.arena.free_lists[number].is_empty()) for number in range(64))

    def segments(self, kind: str) -> list[tuple[int, int]]:
        return [(tag.start, tag.start + tag.size) for tag in walk(self.arena.tags) if tag.kind.name == kind]


def walk(items: Any) -> Any:
    item = items.first()
    while item is not None:
        yield item
        item = items.after(item)


QUANTA = st.sampled_from([1, 3, 4, 7, 16, 64])
OPERATIONS = st.lists(st.tuples(st.sampled_from(["alloc", "within", "free"]), st.integers(1, 300), st.integers(0, 1 << 30)), max_size=80)


@pytest.mark.feature("kmem-01", "kmem-02", "kmem-04")
@settings(max_examples=60)
@given(quantum=QUANTA, operations=OPERATIONS, data=st.data())
def test_allocations_are_disjoint_and_all_comes_back(unit: Unit, quantum: int, operations: list[tuple[str, int, int]], data: Any) -> None:
    model = Model(unit, quantum)
    for what, amount, pick in operations:
        size = -(-amount // quantum) * quantum
        if what == "alloc":
            fit = list(unit.Fit)[pick % 3]
            start = model.arena.alloc(size, fit)
            fits = [end - low for low, end in model.gaps() if end - low >= size]
            assert (start is None) == (not fits)
            if start is not None and fit == unit.Fit.BEST:
                assert min(fits) == next(end - low for low, end in model.gaps() if low == start)
            model.take(start, size)
        elif what == "within":
            wanted = data.draw(constraints(size))
            start = model.arena.alloc_within(size, unit.Constraints(**wanted))
            possible = [at for low, end in model.gaps() for at in range(low, end - size + 1, quantum) if allowed(at, size, wanted)]
            assert (start is None) == (not possible)
            assert start is None or start in possible
            model.take(start, size)
        elif model.held:
            assert model.drop(sorted(model.held)[pick % len(model.held)]) is None
        model.agrees()
    for start in list(model.held):
        model.drop(start)
    model.agrees()
    assert model.segments("FREE") == [span for span in model.whole if span[1] > span[0]]


def constraints(size: int) -> st.SearchStrategy[dict[str, int]]:
    return st.integers(1, 70).flatmap(
        lambda align: st.fixed_dictionaries(
            {
                "align": st.just(align),
                "phase": st.integers(0, align - 1),
                "nocross": st.one_of(st.just(0), st.integers(size, size + 500)),
                "minimum": st.integers(0, 6000),
                "maximum": st.one_of(st.just(2**64 - 1), st.integers(0, 9000)),
            }
        )
    )


def allowed(start: int, size: int, wanted: dict[str, int]) -> bool:
    nocross = wanted["nocross"]
    return (
        start % wanted["align"] == wanted["phase"]
        and start >= wanted["minimum"]
        and start + size <= wanted["maximum"]
        and (nocross == 0 or start // nocross == (start + size - 1) // nocross)
    )


@pytest.mark.feature("kmem-04")
@given(order=st.permutations(range(8)))
def test_an_imported_span_is_told_of_once_it_is_whole(unit: Unit, order: list[int]) -> None:
    model = Model(unit, 4, ((100, 32),), imported=True)
    starts = [model.arena.alloc(4, unit.Fit.INSTANT) for _ in range(8)]
    for number in order[:-1]:
        assert model.arena.free(starts[number], 4) is None
    span = model.arena.free(starts[order[-1]], 4)
    assert (span.start, span.size) == (100, 32)
    model.arena.remove(span)
    assert model.arena.total == 0 and model.arena.tags.is_empty() and model.arena.spare_count == TAGS


@pytest.mark.feature("kmem-01")
def test_the_next_fit_goes_on_behind_the_last(unit: Unit) -> None:
    model = Model(unit, 1, ((1, 30),))
    next_fit = unit.Fit.NEXT
    assert [model.arena.alloc(1, next_fit) for _ in range(2)] == [1, 2]
    model.arena.free(1, 1)
    assert [model.arena.alloc(1, next_fit) for _ in range(28)] == list(range(3, 31))
    assert [model.arena.alloc(1, next_fit) for _ in range(2)] == [1, None]


def test_the_table_of_what_is_used_grows(unit: Unit) -> None:
    model = Model(unit, 1, ((0, 300),))
    starts = [model.arena.alloc(1, unit.Fit.INSTANT) for _ in range(100)]
    assert model.arena.wants_buckets()
    assert len(model.arena.use_buckets(unit.HashChain[unit.Tag, Literal["start"]].array(64))) == 0, "the first table is part of the arena"
    assert len(model.arena.use_buckets(unit.HashChain[unit.Tag, Literal["start"]].array(128))) == 64
    for start in starts:
        model.arena.free(start, 1)
    assert model.segments("FREE") == [(0, 300)]


@pytest.mark.parametrize(("start", "size", "said"), [(101, 1, "not allocated"), (100, 2, "another size")])
def test_a_wrong_free_is_noticed(unit: Unit, start: int, size: int, said: str) -> None:
    model = Model(unit, 1)
    model.held[model.arena.alloc_within(1, unit.Constraints(minimum=100, maximum=101))] = 1
    with pytest.raises(CheckFailed, match=said):
        model.arena.free(start, size)
