# SPDX-License-Identifier: GPL-2.0-or-later
"""Hashes, check sums and packing of the kernel against CPython's own, and the vectors of their standards."""

from __future__ import annotations

import binascii
import errno
import hashlib
import hmac
import random
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CompiledError, Unit, load

pytestmark = pytest.mark.feature("kmem-20")
STRATEGIES = [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY]
BYTES = st.binary(max_size=700)
# Bytes with something to find in them.
TEXT = st.lists(st.sampled_from([b"a", b"ab", b"abc", b"kernel ", b"\x00" * 40, bytes(range(256))]), max_size=60).map(b"".join)


@pytest.fixture(scope="module")
def sums() -> Unit:
    return load("kern/lib/crc.py")


@pytest.fixture(scope="module")
def sha() -> Unit:
    return load("kern/lib/sha.py")


@pytest.fixture(scope="module")
def packing() -> Unit:
    return load("kern/lib/deflate.py")


@pytest.fixture(scope="module")
def reading() -> Unit:
    return load("kern/lib/inflate.py")


def test_check_sums_of_the_standards(sums: Unit) -> None:
    assert sums.crc32(b"123456789", 0) == 0xCBF43926
    assert sums.crc32c(b"123456789", 0) == 0xE3069283
    assert sums.crc32c(bytes(32), 0) == 0x8A9136AA  # RFC 3720, B.4
    assert sums.crc16(b"123456789", 0xFFFF) == 0x29B1
    assert sums.adler32(b"Wikipedia", 1) == 0x11E60398


@given(data=BYTES, cut=st.integers(0, 700))
def test_check_sums_are_cpythons_whole_and_in_pieces(sums: Unit, data: bytes, cut: int) -> None:
    assert sums.crc32(data[cut:], sums.crc32(data[:cut], 0)) == zlib.crc32(data)
    assert sums.adler32(data[cut:], sums.adler32(data[:cut], 1)) == zlib.adler32(data)
    assert sums.crc16(data, 0) == binascii.crc_hqx(data, 0)


KINDS = [("SHA1", hashlib.sha1, 20), ("SHA256", hashlib.sha256, 32), ("SHA512", hashlib.sha512, 64)]


@pytest.mark.parametrize(("name", "reference", "length"), KINDS)
@settings(max_examples=60)
@given(data=BYTES, cut=st.integers(0, 700))
def test_digests_are_cpythons(sha: Unit, name: str, reference: Any, length: int, data: bytes, cut: int) -> None:
    hasher, found = sha.Hasher(), bytearray(length)
    hasher.init(getattr(sha.Hash, name))
    hasher.update(data[:cut])
    hasher.update(data[cut:])
    hasher.finish(found)
    assert bytes(found) == reference(data).digest()


def test_digests_of_the_standard(sha: Unit) -> None:
    """FIPS 180-4's examples."""
    expected = {
        "SHA1": "a9993e364706816aba3e25717850c26c9cd0d89d",
        "SHA256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "SHA512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    }
    for name, digest in expected.items():
        found = bytearray(len(digest) // 2)
        sha.digest(getattr(sha.Hash, name), b"abc", found)
        assert found.hex() == digest


@pytest.mark.parametrize(("name", "reference", "length"), KINDS)
@settings(max_examples=40)
@given(key=st.binary(max_size=200), data=BYTES)
def test_authentication_codes_are_cpythons(sha: Unit, name: str, reference: Any, length: int, key: bytes, data: bytes) -> None:
    found = bytearray(length)
    sha.hmac(getattr(sha.Hash, name), key, data, found)
    assert bytes(found) == hmac.new(key, data, reference).digest()


def test_an_authentication_code_of_the_rfc(sha: Unit) -> None:
    """RFC 4231, test case 2."""
    found = bytearray(32)
    sha.hmac(sha.Hash.SHA256, b"Jefe", b"what do ya want for nothing?", found)
    assert found.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@settings(max_examples=80)
@given(data=st.one_of(BYTES, TEXT))
def test_cpython_reads_what_is_packed(packing: Unit, reading: Unit, data: bytes) -> None:
    into = bytearray(len(data) + 64)
    count = packing.zip(packing.Deflater(), data, into)
    assert zlib.decompress(bytes(into[:count])) == data
    assert unpacked(reading, bytes(into[:count]), len(data)) == data


@settings(max_examples=80)
@given(data=st.one_of(BYTES, TEXT), level=st.integers(0, 9), strategy=st.sampled_from(STRATEGIES))
def test_what_cpython_packs_is_read(reading: Unit, data: bytes, level: int, strategy: int) -> None:
    packer = zlib.compressobj(level, strategy=strategy)
    assert unpacked(reading, packer.compress(data) + packer.flush(), len(data)) == data


def unpacked(reading: Unit, packed: bytes, room: int) -> bytes:
    into = bytearray(room)
    return bytes(into[: reading.unzip(reading.Inflater(), packed, into)])


def test_much_is_packed_small_and_noise_hardly_grows(packing: Unit) -> None:
    noise = random.Random(1).randbytes(200_000)
    for data, most in ((b"the same again and again, " * 8000, 4000), (noise, len(noise) + 64)):
        into = bytearray(most)
        count = packing.zip(packing.Deflater(), data, into)
        assert zlib.decompress(bytes(into[:count])) == data


@settings(max_examples=150)
@given(data=TEXT, at=st.integers(0, 5000), byte=st.integers(0, 255), cut=st.booleans())
def test_what_is_broken_is_an_error_and_nothing_else(reading: Unit, data: bytes, at: int, byte: int, cut: bool) -> None:
    packed = bytearray(zlib.compress(data))
    at %= len(packed)
    if cut:
        del packed[at:]
    else:
        packed[at] = byte
    try:
        assert unpacked(reading, bytes(packed), len(data) + 100) == data or not cut
    except CompiledError as error:
        assert error.errno in (errno.EINVAL, errno.ENOSPC)


def test_more_than_fits_is_refused(packing: Unit, reading: Unit) -> None:
    with pytest.raises(CompiledError, match="more than 10 bytes"):
        unpacked(reading, zlib.compress(bytes(1000)), 10)
    with pytest.raises(CompiledError, match="packed data is more than"):
        packing.zip(packing.Deflater(), random.Random(2).randbytes(500), bytearray(100))
