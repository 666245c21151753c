# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's containers against Python's: lists, queues, rings, maps, trees, bitmaps, ranges, sorting."""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CheckFailed, Unit, load

SOURCE = """
from lang import Array, Ref, array, struct, u64
from kern.lib.bcq import Bcq, BcqSlot
from kern.lib.bitmap import Bitmap
from kern.lib.circular_buffer import CircularBuffer
from kern.lib.address_range import AddressRange, are_sorted, find_range
from kern.lib.hashmap import HashMap
from kern.lib.hashtable import HashTable
from kern.lib.list import IntrusiveList, ListLink
from kern.lib.queue import Queue
from kern.lib.rbtree import RedBlackTree, TreeLink
from kern.lib.ring import Ring
from kern.lib.sort import sort


@struct
class Item:
    id: u64
    next: Ref["Item"] | None
    link: ListLink["Item"]
    other: ListLink["Item"]
    hash_key: u64
    hash_next: Ref["Item"] | None
    node: TreeLink["Item"]


@struct
class QueueOf8:
    queue: Bcq[u64]
    slots: Array[BcqSlot[u64]] = array(8)

    def open(self, size: u64) -> None:
        self.queue.init(self.slots[:size])
"""

MANY = settings(max_examples=60)
NUMBERS = st.integers(0, 63)
KEYS = st.integers(0, 2**64 - 1) | st.integers(0, 5)


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE)


def items_of(unit: Unit) -> Any:
    items = unit.Item.array(64)
    for n, item in enumerate(items):
        item.id = n
    return items


def walk(first: Any, follow: Any) -> list[int]:
    found = []
    while first is not None:
        found.append(first.id)
        first = follow(first)
    return found


@MANY
@given(st.lists(st.tuples(st.sampled_from(["push_back", "push_front", "insert", "remove"]), NUMBERS, NUMBERS), max_size=80))
def test_intrusive_list(unit: Unit, operations: list[tuple[str, int, int]]) -> None:
    items, model = items_of(unit), list[int]()
    listed = unit.IntrusiveList[unit.Item, Literal["link"]]()
    reverse = unit.IntrusiveList[unit.Item, Literal["other"]]()  # the same items by another link, the other way round
    for what, n, m in operations:
        item = items[n]
        if n in model:
            listed.remove(item)
            reverse.remove(item)
            model.remove(n)
        elif what == "push_front":
            listed.push_front(item)
            reverse.push_back(item)
            model.insert(0, n)
        elif what == "insert" and model:
            place = model[m % len(model)]
            listed.insert_before(items[place], item)
            reverse.push_front(item)
            model.insert(model.index(place), n)
        elif what != "remove":
            listed.push_back(item)
            reverse.push_front(item)
            model.append(n)
        assert listed.count == reverse.count == len(model)
    assert walk(listed.first(), listed.after) == model
    assert walk(listed.last(), listed.before) == model[::-1]
    assert sorted(walk(reverse.first(), reverse.after)) == sorted(model)


def test_an_item_cannot_be_in_a_list_twice(unit: Unit) -> None:
    listed, item = unit.IntrusiveList[unit.Item, Literal["link"]](), unit.Item(id=3)
    listed.push_back(item)
    with pytest.raises(CheckFailed, match="in a list already"):
        listed.push_back(item)


@MANY
@given(st.lists(st.tuples(st.sampled_from(["push", "pop", "remove"]), NUMBERS), max_size=80))
def test_queue(unit: Unit, operations: list[tuple[str, int]]) -> None:
    items, queue, model = items_of(unit), unit.Queue[unit.Item](), deque[int]()
    for what, n in operations:
        if what == "pop":
            assert queue.pop() == (items[model.popleft()] if model else None)
        elif what == "remove":
            assert queue.remove(items[n]) == (n in model)
            if n in model:
                model.remove(n)
        elif n not in model:
            queue.push(items[n])
            model.append(n)
    while model:
        assert queue.pop().id == model.popleft()
    assert queue.pop() is None


@pytest.mark.feature("kmem-19")
@MANY
@given(st.lists(st.tuples(st.sampled_from(["insert", "find", "remove"]), KEYS, NUMBERS), max_size=80))
def test_hash_map(unit: Unit, operations: list[tuple[str, int, int]]) -> None:
    items, table, model = items_of(unit), unit.HashMap[unit.Item](), dict[int, int]()
    for what, key, n in operations:
        if what == "insert" and n not in model.values():
            assert table.insert(key, items[n]) == (key not in model)
            model.setdefault(key, n)
        elif what == "remove":
            assert table.remove(key) == (items[model.pop(key)] if key in model else None)
        assert table.find(key) == (items[model[key]] if key in model else None)
        assert table.count == len(model)


@pytest.mark.feature("kmem-19")
@MANY
@given(st.lists(st.tuples(st.sampled_from(["insert", "find", "remove"]), KEYS, st.integers(0, 299)), max_size=300))
def test_hash_table(unit: Unit, operations: list[tuple[str, int, int]]) -> None:
    items, table, model = unit.Item.array(300), unit.HashTable[unit.Item](), dict[int, int]()
    for what, key, n in operations:
        if what == "insert" and n not in model.values():
            assert table.insert(key, items[n]) == (key not in model)
            model.setdefault(key, n)
        elif what == "remove":
            assert table.remove(key) == (items[model.pop(key)] if key in model else None)
        assert table.find(key) == (items[model[key]] if key in model else None)
        assert table.count == len(model)
    table.clear()
    assert table.count == 0 and len(table.chains) == 0


@pytest.mark.feature("kmem-19")
def test_a_hash_table_grows_so_that_chains_stay_short(unit: Unit) -> None:
    items, table = unit.Item.array(1000), unit.HashTable[unit.Item]()
    for n, item in enumerate(items):
        assert table.insert(n * 4096, item)
    assert len(table.chains) >= 500 and table.longest() < 12
    assert all(table.find(n * 4096) == item for n, item in enumerate(items))
    table.clear()


@pytest.mark.feature("kmem-19")
@MANY
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 63), st.integers(0, 70)), max_size=150))
def test_red_black_tree(unit: Unit, operations: list[tuple[bool, int, int]]) -> None:
    """Against a dictionary; and every way down has as many black items, no red one a red child."""
    items, model = items_of(unit), dict[int, Any]()
    tree = unit.RedBlackTree[unit.Item, Literal["node"], Literal["hash_key"]]()
    for insert, n, key in operations:
        if insert and items[n] not in model.values():
            items[n].hash_key = key
            assert tree.insert(items[n]) == (key not in model)
            model.setdefault(key, items[n])
        elif not insert and key in model:
            tree.remove(model.pop(key))
        assert tree.count == len(model)
        assert tree.find(key) == model.get(key)
        assert tree.at_or_before(key) == model.get(max((k for k in model if k <= key), default=None))
        assert tree.at_or_after(key) == model.get(min((k for k in model if k >= key), default=None))
        black_height(tree.root, None)
    walked, item = [], tree.first()
    while item is not None:
        walked.append(item.hash_key)
        item = tree.after(item)
    assert walked == sorted(model)
    assert tree.last() == (model[max(model)] if model else None)


@pytest.mark.feature("kmem-19")
@MANY
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 9)), max_size=80), st.integers(0, 10))
def test_weights_in_a_red_black_tree(unit: Unit, operations: list[tuple[bool, int, int]], wanted: int) -> None:
    """Each item knows the heaviest below it, whatever is turned round; so the first that is heavy enough is found."""
    items, weights = items_of(unit), dict[int, int]()
    tree = unit.RedBlackTree[unit.Item, Literal["node"], Literal["hash_key"]]()
    for present, n, weight in operations:
        if present and n not in weights:
            items[n].hash_key = n
            lower = [k for k in weights if k < n]
            tree.insert_after(items[max(lower)] if lower else None, items[n])
        if present:
            tree.set_weight(items[n], weight)
            weights[n] = weight
        elif n in weights:
            tree.remove(items[n])
            del weights[n]
        black_height(tree.root, None)
        assert heaviest_below(tree.root) == max(weights.values(), default=0)
        first = min((k for k, w in weights.items() if w >= wanted), default=None)
        assert tree.first_weighing(wanted) == (None if first is None else items[first])
    order = sorted(weights)
    for n, key in enumerate(order):
        assert tree.before(items[key]) == (items[order[n - 1]] if n > 0 else None)
        assert tree.after(items[key]) == (items[order[n + 1]] if n + 1 < len(order) else None)
    taken = []
    while (leaf := tree.pop_leaf()) is not None:
        taken.append(leaf.hash_key)
    assert sorted(taken) == order and tree.count == 0 and tree.root is None


def heaviest_below(item: Any) -> int:
    if item is None:
        return 0
    heaviest: int = max(item.node.weight, heaviest_below(item.node.left), heaviest_below(item.node.right))
    assert item.node.heaviest == heaviest
    return heaviest


def black_height(item: Any, parent: Any) -> int:
    if item is None:
        return 1
    assert item.node.parent == parent and not (item.node.red and (parent is None or parent.node.red))
    left, right = black_height(item.node.left, item), black_height(item.node.right, item)
    assert left == right
    return left + (0 if item.node.red else 1)


@pytest.mark.feature("kmem-19")
@MANY
@given(st.lists(st.integers(0, 100), unique=True, max_size=20), st.integers(0, 110))
def test_address_ranges(unit: Unit, ends: list[int], address: int) -> None:
    bounds = sorted(ends)[: len(ends) // 2 * 2]
    pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
    ranges = unit.AddressRange.array(len(pairs))
    for table, (start, end) in zip(ranges, pairs, strict=True):
        table.start, table.end, table.meaning = start, end, start * 2
    found = unit.find_range(ranges, address)
    assert (None if found is None else found.meaning) == next((start * 2 for start, end in pairs if start <= address < end), None)
    assert unit.are_sorted(ranges)
    if len(pairs) > 1:
        ranges[0].end = ranges[1].end
        assert not unit.are_sorted(ranges)


@MANY
@given(st.lists(st.tuples(st.sampled_from(["write", "read", "over"]), st.binary(max_size=20)), max_size=60))
def test_ring(unit: Unit, operations: list[tuple[str, bytes]]) -> None:
    ring, model = unit.Ring["u8"](slots=bytearray(16)), deque[int](maxlen=16)
    for what, data in operations:
        if what == "write":
            count = ring.write(data)
            assert count == min(len(data), 16 - len(model))
            model.extend(data[:count])
        elif what == "over":
            for byte in data:
                ring.push_over(byte)
                model.append(byte)
        else:
            into = bytearray(len(data))
            count = ring.read(into)
            assert bytes(into[:count]) == bytes(model.popleft() for _ in range(min(len(data), len(model))))


@pytest.mark.feature("kmem-19")
@MANY
@given(st.sets(st.integers(0, 199)), st.sets(st.integers(0, 199)), st.integers(0, 199))
def test_bitmap(unit: Unit, present: set[int], dropped: set[int], start: int) -> None:
    bitmap = unit.Bitmap(words=[0] * 4, size=200)
    for n in present:
        bitmap.set(n)
    for n in dropped:
        bitmap.clear(n)
    model = present - dropped
    assert bitmap.count() == len(model)
    assert bitmap.test(start) == (start in model)
    assert bitmap.first_set(start) == min((n for n in model if n >= start), default=None)
    assert bitmap.first_clear(start) == min((n for n in range(start, 200) if n not in model), default=None)


@pytest.mark.feature("kmem-19")
@MANY
@given(st.lists(st.integers(0, 2**64 - 1), max_size=100))
def test_sort(unit: Unit, numbers: list[int]) -> None:
    values = (ctypes.c_uint64 * len(numbers))(*numbers)
    unit.sort["u64"](values)
    assert list(values) == sorted(numbers)


RECORDS = st.lists(st.tuples(st.sampled_from(["write", "read", "oldest"]), st.binary(max_size=20), st.integers(0, 40)), max_size=60)


@pytest.mark.feature("sync-31")
@MANY
@given(st.integers(5, 64), RECORDS)
def test_circular_buffer(unit: Unit, size: int, operations: list[tuple[str, bytes, int]]) -> None:
    """The newest records that fit, whole, each with four bytes of its own."""
    storage = (ctypes.c_uint8 * size)()
    buffer, model, dropped = unit.CircularBuffer(storage=storage), list[bytes](), 0
    for what, data, number in operations:
        if what == "write":
            assert buffer.write(data) == (len(data) + 4 <= size)
            if len(data) + 4 <= size:
                model.append(data)
                while sum(len(record) + 4 for record in model) > size:
                    del model[0]
                    dropped += 1
        elif what == "read":
            into = (ctypes.c_uint8 * 30)()
            count = buffer.read(into, number)
            assert bytes(into[:count]) == b"".join(model)[number : number + 30]
        else:
            into = (ctypes.c_uint8 * 10)()
            length = buffer.read_oldest(into)
            assert (length is None) == (not model)
            if model:
                record = model.pop(0)
                assert length == len(record) and bytes(into)[: len(record)] == record[:10]
        assert buffer.size() == sum(map(len, model)) and buffer.dropped == dropped
    buffer.clear()
    assert buffer.size() == 0 and buffer.read_oldest((ctypes.c_uint8 * 1)()) is None


@MANY
@given(st.sampled_from([2, 4, 8]), st.lists(st.none() | KEYS, max_size=60))
def test_bounded_concurrent_queue(unit: Unit, size: int, operations: list[int | None]) -> None:
    """A number is pushed, None pops: as a deque with a limit."""
    holder, model = unit.QueueOf8(), deque[int]()
    holder.open(size)
    for value in operations:
        if value is None:
            assert holder.queue.pop() == (model.popleft() if model else None)
        else:
            assert holder.queue.push(value) == (len(model) < size)
            if len(model) < size:
                model.append(value)
        assert holder.queue.is_empty() == (not model)


def test_a_bounded_concurrent_queue_needs_a_power_of_two(unit: Unit) -> None:
    for size in (0, 1, 3):
        with pytest.raises(CheckFailed, match="power of two"):
            unit.QueueOf8().open(size)
