# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what the build needs from a linked ELF64 little-endian file: sections and symbols, with plain `struct`.

(pyelftools does all this too, and the tests compare with it; it takes some hundred times longer.)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SHT_SYMTAB, SHT_NOBITS = 2, 8
SHF_EXECINSTR, SHF_TLS = 4, 0x400
STT_FUNC = 2
_SYMBOL = struct.Struct("<IBBHQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")


@dataclass(frozen=True)
class Section:
    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int


@dataclass(frozen=True)
class Symbol:
    name: str
    kind: int
    binding: int
    section: int
    value: int
    size: int


class Elf:
    """A view of an ELF image in memory."""

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        self.data = data
        (offset,) = struct.unpack_from("<Q", data, 0x28)
        count, names = struct.unpack_from("<HH", data, 0x3C)
        raw = list(_SECTION.iter_unpack(data[offset : offset + count * _SECTION.size]))
        table = raw[names]
        self.sections = [Section(self._text(table[4] + s[0]), s[1], s[2], s[3], s[4], s[5], s[6], s[7]) for s in raw]

    def _text(self, offset: int) -> str:
        return self.data[offset : self.data.index(b"\0", offset)].decode()

    def content(self, name: str) -> bytes:
        """A section's bytes; empty if there is no such section or it occupies no file space."""
        for s in self.sections:
            if s.name == name and s.kind != SHT_NOBITS:
                return self.data[s.offset : s.offset + s.size]
        return b""

    def symbols(self) -> list[Symbol]:
        for s in self.sections:
            if s.kind == SHT_SYMTAB:
                strings = self.sections[s.link].offset
                raw = _SYMBOL.iter_unpack(self.data[s.offset : s.offset + s.size])
                return [
                    Symbol(self._text(strings + name), info & 15, info >> 4, section, value, size)
                    for name, info, _, section, value, size in raw
                    if name
                ]
        return []

    def symbol_names(self) -> list[str]:
        """By index, as relocations have it; "" for a symbol without a name."""
        for s in self.sections:
            if s.kind == SHT_SYMTAB:
                strings = self.sections[s.link].offset
                return [self._text(strings + name[0]) for name in _SYMBOL.iter_unpack(self.data[s.offset : s.offset + s.size])]
        return []

    def executable(self) -> list[tuple[int, int]]:
        """The address ranges of code, in order."""
        return sorted((s.address, s.address + s.size) for s in self.sections if s.flags & SHF_EXECINSTR and s.size)
