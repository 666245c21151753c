# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs DWARF line programs (versions 2 to 5): the rows (address, file, line) that say which source line code came from.

Written for speed on one big `.debug_line`: one loop over the bytes, no object per row.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

Row = tuple[int, str, int]
END = ("", 0)  # file and line of the row that ends a sequence


def rows_of(debug_line: bytes, line_str: bytes, debug_str: bytes, wanted: Callable[[int], bool]) -> list[Row]:
    """All rows of the sequences whose first address is `wanted`, each sequence closed by a row with file "" and line 0."""
    out: list[Row] = []
    offset = 0
    while offset + 4 <= len(debug_line):
        (length,) = struct.unpack_from("<I", debug_line, offset)
        if length >= 0xFFFFFFF0:
            raise ValueError("64-bit DWARF in .debug_line")
        _unit(debug_line, offset + 4, offset + 4 + length, line_str, debug_str, wanted, out)
        offset += 4 + length
    return out


def uleb(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def sleb(data: bytes, at: int) -> tuple[int, int]:
    start = at
    value, at = uleb(data, at)
    bits = 7 * (at - start)
    return (value - (1 << bits) if data[at - 1] & 64 else value), at


def _cstring(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode(errors="replace"), end + 1


def _entries(data: bytes, at: int, line_str: bytes, debug_str: bytes) -> tuple[list[dict[int, object]], int]:
    """A version 5 directory or file table: its own description of columns, then the rows."""
    columns = data[at]
    at += 1
    formats = []
    for _ in range(columns):
        content, at = uleb(data, at)
        form, at = uleb(data, at)
        formats.append((content, form))
    count, at = uleb(data, at)
    table = []
    for _ in range(count):
        row: dict[int, object] = {}
        for content, form in formats:
            row[content], at = _form(data, at, form, line_str, debug_str)
        table.append(row)
    return table, at


def _form(data: bytes, at: int, form: int, line_str: bytes, debug_str: bytes) -> tuple[object, int]:
    if form == 0x08:  # DW_FORM_string
        return _cstring(data, at)
    if form in (0x1F, 0x0E):  # DW_FORM_line_strp, DW_FORM_strp
        (where,) = struct.unpack_from("<I", data, at)
        return _cstring(line_str if form == 0x1F else debug_str, where)[0], at + 4
    if form == 0x0F:  # DW_FORM_udata
        return uleb(data, at)
    if form in (0x0B, 0x05, 0x06, 0x07):  # DW_FORM_data1, 2, 4, 8
        size = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8}[form]
        return int.from_bytes(data[at : at + size], "little"), at + size
    if form == 0x1E:  # DW_FORM_data16: a checksum
        return data[at : at + 16], at + 16
    raise ValueError(f"unknown form {form:#x} in .debug_line")


def _files(data: bytes, at: int, version: int, line_str: bytes, debug_str: bytes) -> list[str]:
    """The file table by index, folders joined; relative to the folder of compilation where the producer says so."""
    if version >= 5:
        folders, at = _entries(data, at, line_str, debug_str)
        files, at = _entries(data, at, line_str, debug_str)
        root = str(folders[0][1]) if folders else ""
        return [_join(root, str(folders[int(f.get(2, 0))][1]) if folders else "", str(f[1])) for f in files]  # type: ignore[call-overload]
    names, folder_names = [""], [""]
    while data[at]:
        text, at = _cstring(data, at)
        folder_names.append(text)
    at += 1
    while data[at]:
        text, at = _cstring(data, at)
        folder, at = uleb(data, at)
        _, at = uleb(data, at)
        _, at = uleb(data, at)
        names.append(_join("", folder_names[folder], text))
    return names


def _join(root: str, folder: str, name: str) -> str:
    if name.startswith("/") or not folder or folder in (".", root) and not root.startswith("/"):
        return name[2:] if name.startswith("./") else name
    path = f"{folder}/{name}"
    return path[2:] if path.startswith("./") else path


def _unit(data: bytes, at: int, end: int, line_str: bytes, debug_str: bytes, wanted: Callable[[int], bool], out: list[Row]) -> None:
    (version,) = struct.unpack_from("<H", data, at)
    at += 2
    if version >= 5:
        at += 2  # address and segment selector sizes
    (header,) = struct.unpack_from("<I", data, at)
    at += 4
    program = at + header
    min_inst = data[at]
    at += 2 if version >= 4 else 1  # version 4 adds operations per instruction: 1 on our targets
    line_base, line_range, opcode_base = struct.unpack_from("<xbBB", data, at)
    at += 4
    lengths = data[at : at + opcode_base - 1]
    files = _files(data, at + opcode_base - 1, version, line_str, debug_str)
    _run(data, program, end, (min_inst, line_base, line_range, opcode_base, lengths), files, wanted, out)


def _run(
    data: bytes,
    at: int,
    end: int,
    header: tuple[int, int, int, int, bytes],
    files: list[str],
    wanted: Callable[[int], bool],
    out: list[Row],
) -> None:
    min_inst, line_base, line_range, opcode_base, lengths = header
    const_add = (255 - opcode_base) // line_range * min_inst
    address, file, line, keep = 0, 1, 1, False
    while at < end:
        op = data[at]
        at += 1
        if op >= opcode_base:  # special: both advance, a row
            op -= opcode_base
            address += op // line_range * min_inst
            line += line_base + op % line_range
            if keep:
                out.append((address, files[file], line))
        elif op == 0:  # extended
            size, at = uleb(data, at)
            what = data[at]
            if what == 1:  # end of sequence
                if keep:
                    out.append((address, *END))
                address, file, line, keep = 0, 1, 1, False
            elif what == 2:  # set address
                address = int.from_bytes(data[at + 1 : at + size], "little")
                keep = wanted(address)
            at += size
        elif op == 1:  # copy: a row
            if keep:
                out.append((address, files[file], line))
        elif op == 2:
            step, at = uleb(data, at)
            address += step * min_inst
        elif op == 3:
            step, at = sleb(data, at)
            line += step
        elif op == 4:
            file, at = uleb(data, at)
        elif op == 8:
            address += const_add
        elif op == 9:
            address += int.from_bytes(data[at : at + 2], "little")
            at += 2
        else:  # columns, flags and discriminators do not matter here
            for _ in range(lengths[op - 1]):
                _, at = uleb(data, at)
