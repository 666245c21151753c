# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel reads at boot: cpio archives, good and bad, and its command line."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.backend import cpio
from compiler.host import CompiledError, Unit, load

DRIVER = """
from lang import Span, Text, copy_bytes, text, u8, u32, u64
from kern.arch_api import BootInfo
from kern.boot.cmdline import option_in, unescape
from kern.boot.cpio import CpioEntry, CpioReader
from kern.boot.memory_map import add_usable, exclude


def read_entry(archive: Span[u8], position: u64, name: Span[u8], data: Span[u8], numbers: Span[u64]) -> u64:
    reader = CpioReader(archive=archive, position=position)
    entry = CpioEntry(name="", data=archive[0:0])
    if not reader.next(entry):
        return 0
    copy_bytes(name[:len(entry.name)], entry.name)
    size = min(len(entry.data), len(data))
    copy_bytes(data[:size], entry.data[:size])
    numbers[0] = len(entry.name)
    numbers[1] = len(entry.data)
    numbers[2] = u64(entry.mode)
    numbers[3] = 1 if entry.is_dir else 2 if entry.is_file else 0
    return reader.position


def option(line: str, name: str, into: Span[u8]) -> u64:
    value = option_in(line, name)
    if value is None:
        return 1 << 32
    plain = text(500)
    unescape(value, plain)
    copy_bytes(into[:len(plain.view)], plain.view)
    return len(plain.view)
"""

MANY = settings(max_examples=60)


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(DRIVER)


def entries(unit: Unit, archive: bytes) -> dict[str, tuple[bytes, int, int]]:
    found, position = {}, 0
    name, data, numbers = bytearray(4096), bytearray(1 << 16), (ctypes.c_uint64 * 4)()
    while (position := unit.call("read_entry", archive, position, name, data, numbers)) != 0:
        found[name[: numbers[0]].decode()] = bytes(data[: numbers[1]]), numbers[2], numbers[3]
    return found


@MANY
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z][a-z0-9.]{0,11}){0,2}", fullmatch=True), st.binary(max_size=300), max_size=8))
def test_archives_of_our_own_writer_read_back(unit: Unit, tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]) -> None:
    # A name that is also a folder of another cannot be written.
    files = {n: c for n, c in contents.items() if not any(o.startswith(n + "/") for o in contents)}
    folder = tmp_path_factory.mktemp("files")
    paths = {}
    for number, (name, content) in enumerate(files.items()):
        paths[name] = folder / str(number)
        paths[name].write_bytes(content)
    found = entries(unit, cpio.archive(paths))
    assert {n: c for n, (c, _, kind) in found.items() if kind == 2} == files
    folders = {n for n, (_, _, kind) in found.items() if kind == 1}
    assert {name.rsplit("/", 1)[0] for name in files if "/" in name} <= folders


@MANY
@given(st.binary(max_size=400), st.integers(0, 400))
def test_a_bad_archive_is_refused_not_followed(unit: Unit, junk: bytes, cut: int) -> None:
    good = b"070701" + b"%08X" % 1 + b"%08X" % 0o100644 + b"0" * 32 + b"%08X" % 5 + b"0" * 32 + b"%08X" % 2 + b"0" * 8 + b"a\0hello\0\0\0"
    for archive in (junk, good[:cut], good + junk):
        try:
            entries(unit, archive)
        except CompiledError as error:
            assert "cpio" in error.message


def option(unit: Unit, line: str, name: str) -> str | None:
    into = bytearray(600)
    size = unit.call("option", line, name, into)
    return None if size == 1 << 32 else into[:size].decode()


@pytest.mark.feature("boot-03")
def test_command_line(unit: Unit) -> None:
    line = r'quiet  init=/bin/sh num=1 run="ls -l; echo \"a b\"" num=2 flag= open="a b'
    assert option(unit, line, "quiet") == ""
    assert option(unit, line, "init") == "/bin/sh"
    assert option(unit, line, "num") == "2"
    assert option(unit, line, "run") == 'ls -l; echo "a b"'
    assert option(unit, line, "flag") == ""
    assert option(unit, line, "open") == "a b"
    for absent in ("ini", "initx", "l", "echo", "-l;"):
        assert option(unit, line, absent) is None
    assert option(unit, "", "x") is None


@MANY
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=100), st.text("abc", min_size=1, max_size=3))
def test_any_value_survives_quoting(unit: Unit, value: str, name: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert option(unit, f'x=1 {name}="{quoted}" y', name) == value


# -- memory that a loader names -------------------------------------------------------------------------------------
PAGE = 4096
RANGES = st.tuples(st.integers(0, 60 * PAGE), st.integers(0, 20 * PAGE))


@MANY
@given(named=st.lists(RANGES, max_size=8), excluded=st.lists(RANGES, max_size=8))
def test_usable_memory_is_sorted_and_disjoint_whatever_is_named(
    unit: Unit, named: list[tuple[int, int]], excluded: list[tuple[int, int]]
) -> None:
    """Against sets of pages; ranges may overlap, be empty, and begin and end amid pages."""
    info = unit.BootInfo()
    pages: set[int] = set()
    for start, size in named:
        unit.add_usable(info, start, start + size)
        pages |= set(range(-(-start // PAGE), (start + size) // PAGE))
    for start, size in excluded:
        unit.exclude(info, start, start + size)
        if size:
            pages -= set(range(start // PAGE, -(-(start + size) // PAGE)))
    found = [(r.start, r.end) for r in info.usable[: info.usable_count]]
    assert all(start < end for start, end in found) and found == sorted(found)
    assert all(before <= after for (_, before), (after, _) in zip(found, found[1:], strict=False))
    assert {page for start, end in found for page in range(start // PAGE, end // PAGE)} == pages


def test_what_finds_no_room_is_not_used(unit: Unit) -> None:
    info = unit.BootInfo()
    for i in range(100):
        unit.add_usable(info, i * 2 * PAGE, (i * 2 + 1) * PAGE)
    assert info.usable_count == len(info.usable) == 64
    unit.exclude(info, 10 * PAGE, 11 * PAGE)
    assert info.usable_count == 63
