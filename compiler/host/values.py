# SPDX-License-Identifier: GPL-2.0-or-later
"""Between Python values and the bytes of the language's values, by type: what a call passes and gets back, what a field holds.

Integers and addresses are ints, enums members of an enum of Python with the same name, bit-fields ints with attributes; bool, f64 and
`str` are Python's; None is None. A reference is a view (compiler/host/views.py), or else an address, a ctypes object or a bytearray.
A span of u8 takes bytes, any span of scalars takes a sequence (copied in) or a ctypes array (shared).
"""

from __future__ import annotations

import ctypes
import enum
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


_enums: dict[model.EnumType, Any] = {}


def python_enum(ty: model.EnumType) -> Any:
    """The enum of Python for one of the language: members are ints too, so that they compare with plain numbers."""
    found = _enums.get(ty)
    if found is None:
        kind: Any = enum.IntFlag if ty.kind == "flag" else enum.IntEnum
        found = _enums[ty] = kind(ty.decl.name, ty.members)
    return found


class BitsValue(int):
    """The bits of a `Bits` class, with its fields as attributes: `pte.present`. As a number: all bits."""

    ty: model.BitsType

    def __getattr__(self, name: str) -> Any:
        field = self.ty.fields.get(name)
        if field is None:
            raise AttributeError(f"`{self.ty.name}` has no field `{name}`; it has {', '.join(self.ty.fields)}")
        raw = int(self) >> field.low & (1 << field.high - field.low + 1) - 1
        return bool(raw) if field.ty is model.BOOL else from_int(field.ty, raw)

    def __repr__(self) -> str:
        return f"{self.ty.name}({', '.join(f'{n}={getattr(self, n)!r}' for n in self.ty.fields)})"


def from_int(ty: model.Type, value: int) -> Any:
    """An integer as Python shows values of this type."""
    if isinstance(ty, model.EnumType):
        try:
            return python_enum(ty)(value)
        except ValueError:
            return value  # no member: memory may hold anything
    if isinstance(ty, model.BitsType):
        made = BitsValue(value)
        made.ty = ty
        return made
    return value


def pack(ty: model.Type, value: Any, keep: list[Any]) -> bytes:
    """The bytes of a value; `keep` gets what must live as long as they are used."""
    under = model.underlying(ty)
    if isinstance(under, model.IntType):
        if isinstance(value, str) and isinstance(ty, model.EnumType):
            value = python_enum(ty)[value]
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


def unpack(ty: model.Type, data: bytes, unit: Any = None) -> Any:
    """The value in `data`. With a `unit`, references become views of it; without, they stay addresses."""
    under = model.underlying(ty)
    if isinstance(under, model.IntType):
        return from_int(ty, int.from_bytes(data[: under.size], "little", signed=under.signed))
    if isinstance(ty, model.BoolType):
        return bool(data[0] & 1)
    if isinstance(ty, model.FloatType):
        return struct.unpack_from("<f" if ty.size == 4 else "<d", data)[0]
    if isinstance(ty, model.SpanType):
        address, length = struct.unpack_from("<QQ", data)
        return read_span(ty, address, length, unit)
    if isinstance(ty, model.OptionalType):
        if ty.nullable:
            address = struct.unpack_from("<Q", data)[0]
            return _reference(ty.inner, address, unit) if address else None
        return unpack(ty.inner, data, unit) if data[shape(ty.inner)[0]] & 1 else None
    if isinstance(ty, model.TupleType):
        parts, at = [], 0
        for elem in ty.elems:
            n, align = shape(elem)
            at = align_up(at, align)
            parts.append(unpack(elem, data[at : at + n], unit))
            at += n
        return tuple(parts)
    if isinstance(ty, (model.VoidType, model.NoReturnType)):
        return None
    return _reference(ty, struct.unpack_from("<Q", data)[0], unit)


def read_span(ty: model.SpanType, address: int, length: int, unit: Any = None) -> Any:
    """Text and scalars are copied out; objects stay where they are."""
    if ty.elem.is_place or not ty.elem.size or isinstance(ty.elem, model.RefType):
        return (address, length) if unit is None else unit.elements(ty.elem, address, length)
    data = ctypes.string_at(address, length * ty.elem.size) if length else b""
    if ty is model.STR:
        return data.decode(errors="replace")
    if ty.elem is model.U8:
        return data
    return [unpack(ty.elem, data[n : n + ty.elem.size], unit) for n in range(0, len(data), ty.elem.size)]


def _reference(ty: model.Type, address: int, unit: Any) -> Any:
    target = ty.target if isinstance(ty, model.RefType) else ty
    if unit is None or not address or not isinstance(target, (model.ClassType, model.ArrayType)):
        return address
    return unit.view(target, address)


def _span(ty: model.SpanType, value: Any, keep: list[Any]) -> tuple[int, int]:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(ty.elem, model.TupleType):
        return value  # (address, length), as it is
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _address(value, keep), len(value) // max(ty.elem.size, 1)
    if isinstance(value, ctypes.Array):
        keep.append(value)
        return ctypes.addressof(value), len(value)
    where = getattr(value, "host_span", None)  # elements of a view
    if where is not None:
        return where(ty.elem)
    raw = b"".join(pack(ty.elem, item, keep) for item in value)
    return _address(bytearray(raw), keep), len(value)


def _address(value: Any, keep: list[Any]) -> int:
    if value is None:
        return 0
    where = getattr(value, "host_address", None)  # a view, or a compiled function
    if where is not None:
        return where
    if isinstance(value, int):
        return value
    if isinstance(value, bytes):
        value = ctypes.create_string_buffer(value, max(len(value), 1))
    elif isinstance(value, (bytearray, memoryview)):
        value = (ctypes.c_char * len(value)).from_buffer(value)
    keep.append(value)
    return ctypes.addressof(value)
