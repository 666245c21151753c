# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's checks of ELF headers: a good program passes, every way to be a bad one is named."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CompiledError, Unit, load

X86_64 = 62
HEADER = {
    "ident": b"\x7fELF\2\1\1",
    "type": 2,
    "machine": X86_64,
    "version": 1,
    "entry": 0x40_0000,
    "phoff": 64,
    "shoff": 0,
    "flags": 0,
    "ehsize": 64,
    "phentsize": 56,
    "phnum": 3,
    "shentsize": 0,
    "shnum": 0,
    "shstrndx": 0,
}
SEGMENT = {"type": 1, "flags": 5, "offset": 0, "vaddr": 0x40_0000, "paddr": 0, "filesz": 0x1000, "memsz": 0x2000, "align": 4096}
FILE_SIZE = 0x8000
LIMIT = 0x0008_0000_0000


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load("kern/abi/elf.py")


def check_header(unit: Unit, **changes: Any) -> None:
    unit.call("check_header", bytearray(struct.pack("<16sHHIQQQIHHHHHH", *(HEADER | changes).values())))


def check_segment(unit: Unit, lowest: int = 0x1000, limit: int = LIMIT, **changes: Any) -> None:
    unit.call("check_segment", bytearray(struct.pack("<IIQQQQQQ", *(SEGMENT | changes).values())), FILE_SIZE, lowest, limit)


def test_a_good_program_passes(unit: Unit) -> None:
    check_header(unit)
    check_header(unit, type=3)
    check_segment(unit)
    check_segment(unit, lowest=0x40_0000)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ident": b"#!/bin/sh"}, "not an ELF file"),
        ({"ident": b"\x7fELF\1\1\1"}, "64-bit"),
        ({"ident": b"\x7fELF\2\2\1"}, "little-endian"),
        ({"machine": 243}, "machine 243"),
        ({"type": 1}, "type 1, which is no program"),
        ({"type": 4}, "type 4"),
        ({"phentsize": 32}, "program headers"),
        ({"phnum": 0}, "0 program headers"),
        ({"phnum": 33}, "33 program headers"),
        ({"phoff": 1 << 60}, "beyond any file"),
    ],
)
def test_bad_headers_are_named(unit: Unit, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(CompiledError, match=why):
        check_header(unit, **changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"filesz": 0x3000}, "not all in the file"),
        ({"offset": FILE_SIZE + 1}, "not all in the file"),
        ({"offset": FILE_SIZE - 1}, "not all in the file"),
        ({"offset": (1 << 64) - 0x800}, "not all in the file"),
        ({"vaddr": LIMIT}, "outside"),
        ({"memsz": (1 << 64) - 1, "filesz": 0}, "outside"),
        ({"vaddr": 0}, "out of order or too low"),
        ({"lowest": 0x40_1000}, "out of order"),
        ({"offset": 0x800}, "lies otherwise in its pages"),
        ({"flags": 7}, "writable and executable"),
    ],
)
def test_bad_segments_are_named(unit: Unit, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(CompiledError, match=why):
        check_segment(unit, **changes)


WORDS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 4096, 0x40_0000, FILE_SIZE, LIMIT - 1, LIMIT])


@settings(max_examples=200)
@given(flags=st.integers(0, 7), offset=WORDS, vaddr=WORDS, filesz=WORDS, memsz=WORDS, lowest=WORDS)
def test_what_passes_is_safe_to_load(unit: Unit, flags: int, offset: int, vaddr: int, filesz: int, memsz: int, lowest: int) -> None:
    try:
        check_segment(unit, max(lowest, 4096), flags=flags, offset=offset, vaddr=vaddr, filesz=filesz, memsz=memsz)
    except CompiledError:
        return
    assert offset + filesz <= FILE_SIZE and filesz <= memsz
    assert max(lowest, 4096) <= vaddr // 4096 * 4096 and vaddr + memsz <= LIMIT
    assert flags & 3 != 3
    assert vaddr % 4096 == offset % 4096
