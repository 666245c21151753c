# SPDX-License-Identifier: GPL-2.0-or-later
"""The radix tree against a dict, and looked up by real threads while it grows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import Unit, load
from compiler.host.stress import stress

SOURCE = """
from lang import Atomic, struct, u64
from kern.lib.radix import RadixTree


@struct
class Driver:
    tree: RadixTree
    made: Atomic[u64]

    def put(self, key: u64, value: u64) -> None:
        self.tree.make(key).store(value)

    def get(self, key: u64) -> u64:
        word = self.tree.find(key)
        return word.load() if word is not None else 0

    def next(self, start: u64, end: u64) -> u64:
        return self.tree.next_used(start, end)

    def clear(self) -> None:
        self.tree.clear()

    def grow(self) -> None:
        key = self.made.load()
        if key < 4_000:
            self.tree.make(key * key).store(key + 1)
            self.made.store(key + 1)

    def look(self) -> None:
        made = self.made.load()
        if made > 0:
            key = made - 1
            assert self.get(key * key) == made, "a word that was made is not found"
            assert self.tree.next_used(key * key, key * key + 1) == key * key, "nor by a walk"
"""

TOP = 2**64 - 1
KEYS = st.integers(0, 200) | st.integers(0, TOP) | st.sampled_from([63, 64, 4095, 4096, 262_144, TOP])


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE)


def first_used(model: dict[int, int], start: int, end: int) -> int:
    return min((key for key in model if start <= key < end and model[key]), default=end)


@settings(max_examples=80)
@given(st.lists(st.tuples(KEYS, st.integers(0, 3)), max_size=40), st.lists(st.tuples(KEYS, KEYS), max_size=10))
def test_a_radix_tree_is_a_dict(unit: Unit, stores: list[tuple[int, int]], ranges: list[tuple[int, int]]) -> None:
    driver: Any = unit.Driver()
    model: dict[int, int] = {}
    for key, value in stores:
        driver.put(key, value)
        model[key] = value
    for key in [*model, 0, 5, TOP]:
        assert driver.get(key) == model.get(key, 0)
    for start, end in ranges:
        if start < end and end - start < 100_000 or not any(start <= key < end for key in model):
            assert driver.next(start, end) == (first_used(model, start, end) if start < end else end)
    driver.clear()
    assert all(driver.get(key) == 0 for key in model)


def test_who_looks_while_it_grows_finds_what_was_made(unit: Unit) -> None:
    driver: Any = unit.Driver()
    stress([(driver.grow,), (driver.look,), (driver.look,)], iterations=6_000, seconds=20)
    assert driver.made == 4_000
