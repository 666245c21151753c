# SPDX-License-Identifier: GPL-2.0-or-later
"""Names for code addresses of a program, out of the symbol table in its file, for messages about its faults.

The file is the process' own and may be nonsense by now: whatever does not fit gives no name, never an error.
No locks. Reads the file, so it may block.
"""

from lang import Error, Span, Text, array, as_bytes, sizeof, struct, u8, u16, u64
from kern.abi.elf import SECTION_SYMTAB, ElfHeader, ElfSection, ElfSymbol, check_header
from kern.abi.file import FileKind
from kern.ns.node import Node
from kern.ns.path import find_real
from kern.proc.elf import read_exactly
from kern.proc.proc import Proc

MAX_SECTIONS: u16 = 64
MAX_SYMBOLS: u64 = 65536
NAME_ROOM: u64 = 80


@struct
class UserSymbols:
    """Where a program's symbols are in its file. Without any, `count` is 0."""

    at: u64
    count: u64
    names_at: u64


def open_program(p: Proc, symbols: UserSymbols) -> Node | None:
    """The process' program file, with a reference for the caller, and its symbols; None if it is not there any more."""
    if p.program.truncated:
        return None
    try:
        node = find_real(p.program.view)
    except Error:
        return None
    try:
        if node.kind == FileKind.FILE:
            find_symbols(node, symbols)
    except Error:
        symbols.count = 0
    return node


def find_symbols(node: Node, symbols: UserSymbols) -> None:
    header = ElfHeader()
    read_exactly(node, as_bytes(header), 0)
    check_header(header)
    section = ElfSection()
    for i in range(min(header.shnum, MAX_SECTIONS)):
        read_exactly(node, as_bytes(section), header.shoff + u64(i) * sizeof(ElfSection))
        if section.type != SECTION_SYMTAB:
            continue
        symbols.at = section.offset
        symbols.count = min(section.size // sizeof(ElfSymbol), MAX_SYMBOLS)
        read_exactly(node, as_bytes(section), header.shoff + u64(section.link) * sizeof(ElfSection))
        symbols.names_at = section.offset
        return


def write_symbol(node: Node, symbols: UserSymbols, address: u64, into: Text) -> None:
    """Append ` in name+0x12` for the function that contains `address`; nothing if none does."""
    symbol = ElfSymbol()
    try:
        for i in range(symbols.count):
            read_exactly(node, as_bytes(symbol), symbols.at + i * sizeof(ElfSymbol))
            if symbol.is_function_around(address):
                name = array(NAME_ROOM, u8)
                length = read_name(node, name[0:NAME_ROOM], symbols.names_at + u64(symbol.name))
                into.write(f" in {name[:length]}+{address - symbol.value:#x}")
                return
    except Error:
        return


def read_name(node: Node, into: Span[u8], offset: u64) -> u64:
    """Read a NUL-terminated name as far as it fits; returns its length."""
    available = node.size()
    if offset >= available:
        return 0
    count = min(len(into), available - offset)
    read_exactly(node, into[:count], offset)
    length: u64 = 0
    while length < count and into[length] != 0:
        length += 1
    return length
