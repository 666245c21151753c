# SPDX-License-Identifier: GPL-2.0-or-later
"""Units of parlib that need no process, against Python's own: slabs, bags, sets of cores, vectors of memory, counts, pools, rings."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CheckFailed, CompiledError, Unit, load

pytestmark = pytest.mark.feature("parlib-53")

MANY = settings(max_examples=50)

SOURCE = """
from lang import Span, array, struct, u8, u64
from parlib.core_set import CoreSet
from parlib.iovec import IoVec, gather, is_long_enough, scatter, strip_front, total_length, trim_to
from parlib.kref import Kref
from parlib.poke import Poke
from parlib.pool import NumberPool
from parlib.ring import ByteRing
from parlib.slab import SlabCache, no_action
from parlib.waitfreelist import WaitFreeList

constructed: u64 = 0
destructed: u64 = 0
released: u64 = 0


def construct(address: u64) -> None:
    global constructed
    constructed += 1


def destruct(address: u64) -> None:
    global destructed
    destructed += 1


def counts() -> tuple[u64, u64, u64]:
    return constructed, destructed, released


def open_cache(cache: SlabCache, size: u64, align: u64) -> None:
    cache.open("test", size, align, construct, destruct)


def note_release(ref: Kref) -> None:
    global released
    released += 1


def begin(ref: Kref, count: u64) -> None:
    ref.init(note_release, count)


poked = Poke()
runs: u64 = 0


def run_and_ask_again() -> None:
    # The first two runs each find that there is more to do.
    global runs
    runs += 1
    if runs < 3:
        poked.poke(run_and_ask_again)


def poke_from_within() -> u64:
    poked.poke(run_and_ask_again)
    return runs


def contains(cores: CoreSet, core: u64) -> bool:
    return core in cores


def size_of(cores: CoreSet) -> u64:
    return len(cores)


def same(one: CoreSet, other: CoreSet) -> bool:
    return one == other


def pieces_of(data: Span[u8], lengths: Span[u64], into: Span[IoVec]) -> None:
    place: u64 = 0
    for i in range(len(lengths)):
        into[i].base = data[place : place + lengths[i]]
        place += lengths[i]


def piece_length(pieces: Span[IoVec], i: u64) -> u64:
    return len(pieces[i].base)
"""


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE, over="tests/host/machine")


# -- slabs --------------------------------------------------------------------------------------------------------
@MANY
@given(size=st.integers(1, 500), align=st.sampled_from([1, 8, 16, 64]), actions=st.lists(st.integers(0, 300), max_size=120))
def test_slab_objects_are_apart_aligned_and_come_back(unit: Unit, size: int, align: int, actions: list[int]) -> None:
    cache = unit.SlabCache()
    unit.open_cache(cache, size, align)
    out: list[int] = []
    for action in actions:
        if action % 3 and out:
            cache.release(out.pop(action % len(out)))
        else:
            address = cache.allocate()
            assert address % align == 0 and all(abs(address - other) >= size for other in out)
            ctypes.memset(address, 0xAB, size)
            out.append(address)
    assert cache.given == len(out)
    assert cache.close() == (not out)
    for address in out:
        cache.release(address)
    assert cache.close() and cache.total == 0


def test_slab_constructs_each_object_once_and_destroys_it_once(unit: Unit) -> None:
    cache = unit.SlabCache()
    unit.open_cache(cache, 100, 16)
    before = unit.counts()
    for _ in range(5):
        addresses = [cache.allocate() for _ in range(50)]
        for address in addresses:
            cache.release(address)
    made = unit.counts()[0] - before[0]
    assert made == cache.total and cache.close() and unit.counts()[1] - before[1] == made


def test_slab_refuses_what_cannot_be(unit: Unit) -> None:
    for size, align in ((0, 8), (8, 3), (100_000, 8), (8, 0)):
        with pytest.raises(CompiledError):
            unit.open_cache(unit.SlabCache(), size, align)


# -- bags, pools, counts, pokes -----------------------------------------------------------------------------------
@MANY
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), max_size=60))
def test_wait_free_list_is_a_bag(unit: Unit, actions: list[tuple[int, int]]) -> None:
    bag = unit.WaitFreeList()
    model: list[int] = []
    for kind, value in actions:
        if kind < 2:
            bag.insert(value)
            model.append(value)
        elif kind == 2:
            taken = bag.remove()
            assert taken in model if model else taken == 0
            if taken:
                model.remove(taken)
        else:
            assert bag.remove_all(value) == model.count(value)
            model = [other for other in model if other != value]
        assert bag.size() == len(model) <= bag.capacity()


@MANY
@given(st.integers(1, 200), st.lists(st.booleans(), max_size=100))
def test_pool_gives_each_number_to_one(unit: Unit, size: int, actions: list[bool]) -> None:
    pool = unit.NumberPool()
    pool.open(size)
    out: list[int] = []
    for take in actions:
        if take:
            number = pool.take()
            assert (number is None) == (len(out) == size)
            if number is not None:
                assert 0 <= number < size and number not in out
                out.append(number)
        elif out:
            pool.give(out.pop())
    with pytest.raises(CheckFailed):
        pool.give(next(n for n in range(size + 1) if n not in out))


def test_kref_releases_once_and_is_not_revived(unit: Unit) -> None:
    ref = unit.Kref()
    before = unit.counts()[2]
    unit.begin(ref, 1)
    ref.get(2)
    assert [ref.put(), ref.get_not_zero(1), ref.put(), ref.put(), ref.put()] == [False, True, False, False, True]
    assert unit.counts()[2] == before + 1 and not ref.get_not_zero(1)
    with pytest.raises(CheckFailed):
        ref.get(1)
    with pytest.raises(CheckFailed):
        unit.Kref().put()


def test_poke_runs_again_for_who_asks_meanwhile(unit: Unit) -> None:
    assert unit.poke_from_within() == 3


# -- sets of cores ------------------------------------------------------------------------------------------------
CORES = st.sets(st.integers(0, 255), max_size=40)


def set_of(unit: Unit, cores: set[int]) -> Any:
    made = unit.CoreSet()
    for core in cores:
        made.add(core)
    return made


def members(unit: Unit, cores: Any) -> set[int]:
    return {core for core in range(256) if unit.contains(cores, core)}


@MANY
@given(CORES, CORES, st.integers(0, 256))
def test_core_sets_are_sets(unit: Unit, one: set[int], other: set[int], count: int) -> None:
    for name, model in (("unite", one | other), ("intersect", one & other), ("subtract", one - other)):
        made = set_of(unit, one)
        getattr(made, name)(set_of(unit, other))
        assert members(unit, made) == model and unit.size_of(made) == len(model)
        assert unit.same(made, set_of(unit, model))
    made = set_of(unit, one)
    made.invert(count)
    assert members(unit, made) == one ^ set(range(count))
    assert set_of(unit, one).next_from(count) == min((core for core in one if core >= count), default=256)
    made.fill(count)
    assert members(unit, made) == set(range(count))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("3", {3}), ("0-3", {0, 1, 2, 3}), ("0-3,7, 9-15:2", {0, 1, 2, 3, 7, 9, 11, 13, 15}), ("255", {255}), ("0-255:100", {0, 100, 200})],
)
def test_core_sets_are_read(unit: Unit, text: str, wanted: set[int]) -> None:
    made = unit.CoreSet()
    made.parse(text)
    assert members(unit, made) == wanted


@pytest.mark.parametrize("text", ["", "x", "3-1", "1,,2", "256", "0-400", "1-5:0", "-1", "1-2-3", "4:"])
def test_nonsense_is_no_core_set(unit: Unit, text: str) -> None:
    made = unit.CoreSet()
    made.add(9)
    with pytest.raises(CompiledError):
        made.parse(text)
    assert members(unit, made) == {9}


# -- memory in pieces ---------------------------------------------------------------------------------------------
@MANY
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(0, 80))
def test_vectors_of_memory(unit: Unit, lengths: list[int], count: int) -> None:
    data = bytearray(range(sum(lengths)))
    pieces = unit.IoVec.array(len(lengths))
    unit.pieces_of(data, lengths, pieces)
    assert unit.total_length(pieces) == len(data)
    assert unit.is_long_enough(pieces, count) == (len(data) >= count)
    into = bytearray(count)
    assert unit.gather(pieces, into) == min(count, len(data)) and into[: len(data)] == data[:count]
    unit.strip_front(pieces, count)
    assert unit.total_length(pieces) == max(len(data) - count, 0)
    unit.pieces_of(data, lengths, pieces)
    unit.trim_to(pieces, count)
    assert unit.total_length(pieces) == min(len(data), count)
    unit.pieces_of(data, lengths, pieces)
    fresh = bytes(range(100, 100 + count))
    assert unit.scatter(fresh, pieces) == min(count, len(data)) and data[:count] == fresh[: len(data)]


@MANY
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=60))
def test_ring_is_a_queue_of_bytes(unit: Unit, actions: list[tuple[bool, int]]) -> None:
    ring = unit.ByteRing()
    memory = bytearray(32)
    ring.open(memory)
    model = b""
    sent = 0
    for is_write, count in actions:
        if is_write:
            data = bytes((sent + i) % 251 for i in range(count))
            done = ring.write(data)
            assert done == min(count, 32 - len(model))
            model += data[:done]
            sent += done
        else:
            into = bytearray(count)
            done = ring.read(into)
            assert done == min(count, len(model)) and into[:done] == model[:done]
            model = model[done:]
        assert ring.used == len(model)
