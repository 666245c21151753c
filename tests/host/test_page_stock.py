# SPDX-License-Identifier: GPL-2.0-or-later
"""The cores' stocks of single pages over the buddy allocator: none is given out twice, each counts as free or is held, all join again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CheckFailed, Unit, load
from compiler.host.stress import stress

SOURCE = """
from lang import Array, array, u64
from kern.mm.buddy import Buddy, Page
from kern.mm.page_stock import depot, drain, keep_cleared, keep_page, kept_pages, take_cleared, take_page
from kern.lib.list import IntrusiveList

PAGES: u64 = 1024
records = array(1024, Page)
buddy = Buddy()
held_by_thread = array(64, u64)


def start(most: u64) -> None:
    buddy.pages = records[:]
    buddy.make_records(37, PAGES)
    buddy.add_range(37, PAGES)
    depot.most = most


def take() -> u64:
    pfn = take_page(buddy)
    return 0 if pfn is None else pfn


def take_zeros() -> u64:
    pfn = take_cleared(buddy)
    return 0 if pfn is None else pfn


def clear() -> bool:
    pfn = take_page(buddy)
    if pfn is None:
        return False
    keep_cleared(buddy, pfn)
    return True


def keep(pfn: u64) -> None:
    keep_page(buddy, pfn)


def drain_all() -> None:
    drain(buddy)


def free_pages() -> u64:
    return buddy.free_count + kept_pages()


def buddys_own() -> u64:
    return buddy.free_count


def blocks(order: u64) -> u64:
    return buddy.free[order].count


def take_and_keep() -> None:
    own = array(40, u64)
    count: u64 = 0
    for i in range(u64(40)):
        pfn = take_page(buddy)
        if pfn is not None:
            page = buddy.page(pfn)
            assert page.owner == 0, "a page was given out twice"
            page.owner = 1
            own[count] = pfn
            count += 1
    for pfn in own[:count]:
        buddy.page(pfn).owner = 0
        keep_page(buddy, pfn)
"""
FIRST, END = 37, 1024
TOTAL = END - FIRST


def started(most: int) -> Unit:
    unit = load(SOURCE, over="tests/host/machine")
    unit.call("start", most)
    return unit


@pytest.fixture(scope="module")
def unit() -> Unit:
    """Each test leaves it as it was: with all pages free, and joined."""
    return started(4)


def largest_blocks() -> list[int]:
    counts, pfn = [0] * 10, FIRST
    while pfn < END:
        order = 9
        while pfn % (1 << order) or pfn + (1 << order) > END:
            order -= 1
        counts[order] += 1
        pfn += 1 << order
    return counts


def take(unit: Unit, name: str, held: list[int]) -> bool:
    pfn = unit.call(name)
    if pfn:
        assert FIRST <= pfn < END and pfn not in held
        held.append(pfn)
    return pfn != 0


def give_all_back(unit: Unit, held: list[int]) -> None:
    for pfn in held:
        unit.call("keep", pfn)
    unit.call("drain_all")
    assert [unit.call("blocks", order) for order in range(10)] == largest_blocks()


STEPS = st.tuples(st.sampled_from(["take", "take", "keep", "keep", "clear", "zeros", "drain"]), st.integers(1, 90))


@pytest.mark.feature("kmem-12")
@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=30))
def test_every_page_is_free_or_held(unit: Unit, steps: list[tuple[str, int]]) -> None:
    held = list[int]()
    for what, times in steps:
        for _ in range(times):
            match what:
                case "take":
                    take(unit, "take", held)
                case "zeros":
                    take(unit, "take_zeros", held)
                case "clear":
                    unit.call("clear")
                case "keep" if held:
                    unit.call("keep", held.pop(times % len(held)))
        if what == "drain":
            unit.call("drain_all")
            assert unit.call("buddys_own") == TOTAL - len(held)
        assert unit.call("free_pages") == TOTAL - len(held)
    give_all_back(unit, held)


def test_all_pages_can_be_taken_one_by_one(unit: Unit) -> None:
    held = list[int]()
    while take(unit, "take", held):
        pass
    assert len(held) == TOTAL
    give_all_back(unit, held)


def test_a_page_that_is_kept_twice_is_noticed() -> None:
    unit = started(4)
    pfn = unit.call("take")
    unit.call("keep", pfn)
    with pytest.raises(CheckFailed, match="freed twice"):
        unit.call("keep", pfn)


def test_cores_at_once() -> None:
    unit: Any = started(2)
    stress([(unit.take_and_keep,)] * 3, iterations=5_000, seconds=2)
