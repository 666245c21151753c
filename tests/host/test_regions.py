# SPDX-License-Identifier: GPL-2.0-or-later
"""The regions of an address space against a model that knows, page by page, what is mapped."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CompiledError, Unit, load

DRIVER = """
from lang import Span, free, new, u64
from kern.abi.mman import Prot
from kern.mm.regions import RegionList, VmRegion, find_region, find_room, first_beyond, first_in, forget, insert_region, join_range
from kern.mm.regions import move_range, next_in, note_room, room_before, split_range

vm = RegionList()


def reset() -> None:
    while (region := vm.regions.pop_leaf()) is not None:
        free(region)
    vm.recent = None
    vm.mapped_bytes = 0


def insert(base: u64, end: u64, prot: u64, shared: bool) -> bool:
    after = first_beyond(vm, base)
    if after is not None and after.base < end:
        return False
    insert_region(vm, new(VmRegion, base=base, end=end, prot=Prot(prot), shared=shared), after)
    return True


def remove(base: u64, end: u64) -> None:
    gone = RegionList()
    move_range(vm, split_range(vm, first_in(vm, base, end), base, end), end, gone)
    note_room(vm, first_beyond(vm, end))
    while (region := gone.regions.pop_leaf()) is not None:
        forget(region)


def protect(base: u64, end: u64, prot: u64) -> None:
    region = split_range(vm, first_in(vm, base, end), base, end)
    while region is not None:
        region.prot = Prot(prot)
        region = next_in(vm, region, end)
    join_range(vm, base, end)


def are_rooms_right() -> bool:
    # Each region knows the room before it, and each tree the most in it.
    before: VmRegion | None = None
    region = vm.regions.first()
    while region is not None:
        if region.node.weight != room_before(before, region) or region.node.heaviest != vm.regions.heaviest_of(region):
            return False
        before = region
        region = vm.regions.after(region)
    return True


def mapped_bytes() -> u64:
    return vm.mapped_bytes


def rights_at(address: u64) -> u64:
    region = find_region(vm, address)
    if region is None:
        return 99
    return u64(region.prot) + (8 if region.shared else 0)


def room(length: u64) -> u64:
    start, after = find_room(vm, length)
    assert after is first_beyond(vm, start) if after is not None else first_beyond(vm, start) is None
    return start


def list_all(into: Span[u64]) -> u64:
    count: u64 = 0
    region = vm.regions.first()
    while region is not None:
        into[count * 3] = region.base
        into[count * 3 + 1] = region.end
        into[count * 3 + 2] = u64(region.prot) + (8 if region.shared else 0)
        count += 1
        region = vm.regions.after(region)
    return count
"""

PAGE, BASE, PAGES = 4096, 0x0010_0000_0000, 48
TOP = 0x003F_0000_0000


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(DRIVER)


def regions(unit: Unit) -> list[tuple[int, int, int]]:
    room = (ctypes.c_uint64 * 300)()
    count = unit.call("list_all", room)
    return [(room[3 * i], room[3 * i + 1], room[3 * i + 2]) for i in range(count)]


def runs(model: dict[int, int]) -> list[tuple[int, int, int]]:
    """What the model's pages are as maximal ranges of one kind."""
    found: list[tuple[int, int, int]] = []
    for page in sorted(model):
        if found and found[-1][1] == page and found[-1][2] == model[page]:
            found[-1] = (found[-1][0], page + 1, model[page])
        else:
            found.append((page, page + 1, model[page]))
    return [(BASE + a * PAGE, BASE + b * PAGE, kind) for a, b, kind in found]


ACTIONS = st.sampled_from(["insert", "remove", "protect"])
RANGES = st.tuples(ACTIONS, st.integers(0, PAGES - 1), st.integers(1, 12), st.integers(0, 7), st.booleans())


@pytest.mark.feature("vm-01")
@settings(max_examples=80)
@given(operations=st.lists(RANGES, max_size=50))
def test_regions_are_what_the_pages_say(unit: Unit, operations: list[tuple[str, int, int, int, bool]]) -> None:
    unit.call("reset")
    model: dict[int, int] = {}
    for what, first, count, prot, shared in operations:
        pages = range(first, first + count)
        base, end = BASE + first * PAGE, BASE + (first + count) * PAGE
        if what == "insert":
            free = not any(p in model for p in pages)
            assert unit.call("insert", base, end, prot, shared) == free
            if free:
                model |= {p: prot + 8 * shared for p in pages}
        elif what == "remove":
            unit.call("remove", base, end)
            for p in pages:
                model.pop(p, None)
        else:
            unit.call("protect", base, end, prot)
            model |= {p: prot + (model[p] & 8) for p in pages if p in model}
        if what != "remove":
            assert regions(unit) == runs(model)
        assert unit.call("mapped_bytes") == len(model) * PAGE
        assert unit.call("are_rooms_right")
    for page in range(PAGES + 12):
        assert unit.call("rights_at", BASE + page * PAGE + 7) == model.get(page, 99)


@pytest.mark.feature("vm-03")
@settings(max_examples=60)
@given(taken=st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(1, 8)), max_size=20), length=st.integers(1, 10))
def test_the_lowest_room_is_found(unit: Unit, taken: list[tuple[int, int]], length: int) -> None:
    unit.call("reset")
    used: set[int] = set()
    for first, count in taken:
        if unit.call("insert", BASE + first * PAGE, BASE + (first + count) * PAGE, 3, False):
            used |= set(range(first, first + count))
    lowest = next(p for p in range(PAGES + 30) if not used & set(range(p, p + length)))
    assert unit.call("room", length * PAGE) == BASE + lowest * PAGE


def test_no_room_is_an_error(unit: Unit) -> None:
    unit.call("reset")
    assert unit.call("room", TOP - BASE) == BASE
    with pytest.raises(CompiledError, match="no room"):
        unit.call("room", TOP - BASE + PAGE)
