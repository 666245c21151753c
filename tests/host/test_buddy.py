# SPDX-License-Identifier: GPL-2.0-or-later
"""The buddy allocator against a model: blocks are aligned and disjoint, nothing is lost, and free blocks join again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CheckFailed, Unit, load

PAGES = 4096
MAX_ORDER = 10
FIRST, END = 37, 4001           # not aligned on purpose
DRIVER = """
from lang import array, assign, i64, u32, u64
from kern.mm.buddy import Buddy, Page

pages = array(4096, Page)
buddy = Buddy()
blank = Page()


def reset(first: u64, end: u64) -> None:
    for page in pages:
        assign(page, blank)
    fresh = Buddy()
    assign(buddy, fresh)
    buddy.pages = pages[0:4096]
    buddy.add_range(first, end)


def alloc(order: u32) -> i64:
    pfn = buddy.alloc(order)
    return -1 if pfn is None else i64(pfn)


def give_back(pfn: u64, order: u32) -> None:
    buddy.give_back(pfn, order)


def free_count() -> u64:
    return buddy.free_count


def references(pfn: u64) -> i64:
    return i64(buddy.page(pfn).refs.load())
"""


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(DRIVER)


def largest_blocks() -> list[int]:
    """Orders of the blocks that FIRST..END is made of when nothing is allocated."""
    orders, pfn = [], FIRST
    while pfn < END:
        order = MAX_ORDER
        while pfn % (1 << order) or pfn + (1 << order) > END:
            order -= 1
        orders.append(order)
        pfn += 1 << order
    return orders


OPERATIONS = st.lists(st.tuples(st.booleans(), st.integers(0, MAX_ORDER), st.integers(0, 1 << 30)), max_size=120)


@pytest.mark.feature("kmem-12")
@settings(max_examples=60, deadline=None)
@given(operations=OPERATIONS)
def test_blocks_are_disjoint_and_all_memory_comes_back(unit: Unit, operations: list[tuple[bool, int, int]]) -> None:
    unit.call("reset", FIRST, END)
    held: dict[int, int] = {}
    for take, order, pick in operations:
        if take or not held:
            pfn = unit.call("alloc", order)
            if pfn < 0:
                continue
            assert pfn % (1 << order) == 0
            assert FIRST <= pfn and pfn + (1 << order) <= END
            for other, size in held.items():
                assert pfn + (1 << order) <= other or other + (1 << size) <= pfn
            assert unit.call("references", pfn) == 1
            held[pfn] = order
        else:
            pfn = sorted(held)[pick % len(held)]
            unit.call("give_back", pfn, held.pop(pfn))
        assert unit.call("free_count") == END - FIRST - sum(1 << n for n in held.values())
    for pfn, order in held.items():
        unit.call("give_back", pfn, order)
    # All free again: exactly the blocks of the beginning can be had, biggest first.
    for order in sorted(largest_blocks(), reverse=True):
        assert unit.call("alloc", order) >= 0
    assert unit.call("alloc", 0) == -1


def test_a_block_freed_twice_is_noticed(unit: Unit) -> None:
    unit.call("reset", 0, 64)
    pfn = unit.call("alloc", 2)
    unit.call("give_back", pfn, 2)
    with pytest.raises(CheckFailed, match="freed twice|another order"):
        unit.call("give_back", pfn, 2)


def test_a_block_freed_with_another_order_is_noticed(unit: Unit) -> None:
    unit.call("reset", 0, 64)
    pfn = unit.call("alloc", 2)
    with pytest.raises(CheckFailed, match="another order"):
        unit.call("give_back", pfn, 3)
