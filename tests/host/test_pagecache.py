# SPDX-License-Identifier: GPL-2.0-or-later
"""The page cache of a file against a model: what is in memory, what the file holds, and how often it was read and written."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CompiledError, Unit, load

SOURCE = """
from lang import Error, Paddr, array, at, addr_of, struct, u64, Array
from kern.abi.errno import Errno
from kern.mm.pagecache import CacheKind, Mappable, PageCache
from kern.mm.pages import bytes_at, page_get, page_put, pages_in_use

BLOCKS = 8
NONE: u64 = 99


@struct
class Word:
    value: u64


def word(page: Paddr) -> Word:
    return at(Word, bytes_at(page, 8).ptr)


class Disk(Mappable):
    blocks: Array[u64] = array(8)
    length: u64
    bad: u64
    reads: u64
    writes: u64

    def get(self) -> None:
        pass

    def put(self) -> None:
        pass

    def page_count(self) -> u64:
        return self.length

    def fill_page(self, index: u64, page: Paddr) -> None:
        word(page).value = 0

    def read_page(self, index: u64, page: Paddr) -> None:
        if index == self.bad:
            raise Error(Errno.EIO, "a bad block")
        self.reads += 1
        word(page).value = self.blocks[index]

    def write_page(self, index: u64, page: Paddr) -> None:
        if index == self.bad:
            raise Error(Errno.EIO, "a bad block")
        self.writes += 1
        self.blocks[index] = word(page).value


disk = Disk()
cache = PageCache(file=disk)


def start() -> None:
    disk.length = BLOCKS
    disk.bad = NONE
    disk.reads = 0
    disk.writes = 0
    for i in range(u64(BLOCKS)):
        disk.blocks[i] = i + 100

    cache.kind = CacheKind(0)


def stop() -> u64:
    cache.destroy()
    return pages_in_use()


def hold(index: u64) -> u64:
    return word(cache.load(index, False)).value


def peek(index: u64) -> u64:
    page = cache.get(index)
    if page is None:
        return NONE
    value = word(page).value
    cache.put(index, False)
    return value


def change(index: u64, value: u64) -> None:
    page = cache.get(index)
    assert page is not None, "a page that is held is not found"
    word(page).value = value
    cache.put(index, True)


def drop(index: u64) -> None:
    cache.put(index, False)


def sync() -> None:
    cache.write_back()


def flush() -> u64:
    return cache.flush_unused()


def shorten(pages: u64) -> None:
    disk.length = pages
    cache.truncate(pages)


def set_bad(index: u64) -> None:
    disk.bad = index


def reads() -> u64:
    return disk.reads


def writes() -> u64:
    return disk.writes


def block(index: u64) -> u64:
    return disk.blocks[index]


def attach(index: u64) -> u64:
    # As a private mapping of a file that never changes has a page.
    page = cache.load(index, False)
    page_get(page)
    cache.put(index, False)
    return u64(page)


def detach(page: u64) -> None:
    page_put(Paddr(page))


def used() -> u64:
    return pages_in_use()
"""

NONE = 99
BLOCKS = 8


@dataclass
class CachedPage:
    value: int
    refs: int = 0
    dirty: bool = False


@dataclass
class Model:
    blocks: list[int] = field(default_factory=lambda: [i + 100 for i in range(BLOCKS)])
    pages: dict[int, CachedPage] = field(default_factory=dict)
    length: int = BLOCKS
    bad: int = NONE
    reads: int = 0
    writes: int = 0

    def hold(self, index: int) -> int | str:
        if index not in self.pages:
            if index >= self.length:
                return "ESPIPE"
            if index == self.bad:
                return "EIO"
            self.reads += 1
            self.pages[index] = CachedPage(self.blocks[index])
        elif index >= self.length:
            return "ESPIPE"
        self.pages[index].refs += 1
        return self.pages[index].value

    def sync(self) -> str:
        result = ""
        for index, page in self.pages.items():
            if page.dirty and index == self.bad:
                result = "EIO"
            elif page.dirty:
                self.writes += 1
                self.blocks[index] = page.value
                page.dirty = False
        return result

    def flush(self) -> int:
        unused = [i for i, page in self.pages.items() if page.refs == 0 and not page.dirty]
        for index in unused:
            del self.pages[index]
        return len(unused)

    def shorten(self, pages: int) -> None:
        self.length = pages
        for index in [i for i in self.pages if i >= pages]:
            if self.pages[index].refs == 0:
                del self.pages[index]
            else:
                self.pages[index].value = 0


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE, over=["tests/host/machine", "tests/host/paging"])


def outcome(unit: Unit, name: str, *arguments: int) -> int | str:
    try:
        return unit.call(name, *arguments)
    except CompiledError as e:
        return errno.errorcode[e.errno]


STEPS = st.tuples(
    st.sampled_from(["hold", "hold", "drop", "change", "sync", "flush", "shorten", "bad"]), st.integers(0, BLOCKS), st.integers(1, 9)
)


@settings(max_examples=150)
@given(steps=st.lists(STEPS, max_size=60))
@pytest.mark.feature("vm-18", "kmem-13")
def test_cache_is_what_the_model_says(unit: Unit, steps: list[tuple[str, int, int]]) -> None:
    unit.call("start")
    model = Model()
    try:
        check_steps(unit, model, steps)
    finally:
        for index, page in model.pages.items():
            for _ in range(page.refs):
                unit.call("drop", index)
        left = unit.call("stop")
    assert left == 0


def check_steps(unit: Unit, model: Model, steps: list[tuple[str, int, int]]) -> None:
    for what, index, value in steps:
        page = model.pages.get(index)
        match what:
            case "hold":
                assert outcome(unit, "hold", index) == model.hold(index)
            case "drop" if page and page.refs:
                unit.call("drop", index)
                page.refs -= 1
            case "change" if page and page.refs:
                unit.call("change", index, value)
                page.value, page.dirty = value, True
            case "sync":
                assert (outcome(unit, "sync") or "") == model.sync()
            case "flush":
                assert unit.call("flush") == model.flush()
            case "shorten":
                unit.call("shorten", index)
                model.shorten(index)
            case "bad":
                unit.call("set_bad", index)
                model.bad = index
        assert [unit.call("peek", i) for i in range(BLOCKS)] == [model.pages[i].value if i in model.pages else NONE for i in range(BLOCKS)]
        assert (unit.call("reads"), unit.call("writes"), unit.call("used")) == (model.reads, model.writes, len(model.pages))
        assert [unit.call("block", i) for i in range(BLOCKS)] == model.blocks


@pytest.mark.feature("vm-18")
def test_pages_of_private_mappings_are_not_thrown_away_and_outlive_the_file(unit: Unit) -> None:
    unit.call("start")
    page = unit.call("attach", 3)
    unit.call("detach", unit.call("attach", 4))
    assert unit.call("flush") == 1 and unit.call("peek", 4) == NONE
    assert unit.call("peek", 3) == 103
    assert unit.call("stop") == 1
    unit.call("detach", page)
    assert unit.call("used") == 0
