# SPDX-License-Identifier: GPL-2.0-or-later
"""Check sums, hashes, packing and page slices, as the machine's own code computes them: the vectors of their standards. At length, and
against CPython's, they are tested on a host (tests/host/test_packing.py)."""

from lang import Span, array, copy_bytes, free, memset, new, text, u8, u64
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.lib.crc import adler32, crc16, crc32, crc32c
from kern.lib.deflate import Deflater, zip
from kern.lib.inflate import Inflater, unzip
from kern.lib.sha import Hash, digest, hmac
from kern.mm.page_slice import PageSlice
from kern.mm.pages import PAGE_SIZE, alloc_pages, bytes_at, page_at, page_put

SIZE: u64 = 20_000

slices = array(3, PageSlice)


@kernel_tests
class CheckSums(KernelTest):
    """The check values of each, which are those of the digits 1 to 9."""

    name: str = "lib.check_sums"

    def run(self) -> None:
        equal(u64(crc32("123456789")), 0xCBF4_3926, "CRC-32")
        equal(u64(crc32c("123456789")), 0xE306_9283, "CRC-32C")
        equal(u64(crc16("123456789")), 0x29B1, "CRC-16")
        equal(u64(adler32("Wikipedia")), 0x11E6_0398, "Adler-32")
        equal(u64(crc32("6789", crc32("12345"))), 0xCBF4_3926, "CRC-32 in two pieces")


def is_hex(found: Span[u8], wanted: str) -> bool:
    line = text(130)
    for byte in found:
        line.write(f"{byte:02x}")
    return line.view == wanted


@kernel_tests
class Hashes(KernelTest):
    """FIPS 180-4's example `abc`, and RFC 4231's second test case."""

    name: str = "lib.hashes"

    def run(self) -> None:
        found = array(64, u8)
        digest(Hash.SHA1, "abc", found[0:20])
        check(is_hex(found[0:20], "a9993e364706816aba3e25717850c26c9cd0d89d"), "SHA-1 of abc")
        digest(Hash.SHA256, "abc", found[0:32])
        check(is_hex(found[0:32], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "SHA-256 of abc")
        digest(Hash.SHA512, "abc", found[0:64])
        check(is_hex(found[0:8], "ddaf35a193617aba") and is_hex(found[56:64], "2a9ac94fa54ca49f"), "SHA-512 of abc")
        hmac(Hash.SHA256, "Jefe", "what do ya want for nothing?", found[0:32])
        check(is_hex(found[0:32], "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), "HMAC of the RFC")


@kernel_tests
class Packing(KernelTest):
    """What is packed gets smaller, and comes back as it was."""

    name: str = "lib.packing"

    def run(self) -> None:
        data = new(array(SIZE, u8))
        packed = new(array(SIZE, u8))
        back = new(array(SIZE, u8))
        deflater = new(Deflater)
        inflater = new(Inflater)
        for i in range(SIZE):
            data[i] = u8((i * i >> 7) % 61)
        count = zip(deflater, data, packed)
        length = unzip(inflater, packed[:count], back)
        same = length == SIZE and data == back
        free(inflater)
        free(deflater)
        free(back)
        free(packed)
        free(data)
        check(same, f"{SIZE} bytes became {length}, or others")
        check(count < SIZE // 2, f"{SIZE} bytes were packed into {count}")


@kernel_tests
class Slices(KernelTest):
    """A page lives as long as a slice of it does, wherever that came from."""

    name: str = "lib.page_slices"

    def run(self) -> None:
        page = alloc_pages(0)
        memset(bytes_at(page, PAGE_SIZE), 0)
        copy_bytes(bytes_at(page, PAGE_SIZE)[100:111], "slice by us")
        slices[0].hold(page, 100, 11)
        page_put(page)
        slices[0].slice(6, 8, slices[1])
        slices[1].slice(1, 2, slices[2])
        slices[0].drop()
        check(slices[1].bytes() == "by" and slices[2].bytes() == "y", "a slice of a slice is something else")
        slices[1].drop()
        equal(u64(page_at(page).refs.load()), 1, "references")
        slices[2].drop()
        equal(u64(page_at(page).refs.load()), 0, "references")
        equal(len(slices[2].bytes()), 0, "bytes of an empty slice")
