# SPDX-License-Identifier: GPL-2.0-or-later
"""What random numbers are made of: ChaCha20 against its RFC, Fortuna against a model of the book's."""

from __future__ import annotations

import ctypes
import hashlib
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CheckFailed, Unit, load

MANY = settings(max_examples=50)


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load("kern/lib/fortuna.py")


def room(size: int) -> Any:
    return (ctypes.c_uint8 * size)()


def test_chacha20_block_of_the_rfc(unit: Unit) -> None:
    """RFC 8439, 2.3.2."""
    into = room(64)
    key = list(struct.unpack("<8I", bytes(range(32))))
    unit.chacha20_block(key, 1, [0x09000000, 0x4A000000, 0], into)
    assert bytes(into).hex() == (
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    )


class Model:
    """Fortuna as the book has it, over Python's SHA-256 and the block function that was just tested."""

    def __init__(self, unit: Unit) -> None:
        self.unit, self.pools, self.next = unit, [b""] * 32, 0
        self.key, self.counter, self.reseeds, self.reseeded = bytes(32), 0, 0, 0

    def add_event(self, source: int, data: bytes) -> None:
        self.pools[self.next] += bytes([source, len(data)]) + data
        self.next = (self.next + 1) % 32

    def reseed_if_due(self, now: int) -> None:
        if len(self.pools[0]) < 64 or (self.reseeds and now - self.reseeded < 100_000_000):
            return
        self.reseeds, self.reseeded = self.reseeds + 1, now
        seed = self.key
        for i in range(32):
            if self.reseeds % (1 << i):
                break
            seed += hashlib.sha256(self.pools[i]).digest()
            self.pools[i] = b""
        self.key = hashlib.sha256(seed).digest()

    def block(self) -> bytes:
        into = room(64)
        self.counter += 1
        self.unit.chacha20_block(list(struct.unpack("<8I", self.key)), self.counter & 0xFFFFFFFF, [self.counter >> 32, 0, 0], into)
        return bytes(into)

    def fill(self, size: int) -> bytes:
        made = b"".join(self.block() for _ in range((size + 63) // 64))[:size]
        self.key = self.block()[:32]
        return made


STEPS = st.lists(
    st.tuples(st.just("event"), st.integers(0, 255), st.binary(max_size=32))
    | st.tuples(st.just("reseed"), st.integers(1, 3 * 10**8), st.none())
    | st.tuples(st.just("fill"), st.integers(0, 200), st.none()),
    max_size=120,
)


@pytest.mark.feature("time-10")
@MANY
@given(STEPS, st.binary(min_size=32, max_size=32))
def test_fortuna(unit: Unit, steps: list[tuple[str, int, bytes | None]], first: bytes) -> None:
    ours, model, now = unit.Fortuna(), Model(unit), 1
    ours.init()
    for _ in range(70):  # so that there is something to reseed from
        ours.add_event(7, first)
        model.add_event(7, first)
    for what, number, data in steps:
        if what == "event":
            ours.add_event(number, data)
            model.add_event(number, data or b"")
        elif what == "reseed":
            now += number
            ours.reseed_if_due(now)
            model.reseed_if_due(now)
            assert ours.reseeds == model.reseeds
        else:
            into = room(number)
            ours.fill(into)
            assert bytes(into) == model.fill(number)
    assert ours.is_seeded == (model.reseeds > 0)


def test_a_seed_changes_what_comes_and_counts_if_it_is_long_enough(unit: Unit) -> None:
    seen = set()
    for seed in (b"", b"short", b"x" * 31, b"x" * 32, b"y" * 32):
        ours, into = unit.Fortuna(), room(32)
        ours.init()
        ours.seed(seed)
        assert ours.is_seeded == (len(seed) >= 32)
        assert list(ours.key) == list(struct.unpack("<8I", hashlib.sha256(bytes(32) + seed).digest()))
        ours.fill(into)
        seen.add(bytes(into))
    assert len(seen) == 5


def test_what_was_given_cannot_be_had_again_from_the_state(unit: Unit) -> None:
    ours, into = unit.Fortuna(), room(32)
    ours.init()
    before = list(ours.key)
    ours.fill(into)
    assert list(ours.key) != before and bytes(into) != struct.pack("<8I", *ours.key)


def test_a_request_that_is_too_long_is_refused(unit: Unit) -> None:
    with pytest.raises(CheckFailed, match="too much of one key"):
        unit.Fortuna().fill(room(4097))
