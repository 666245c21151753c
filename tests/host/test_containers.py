# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's containers against Python's: lists, queues, rings, maps, bitmaps, sorting."""

from __future__ import annotations

import ctypes
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CheckFailed, Unit, load

DRIVER = """
from typing import Literal

from lang import Ref, Span, addr_of, array, assign, i64, struct, u8, u64
from kern.lib.bitmap import Bitmap
from kern.lib.hashmap import HashMap
from kern.lib.list import IntrusiveList, ListLink
from kern.lib.queue import Queue
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


items = array(64, Item)
blank = Item()
listed = IntrusiveList[Item, Literal["link"]]()
listed_too = IntrusiveList[Item, Literal["other"]]()
queue = Queue[Item]()
map = HashMap[Item]()
storage = array(16, u8)
ring = Ring[u8]()
words = array(4, u64)
bitmap = Bitmap()


def reset() -> None:
    while listed.pop_front() is not None:
        continue
    while listed_too.pop_front() is not None:
        continue
    while queue.pop() is not None:
        continue
    id: u64 = 0
    for item in items:
        map.remove(item.hash_key)
        assign(item, blank)
        item.id = id
        id += 1
    ring.slots = storage[0:16]
    ring.head = 0
    ring.tail = 0
    for i in range(u64(4)):
        words[i] = 0
    bitmap.words = words[0:4]
    bitmap.size = 200


def id_of(item: Item | None) -> i64:
    return -1 if item is None else i64(item.id)


def push_back(n: u64) -> None:
    listed.push_back(items[n])
    listed_too.push_front(items[n])


def push_front(n: u64) -> None:
    listed.push_front(items[n])
    listed_too.push_back(items[n])


def insert_before(place: u64, n: u64) -> None:
    listed.insert_before(items[place], items[n])
    listed_too.push_front(items[n])


def remove(n: u64) -> None:
    listed.remove(items[n])
    listed_too.remove(items[n])


def forwards(into: Span[u64]) -> u64:
    count: u64 = 0
    item = listed.first()
    while item is not None:
        into[count] = item.id
        count += 1
        item = listed.after(item)
    return count


def backwards(into: Span[u64]) -> u64:
    count: u64 = 0
    item = listed.last()
    while item is not None:
        into[count] = item.id
        count += 1
        item = listed.before(item)
    return count


def queue_push(n: u64) -> None:
    queue.push(items[n])


def queue_pop() -> i64:
    return id_of(queue.pop())


def queue_remove(n: u64) -> bool:
    return queue.remove(items[n])


def map_insert(key: u64, n: u64) -> bool:
    return map.insert(key, items[n])


def map_find(key: u64) -> i64:
    return id_of(map.find(key))


def map_remove(key: u64) -> i64:
    return id_of(map.remove(key))


def ring_write(data: Span[u8]) -> u64:
    return ring.write(data)


def ring_read(into: Span[u8]) -> u64:
    return ring.read(into)


def ring_push_over(value: u8) -> None:
    ring.push_over(value)


def bit_set(n: u64) -> None:
    bitmap.set(n)


def bit_clear(n: u64) -> None:
    bitmap.clear(n)


def bit_test(n: u64) -> bool:
    return bitmap.test(n)


def bit_count() -> u64:
    return bitmap.count()


def first_clear(start: u64) -> i64:
    found = bitmap.first_clear(start)
    return -1 if found is None else i64(found)


def first_set(start: u64) -> i64:
    found = bitmap.first_set(start)
    return -1 if found is None else i64(found)


def sort_numbers(values: Span[u64]) -> None:
    sort(values)


def list_count() -> u64:
    return listed.count
"""

MANY = settings(max_examples=60, deadline=None)
NUMBERS = st.integers(0, 63)
KEYS = st.integers(0, 2**64 - 1) | st.integers(0, 5)


@pytest.fixture(scope="module")
def loaded() -> Unit:
    return load(DRIVER)


def fresh(unit: Unit) -> Unit:
    unit.call("reset")
    return unit


def walk(unit: Unit, way: str) -> list[int]:
    into = bytearray(8 * 64)
    room = (ctypes.c_uint64 * 64).from_buffer(into)
    return list(room[: unit.call(way, room)])


@MANY
@given(st.lists(st.tuples(st.sampled_from(["push_back", "push_front", "insert", "remove"]), NUMBERS, NUMBERS), max_size=80))
def test_intrusive_list(loaded: Unit, operations: list[tuple[str, int, int]]) -> None:
    unit = fresh(loaded)
    model: list[int] = []
    for what, n, m in operations:
        if n in model:
            unit.call("remove", n)
            model.remove(n)
        elif what == "push_front":
            unit.call("push_front", n)
            model.insert(0, n)
        elif what == "insert" and model:
            place = model[m % len(model)]
            unit.call("insert_before", place, n)
            model.insert(model.index(place), n)
        elif what != "remove":
            unit.call("push_back", n)
            model.append(n)
        assert unit.call("list_count") == len(model)
    assert walk(unit, "forwards") == model
    assert walk(unit, "backwards") == model[::-1]


def test_an_item_cannot_be_in_a_list_twice(loaded: Unit) -> None:
    unit = fresh(loaded)
    unit.call("push_back", 3)
    with pytest.raises(CheckFailed, match="in a list already"):
        unit.call("push_back", 3)


@MANY
@given(st.lists(st.tuples(st.sampled_from(["push", "pop", "remove"]), NUMBERS), max_size=80))
def test_queue(loaded: Unit, operations: list[tuple[str, int]]) -> None:
    unit, model = fresh(loaded), deque[int]()
    for what, n in operations:
        if what == "pop":
            assert unit.call("queue_pop") == (model.popleft() if model else -1)
        elif what == "remove":
            assert unit.call("queue_remove", n) == (n in model)
            if n in model:
                model.remove(n)
        elif n not in model:
            unit.call("queue_push", n)
            model.append(n)
    while model:
        assert unit.call("queue_pop") == model.popleft()
    assert unit.call("queue_pop") == -1


@pytest.mark.feature("kmem-19")
@MANY
@given(st.lists(st.tuples(st.sampled_from(["insert", "find", "remove"]), KEYS, NUMBERS), max_size=80))
def test_hash_map(loaded: Unit, operations: list[tuple[str, int, int]]) -> None:
    unit, model = fresh(loaded), dict[int, int]()
    for what, key, n in operations:
        if what == "insert" and n not in model.values():
            assert unit.call("map_insert", key, n) == (key not in model)
            model.setdefault(key, n)
        elif what == "remove":
            assert unit.call("map_remove", key) == model.pop(key, -1)
        assert unit.call("map_find", key) == model.get(key, -1)
    for key, n in model.items():
        assert unit.call("map_remove", key) == n


@MANY
@given(st.lists(st.tuples(st.sampled_from(["write", "read", "over"]), st.binary(max_size=20)), max_size=60))
def test_ring(loaded: Unit, operations: list[tuple[str, bytes]]) -> None:
    unit, model = fresh(loaded), deque[int](maxlen=16)
    for what, data in operations:
        if what == "write":
            count = unit.call("ring_write", data)
            assert count == min(len(data), 16 - len(model))
            model.extend(data[:count])
        elif what == "over":
            for byte in data:
                unit.call("ring_push_over", byte)
                model.append(byte)
        else:
            into = bytearray(len(data))
            count = unit.call("ring_read", into)
            assert bytes(into[:count]) == bytes(model.popleft() for _ in range(min(len(data), len(model))))


@pytest.mark.feature("kmem-19")
@MANY
@given(st.sets(st.integers(0, 199)), st.sets(st.integers(0, 199)), st.integers(0, 199))
def test_bitmap(loaded: Unit, present: set[int], dropped: set[int], start: int) -> None:
    unit = fresh(loaded)
    for n in present:
        unit.call("bit_set", n)
    for n in dropped:
        unit.call("bit_clear", n)
    model = present - dropped
    assert unit.call("bit_count") == len(model)
    assert unit.call("bit_test", start) == (start in model)
    assert unit.call("first_set", start) == min((n for n in model if n >= start), default=-1)
    assert unit.call("first_clear", start) == min((n for n in range(start, 200) if n not in model), default=-1)


@pytest.mark.feature("kmem-19")
@MANY
@given(st.lists(st.integers(0, 2**64 - 1), max_size=100))
def test_sort(loaded: Unit, numbers: list[int]) -> None:
    values = (ctypes.c_uint64 * len(numbers))(*numbers)
    loaded.call("sort_numbers", values)
    assert list(values) == sorted(numbers)
