# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of a compile-time evaluation: objects of bytes, and beside them what has no bytes yet (references, spans, functions)."""

from __future__ import annotations

import struct
from typing import Any

from compiler.types import model
from compiler.types.model import BOOL, F32, FloatType, IntType, OptionalType, SpanType, TupleType, Type, underlying


class Reaches(Exception):
    """Past the end of its object."""


def zero_of(ty: Type) -> Any:
    """What zeroed memory holds."""
    if isinstance(ty, SpanType):
        return None, 0
    if isinstance(ty, TupleType):
        return tuple(zero_of(e) for e in ty.elems)
    if isinstance(ty, OptionalType):
        return None if ty.nullable else (zero_of(ty.inner), False)
    if ty is BOOL:
        return False
    if isinstance(ty, FloatType):
        return 0.0
    return 0 if isinstance(underlying(ty), IntType) else None


class Memory:
    """One object. `typed`: values without bytes, by their offset: (storage type, value)."""

    def __init__(self, size: int, data: bytearray | None = None) -> None:
        self.data = data if data is not None else bytearray(size)
        self.typed: dict[int, tuple[Type, Any]] = {}

    @property
    def refs(self) -> dict[int, Any]:
        return {at: value for at, (_, value) in self.typed.items()}


class Pointer:
    def __init__(self, memory: Memory, offset: int) -> None:
        self.memory, self.offset = memory, offset

    def moved(self, by: int) -> Pointer:
        return Pointer(self.memory, self.offset + by)

    def _within(self, size: int) -> None:
        if self.offset < 0 or self.offset + size > len(self.memory.data):
            raise Reaches

    def load(self, ty: Type) -> Any:
        self._within(ty.size)
        base = underlying(ty)
        raw = bytes(self.memory.data[self.offset : self.offset + ty.size])
        if isinstance(base, IntType):
            return int.from_bytes(raw, "little", signed=base.signed)
        if base is BOOL:
            return raw != b"\0"
        if isinstance(base, FloatType):
            return struct.unpack("<f" if base is F32 else "<d", raw)[0]
        known = self.memory.typed.get(self.offset)
        return known[1] if known is not None else zero_of(model.value_of(ty))

    def store(self, ty: Type, value: Any) -> None:
        self.clear(ty.size)
        base = underlying(ty)
        if isinstance(base, IntType):
            raw = (int(value) & (1 << base.bits) - 1).to_bytes(base.size, "little")
        elif base is BOOL:
            raw = bytes([bool(value)])
        elif isinstance(base, FloatType):
            raw = struct.pack("<f" if base is F32 else "<d", value)
        else:
            if value != zero_of(model.value_of(ty)):
                self.memory.typed[self.offset] = (ty, value)
            return
        self.memory.data[self.offset : self.offset + len(raw)] = raw

    def clear(self, size: int) -> None:
        self.set(0, size)

    def set(self, byte: int, size: int) -> None:
        self._within(size)
        self.memory.data[self.offset : self.offset + size] = bytes([byte]) * size
        for at in [a for a in self.memory.typed if self.offset <= a < self.offset + size]:
            del self.memory.typed[at]

    def copy_from(self, source: Pointer, size: int) -> None:
        source._within(size)
        data = bytes(source.memory.data[source.offset : source.offset + size])
        typed = {a: v for a, v in source.memory.typed.items() if source.offset <= a < source.offset + size}
        self.clear(size)
        self.memory.data[self.offset : self.offset + size] = data
        for at, kept in typed.items():
            self.memory.typed[at - source.offset + self.offset] = kept
