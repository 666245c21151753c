# SPDX-License-Identifier: GPL-2.0-or-later
"""The buddy allocator against a model: blocks are aligned and disjoint, nothing is lost, and free blocks join again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CheckFailed, Unit, load

PAGES = 4096
MAX_ORDER = 9
FIRST, END = 37, 4001  # not aligned on purpose


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load("kern/mm/buddy.py")


def buddy_of(unit: Unit, first: int, end: int) -> Any:
    buddy = unit.Buddy(pages=unit.Page.array(PAGES))
    buddy.make_records(first, end)
    buddy.add_range(first, end)
    return buddy


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
@settings(max_examples=60)
@given(operations=OPERATIONS)
def test_blocks_are_disjoint_and_all_memory_comes_back(unit: Unit, operations: list[tuple[bool, int, int]]) -> None:
    buddy = buddy_of(unit, FIRST, END)
    held: dict[int, int] = {}
    for take, order, pick in operations:
        if take or not held:
            pfn = buddy.alloc(order)
            if pfn is None:
                continue
            assert pfn % (1 << order) == 0
            assert FIRST <= pfn and pfn + (1 << order) <= END
            for other, size in held.items():
                assert pfn + (1 << order) <= other or other + (1 << size) <= pfn
            assert buddy.page(pfn).refs == 1
            held[pfn] = order
        else:
            pfn = sorted(held)[pick % len(held)]
            buddy.give_back(pfn, held.pop(pfn))
        assert buddy.free_count == END - FIRST - sum(1 << n for n in held.values())
    for pfn, order in held.items():
        buddy.give_back(pfn, order)
    # All free again: exactly the blocks of the beginning can be had, biggest first.
    for order in sorted(largest_blocks(), reverse=True):
        assert buddy.alloc(order) is not None
    assert buddy.alloc(0) is None


def test_a_block_freed_twice_is_noticed(unit: Unit) -> None:
    buddy = buddy_of(unit, 0, 64)
    pfn = buddy.alloc(2)
    buddy.give_back(pfn, 2)
    with pytest.raises(CheckFailed, match="freed twice|another order"):
        buddy.give_back(pfn, 2)


def test_a_block_freed_with_another_order_is_noticed(unit: Unit) -> None:
    buddy = buddy_of(unit, 0, 64)
    pfn = buddy.alloc(2)
    with pytest.raises(CheckFailed, match="another order"):
        buddy.give_back(pfn, 3)
