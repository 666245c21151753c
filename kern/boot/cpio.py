# SPDX-License-Identifier: GPL-2.0-or-later
"""Reader of cpio archives in the "newc" format: walks the entries of an archive in memory, copies nothing.

An entry is a header of 110 ASCII bytes (magic, 13 numbers of 8 hexadecimal digits), the NUL-terminated name, and the
data, name and data each padded to 4 bytes. "TRAILER!!!" ends it. A malformed archive raises EINVAL.
"""

from lang import Error, Span, struct, u8, u32, u64
from kern.abi.errno import Errno

HEADER_SIZE: u64 = 110
TRAILER = "TRAILER!!!"
KIND_MASK: u32 = 0o170000
KIND_DIR: u32 = 0o040000
KIND_FILE: u32 = 0o100000


@struct
class CpioEntry:
    name: str                               # without a leading "./" or "/"
    data: Span[u8]
    mode: u32
    ino: u32
    mtime: u32

    @property
    def is_dir(self) -> bool:
        return self.mode & KIND_MASK == KIND_DIR

    @property
    def is_file(self) -> bool:
        return self.mode & KIND_MASK == KIND_FILE


@struct
class CpioReader:
    archive: Span[u8]
    position: u64

    def next(self, entry: CpioEntry) -> bool:
        """Fill `entry` with the next one; False at the end."""
        at = self.position
        if at + HEADER_SIZE > len(self.archive):
            raise Error(Errno.EINVAL, "the cpio archive ends in the middle of a header")
        check_magic(self.archive[at : at + 6])
        name_size = self.number(at, 11)
        size = self.number(at, 6)
        name_at = at + HEADER_SIZE
        data_at = align4(name_at + name_size)
        if name_size == 0 or data_at + size > len(self.archive):
            raise Error(Errno.EINVAL, "the cpio archive ends in the middle of an entry")
        name = clean_name(self.archive[name_at : name_at + name_size - 1])
        if name == TRAILER:
            return False
        entry.name = name
        entry.data = self.archive[data_at : data_at + size]
        entry.ino = u32(self.number(at, 0))
        entry.mode = u32(self.number(at, 1))
        entry.mtime = u32(self.number(at, 5))
        self.position = align4(data_at + size)
        return True

    def number(self, header: u64, field: u64) -> u64:
        """The header's field'th number."""
        start = header + 6 + field * 8
        value: u64 = 0
        for digit in self.archive[start : start + 8]:
            value = value * 16 + hex_value(digit)
        return value


def check_magic(magic: Span[u8]) -> None:
    if magic != "070701" and magic != "070702":
        raise Error(Errno.EINVAL, "not a cpio archive in the newc format")


def clean_name(name: str) -> str:
    rest = name
    if rest.startswith("./"):
        rest = rest[2:]
    while rest.startswith("/"):
        rest = rest[1:]
    return rest


def hex_value(digit: u8) -> u64:
    if ord("0") <= digit <= ord("9"):
        return u64(digit - ord("0"))
    lower = digit | 0x20
    if ord("a") <= lower <= ord("f"):
        return u64(lower - ord("a") + 10)
    raise Error(Errno.EINVAL, "a cpio header holds something that is no hexadecimal digit")


def align4(n: u64) -> u64:
    return (n + 3) & ~u64(3)
