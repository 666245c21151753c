# SPDX-License-Identifier: GPL-2.0-or-later
"""The Internet's check sum, over memory and lists of blocks, against the definition of RFC 1071 in plain Python."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import Unit, load

pytestmark = pytest.mark.feature("ktest-03")
PIECES = st.lists(st.binary(max_size=50), max_size=6)


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load("kern/lib/checksum.py")


def plain(data: bytes) -> int:
    """Word by word, as RFC 1071 says it."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return total


def blocks(unit: Unit, pieces: list[bytes]) -> object:
    first = None
    for piece in reversed(pieces):
        first = unit.Block(next=first, data=bytearray(piece))
    return first


def test_the_example_of_the_rfc(unit: Unit) -> None:
    assert unit.ones_sum(bytes([0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7])) == 0xDDF2


def test_a_header_with_its_check_sum_adds_up_to_ones(unit: Unit) -> None:
    header = bytearray.fromhex("45000073000040004011b861c0a80001c0a800c7")
    assert unit.ones_sum(header) == 0xFFFF
    header[10:12] = b"\0\0"
    assert unit.check_sum(blocks(unit, [bytes(header)]), 0, 20) == 0xB861


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300), skip=st.integers(0, 20))
def test_sums_are_those_of_the_definition_at_every_alignment(unit: Unit, data: bytes, skip: int) -> None:
    memory = bytearray(data)
    assert unit.ones_sum(memoryview(memory)[min(skip, len(data)) :]) == plain(data[skip:])


@pytest.mark.parametrize("byte", [0x00, 0x01, 0x80, 0xFF])
def test_long_memory_of_one_byte_carries_as_it_should(unit: Unit, byte: int) -> None:
    for length in (*range(70), 4095, 65535):
        assert unit.ones_sum(bytes([byte]) * length) == plain(bytes([byte]) * length)


@settings(max_examples=300, deadline=None)
@given(pieces=PIECES, offset=st.integers(0, 320), length=st.integers(0, 320))
def test_a_list_of_blocks_is_summed_as_one_piece(unit: Unit, pieces: list[bytes], offset: int, length: int) -> None:
    whole = b"".join(pieces)
    assert unit.ptclbsum(blocks(unit, pieces), offset, length) == plain(whole[offset : offset + length])


def test_an_empty_list_has_the_sum_zero(unit: Unit) -> None:
    assert unit.ptclbsum(None, 0, 10) == 0
