# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names for code addresses of the running program, out of the symbol table of its own file, for what it says as it dies.

The file is mapped, once. Whatever does not fit gives no name, never an error. Not in vcore context.
"""

from lang import Error, Span, Text, Uaddr, at, sizeof, struct, text, u8, u64
from kern.abi.elf import SECTION_SYMTAB, ElfHeader, ElfSection, ElfSymbol, check_header
from kern.abi.file import Stat
from kern.abi.mman import MapFlags, Prot
from lib.paths import basename
from rt.args import args
from rt.io import open
from syscalls import sys_fstat, sys_mmap

MAX_SECTIONS: u64 = 64


@struct
class SymbolTable:
    file: u64                               # address of the mapped file, 0: none
    length: u64
    symbols_at: u64
    count: u64
    names_at: u64
    names_size: u64
    tried: bool


table = SymbolTable()


def load_symbols() -> None:
    if table.tried:
        return
    table.tried = True
    path = text(200)
    path.write(f"/bin/{basename(args()[0])}" if args()[0].find("/") < 0 else f"{args()[0]}")
    try:
        fd = open(path.view)
        stat = Stat()
        sys_fstat(fd, stat)
        table.length = stat.size
        table.file = u64(sys_mmap(Uaddr(0), stat.size, Prot.READ, MapFlags.PRIVATE, fd, 0))
        find_table()
    except Error:
        return


def within(offset: u64, size: u64) -> bool:
    return offset <= table.length and size <= table.length - offset


def find_table() -> None:
    if not within(0, sizeof(ElfHeader)):
        return
    header = at(ElfHeader, table.file)
    check_header(header)
    count = min(u64(header.shnum), MAX_SECTIONS)
    if header.shoff % 8 != 0 or not within(header.shoff, count * sizeof(ElfSection)):
        return
    for i in range(count):
        section = at(ElfSection, table.file + header.shoff + i * sizeof(ElfSection))
        if section.type != SECTION_SYMTAB or u64(section.link) >= count or section.offset % 8 != 0:
            continue
        names = at(ElfSection, table.file + header.shoff + u64(section.link) * sizeof(ElfSection))
        if within(section.offset, section.size) and within(names.offset, names.size):
            table.symbols_at = section.offset
            table.count = section.size // sizeof(ElfSymbol)
            table.names_at = names.offset
            table.names_size = names.size


def write_symbol(address: u64, into: Text) -> None:
    """Append ` in name+0x12` for the function that contains `address`; nothing if none is known."""
    load_symbols()
    for i in range(table.count):
        symbol = at(ElfSymbol, table.file + table.symbols_at + i * sizeof(ElfSymbol))
        if symbol.is_function_around(address):
            into.write(f" in {name_at(u64(symbol.name))}+{address - symbol.value:#x}")
            return


def name_at(offset: u64) -> str:
    if offset >= table.names_size:
        return "?"
    names = Span[u8](table.file + table.names_at, table.names_size)
    end = offset
    while end < table.names_size and names[end] != 0:
        end += 1
    return names[offset:end]
