# SPDX-License-Identifier: GPL-2.0-or-later
"""Between Python values and the bytes of the language's values, by type: what a guarded call passes and gets back.

Integers, enums, addresses and bit-fields are ints; bool is bool; `str` is str; spans of u8 are bytes-like, other spans of scalars are
sequences (copied in) or ctypes arrays (shared); references and pointers are addresses, ctypes objects or bytearrays; None is None.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

from compiler.types import model


def align_up(n: int, align: int) -> int:
    return (n + align - 1) // align * align


def shape(ty: model.Type) -> tuple[int, int]:
    """Size and alignment of the register type in memory, as LLVM lays it out."""
    if isinstance(ty, model.TupleType):
        size, most = 0, 1
        for elem in ty.elems:
            n, align = shape(elem)
            size, most = align_up(size, align) + n, max(most, align)
        return align_up(size, most), most
    if isinstance(ty, model.OptionalType) and not ty.nullable:
        n, align = shape(ty.inner)
        return align_up(n + 1, align), align
    if ty.is_place or isinstance(ty, (model.RefType, model.PtrType, model.FuncType)):
        return 8, 8
    return ty.size, max(ty.align, 1)


def pack(ty: model.Type, value: Any, keep: list[Any]) -> bytes:
    """The bytes of a value; `keep` gets what must live as long as the call."""
    under = model.underlying(ty)
    if isinstance(under, model.IntType):
        if not under.low <= int(value) <= under.high:
            raise OverflowError(f"{value} is no {ty.name}")
        return int(value).to_bytes(under.size, "little", signed=under.signed)
    if isinstance(ty, model.BoolType):
        return bytes([bool(value)])
    if isinstance(ty, model.FloatType):
        return struct.pack("<f" if ty.size == 4 else "<d", value)
    if isinstance(ty, model.SpanType):
        return struct.pack("<QQ", *_span(ty, value, keep))
    if isinstance(ty, model.OptionalType):
        if ty.nullable:
            return struct.pack("<Q", 0 if value is None else _address(value, keep))
        n, _ = shape(ty.inner)
        body = bytes(n) if value is None else pack(ty.inner, value, keep)
        return (body + bytes([value is not None])).ljust(shape(ty)[0], b"\0")
    if isinstance(ty, model.TupleType):
        out = b""
        for elem, part in zip(ty.elems, value, strict=True):
            out = out.ljust(align_up(len(out), shape(elem)[1]), b"\0") + pack(elem, part, keep)
        return out.ljust(shape(ty)[0], b"\0")
    if shape(ty)[0] == 8:
        return struct.pack("<Q", _address(value, keep))
    raise TypeError(f"a {ty.name} cannot be passed from Python")


def unpack(ty: model.Type, data: bytes) -> Any:
    under = model.underlying(ty)
    if isinstance(under, model.IntType):
        return int.from_bytes(data[: under.size], "little", signed=under.signed)
    if isinstance(ty, model.BoolType):
        return bool(data[0] & 1)
    if isinstance(ty, model.FloatType):
        return struct.unpack_from("<f" if ty.size == 4 else "<d", data)[0]
    if isinstance(ty, model.SpanType):
        return _read_span(ty, *struct.unpack_from("<QQ", data))
    if isinstance(ty, model.OptionalType):
        if ty.nullable:
            return struct.unpack_from("<Q", data)[0] or None
        return unpack(ty.inner, data) if data[shape(ty.inner)[0]] & 1 else None
    if isinstance(ty, model.TupleType):
        parts, at = [], 0
        for elem in ty.elems:
            n, align = shape(elem)
            at = align_up(at, align)
            parts.append(unpack(elem, data[at : at + n]))
            at += n
        return tuple(parts)
    if isinstance(ty, (model.VoidType, model.NoReturnType)):
        return None
    return struct.unpack_from("<Q", data)[0]


def _span(ty: model.SpanType, value: Any, keep: list[Any]) -> tuple[int, int]:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(ty.elem, model.TupleType):
        return value                                    # (address, length), as it is
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _address(value, keep), len(value) // max(ty.elem.size, 1)
    if isinstance(value, ctypes.Array):
        keep.append(value)
        return ctypes.addressof(value), len(value)
    raw = b"".join(pack(ty.elem, item, keep) for item in value)
    return _address(bytearray(raw), keep), len(value)


def _read_span(ty: model.SpanType, address: int, length: int) -> Any:
    if ty.elem.is_place or not ty.elem.size:
        return address, length
    data = ctypes.string_at(address, length * ty.elem.size) if length else b""
    if ty is model.STR:
        return data.decode(errors="replace")
    if ty.elem is model.U8:
        return data
    return [unpack(ty.elem, data[n : n + ty.elem.size]) for n in range(0, len(data), ty.elem.size)]


def _address(value: Any, keep: list[Any]) -> int:
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    if isinstance(value, bytes):
        value = ctypes.create_string_buffer(value, max(len(value), 1))
    elif isinstance(value, (bytearray, memoryview)):
        value = (ctypes.c_char * len(value)).from_buffer(value)
    keep.append(value)
    return ctypes.addressof(value)
