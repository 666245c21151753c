# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own symbol and line table: which function, Python file and line an address of the kernel is in.

The table is the section `.symbols`, written by the compiler; compiler/backend/symbols.py describes its format.
Read-only, no locks, callable in any context. Without a table every lookup just finds nothing.
"""

from lang import Ptr, Span, at, addr_of, extern_symbol, sizeof, struct, u8, u32, u64

MAGIC: u32 = 0x4D59_5350
NO_LINES: u32 = 0xFFFF_FFFF

symbols_start = extern_symbol("symbols_start")
symbols_end = extern_symbol("symbols_end")


@struct
class Header:
    magic: u32
    version: u32
    base: u64
    function_count: u32
    functions_offset: u32
    file_count: u32
    files_offset: u32
    lines_offset: u32
    names_offset: u32
    total_size: u32
    unused: u32


@struct
class FunctionRecord:
    start: u32
    size: u32
    name: u32
    lines: u32


@struct
class FileRecord:
    name: u32


@struct
class Location:
    function: str
    offset: u64                             # of the address in the function
    file: str                               # "" when it is not known
    line: u64


@struct
class Cursor:
    """Reads numbers of variable length."""

    address: u64

    def byte(self) -> u8:
        value = Ptr[u8](self.address)[0]
        self.address += 1
        return value

    def number(self) -> u64:
        value: u64 = 0
        shift: u64 = 0
        while True:
            part = self.byte()
            value |= u64(part & 0x7F) << shift
            shift += 7
            if part < 0x80 or shift > 56:
                return value

    def signed(self) -> u64:
        """A zigzag number, as two's complement."""
        value = self.number()
        return value >> 1 if value & 1 == 0 else ~(value >> 1)


def header() -> Header | None:
    if addr_of(symbols_end) - addr_of(symbols_start) < sizeof(Header):
        return None
    found = at(Header, addr_of(symbols_start))
    if found.magic != MAGIC or found.version != 1:
        return None
    return found


def find(pc: u64, into: Location) -> bool:
    """Fill `into` with where `pc` is. For a return address pass `pc - 1`, so that the call's own line is found."""
    table = header()
    if table is None or pc < table.base or pc - table.base > 0xFFFF_FFFF:
        return False
    offset = u32(pc - table.base)
    index = find_function(table, offset)
    if index is None:
        return False
    record = function_at(table, index)
    if offset - record.start >= record.size:
        return False
    into.function = name_at(table, record.name)
    into.offset = u64(offset - record.start)
    into.file = ""
    into.line = 0
    if record.lines != NO_LINES:
        find_line(table, record, offset, into)
    return True


def function_at(table: Header, index: u32) -> FunctionRecord:
    return at(FunctionRecord, addr_of(table) + u64(table.functions_offset) + u64(index) * sizeof(FunctionRecord))


def find_function(table: Header, offset: u32) -> u32 | None:
    """Index of the last function that starts at or before `offset`."""
    low: u32 = 0
    high = table.function_count
    while low < high:
        middle = (low + high) // 2
        if function_at(table, middle).start <= offset:
            low = middle + 1
        else:
            high = middle
    return low - 1 if low > 0 else None


def name_at(table: Header, offset: u32) -> str:
    address = addr_of(table) + u64(table.names_offset) + u64(offset)
    return Span[u8](address + 1, u64(Ptr[u8](address)[0]))


def find_line(table: Header, record: FunctionRecord, offset: u32, into: Location) -> None:
    """Walk the function's rows: a row holds from its address up to the next one's."""
    rows = Cursor(address=addr_of(table) + u64(table.lines_offset) + u64(record.lines))
    left = rows.number()
    address = u64(record.start)
    line: u64 = 0
    file: u64 = 0
    while left > 0:
        head = rows.number()
        address += head >> 1
        if address > u64(offset):
            return
        if head & 1 != 0:
            file = rows.number()
        line += rows.signed()
        into.line = line
        into.file = file_name(table, file)
        left -= 1


def file_name(table: Header, index: u64) -> str:
    record = at(FileRecord, addr_of(table) + u64(table.files_offset) + index * sizeof(FileRecord))
    return name_at(table, record.name)
