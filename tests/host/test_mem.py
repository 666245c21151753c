# SPDX-License-Identifier: GPL-2.0-or-later
"""memcpy, memmove, memset and memcmp of the kernel, run here: every small size and alignment, and overlaps."""

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ARCH = Path(__file__).parents[2] / "arch" / "x86_64"
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the assembly is for x86_64")
ROOM = 2048


@pytest.fixture(scope="module")
def mem(tmp_path_factory):
    library = tmp_path_factory.mktemp("mem") / "mem.so"
    command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-nostdlib", "-fPIC", f"-I{ARCH}", str(ARCH / "mem.S"), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    found = ctypes.CDLL(str(library))
    for name in ("memcpy", "memmove", "memset"):
        getattr(found, name).restype = ctypes.c_void_p
    return found


def at(buffer, offset):
    return ctypes.c_void_p(ctypes.addressof(buffer) + offset)


@given(size=st.integers(0, 600), source=st.integers(0, 700), target=st.integers(0, 700))
def test_memmove_is_as_if_through_a_copy(mem, size, source, target):
    before = bytes(i * 7 % 251 for i in range(ROOM))
    buffer = ctypes.create_string_buffer(before, ROOM)
    assert mem.memmove(at(buffer, target), at(buffer, source), ctypes.c_size_t(size)) == ctypes.addressof(buffer) + target
    expected = bytearray(before)
    expected[target : target + size] = before[source : source + size]
    assert buffer.raw == bytes(expected)


@given(size=st.integers(0, 600), source=st.integers(0, 20), target=st.integers(1024, 1044))
def test_memcpy_copies_just_that(mem, size, source, target):
    before = bytes(i * 7 % 251 for i in range(ROOM))
    buffer = ctypes.create_string_buffer(before, ROOM)
    mem.memcpy(at(buffer, target), at(buffer, source), ctypes.c_size_t(size))
    expected = bytearray(before)
    expected[target : target + size] = before[source : source + size]
    assert buffer.raw == bytes(expected)


@given(size=st.integers(0, 600), target=st.integers(0, 40), value=st.integers(0, 255))
def test_memset_fills_just_that(mem, size, target, value):
    buffer = ctypes.create_string_buffer(b"\xa5" * ROOM, ROOM)
    mem.memset(at(buffer, target), value, ctypes.c_size_t(size))
    assert buffer.raw == b"\xa5" * target + bytes([value]) * size + b"\xa5" * (ROOM - target - size)


@given(left=st.binary(max_size=80), right=st.binary(max_size=80))
def test_memcmp_has_the_sign_of_the_first_difference(mem, left, right):
    size = min(len(left), len(right))
    found = mem.memcmp(left, right, ctypes.c_size_t(size))
    assert (found > 0) - (found < 0) == (left[:size] > right[:size]) - (left[:size] < right[:size])
