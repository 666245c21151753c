# SPDX-License-Identifier: GPL-2.0-or-later
"""Slab caches with their magazines against a model, on a machine with 64 pages; and from several threads at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CompiledError, Unit, load

SOURCE = """
from lang import Array, Atomic, Ptr, array, struct, u64
from kern.mm.magazine import NOTHING
from kern.mm.pages import free_count
from kern.mm.slab import SlabCache, caches, init_slabs, magazines

HELD: u64 = 40
caches_here = array(1, SlabCache)
shared = SlabCache()
damaged = Atomic[u64](0)


def start() -> None:
    init_slabs()
    shared.init("shared", 40, 8, None)


def make_cache(size: u64, align: u64) -> SlabCache:
    caches_here[0].init("test", size, align, None)
    return caches_here[0]


def churn() -> None:
    mine = array(HELD, u64)
    for i in range(HELD):
        mine[i] = shared.alloc()
        Ptr[u64](mine[i])[0] = mine[i] ^ i
    for i in range(HELD):
        if Ptr[u64](mine[i])[0] != mine[i] ^ i:
            damaged.add(1)
        shared.free(mine[i])
"""
PAGES = 64
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["alloc", "free", "many", "many", "drop", "drop", "drain"]), st.integers(0, 1 << 20)), max_size=60
)


@pytest.fixture(scope="module")
def unit() -> Unit:
    unit = load(SOURCE, over=["tests/host/machine", "tests/host/memory"])
    unit.start()
    return unit


@pytest.mark.feature("kmem-07")
@settings(max_examples=40)
@given(size=st.integers(1, 900), align=st.sampled_from([1, 8, 16, 64]), operations=OPERATIONS)
def test_objects_are_disjoint_and_all_pages_come_back(unit: Unit, size: int, align: int, operations: list[tuple[str, int]]) -> None:
    before = unit.free_count()
    cache, held = unit.make_cache(size, align), list[int]()
    for what, pick in operations:
        if what in ("alloc", "many"):
            for _ in range(1 if what == "alloc" else 60):
                take(cache, held, size, align)
        elif what == "drain":
            cache.release_all()
        else:
            for _ in range(1 if what == "free" else 60):
                if held:
                    cache.free(held.pop(pick % len(held)))
        assert cache.in_use >= len(held)
    for object in held:
        cache.free(object)
    cache.destroy()
    unit.magazines.release_all()
    assert unit.free_count() == before


def take(cache: Any, held: list[int], size: int, align: int) -> None:
    try:
        object = cache.alloc()
    except CompiledError:
        assert cache.pages > 0
        return
    assert object % align == 0 and all(abs(object - other) >= size for other in held)
    held.append(object)


@pytest.mark.feature("kmem-07")
def test_cores_share_a_cache(unit: Unit) -> None:
    stress = pytest.importorskip("compiler.host.stress").stress
    stress([(unit.churn,)] * 4, iterations=2000, seconds=2)
    assert unit.damaged == 0
