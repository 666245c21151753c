# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiled memory as Python objects: fields by name, elements by index, laid out by the compiler that laid out the code.

A view is a type and an address. What a unit's classes construct lives as long as the unit, and a view keeps its unit alive; so a
reference that compiled code stored somewhere never dangles because Python forgot an object. Compiled `free` is another
matter: a view of what it gave back is as dead as the reference.
"""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Iterator, Sequence
from typing import Any

from compiler.diagnostics import did_you_mean
from compiler.host.values import BitsValue, pack, python_enum, unpack
from compiler.types import model

OWN = ("_unit", "_type", "_address")
SHOWN_DEPTH = 2


def load_place(unit: Any, ty: model.Type, address: int) -> Any:
    """What a place of this storage type holds, as Python sees it."""
    if isinstance(ty, model.AtomicType):
        return load_place(unit, ty.elem, address)
    if isinstance(ty, model.TextType):
        return text_of(unit, ty.header, address)
    if isinstance(ty, model.ArrayType):
        return Elements(unit, ty.elem, address, ty.length)
    if isinstance(ty, model.ClassType):
        return unit.view(ty, address)
    if isinstance(ty, model.SpanType) and ty is not model.STR:
        start, length = (ctypes.c_uint64.from_address(address + n).value for n in (0, 8))
        return Elements(unit, ty.elem, start, length)
    return unpack(ty, ctypes.string_at(address, ty.size), unit)


def store_place(unit: Any, ty: model.Type, address: int, value: Any) -> None:
    if isinstance(ty, model.AtomicType):
        store_place(unit, ty.elem, address, value)
    elif isinstance(ty, model.TextType):
        data = value.encode()
        if len(data) > ty.room:
            raise OverflowError(f"{len(data)} bytes do not fit into {ty.name}")
        ctypes.memmove(address + ty.header.size, data, len(data))
        ctypes.c_uint64.from_address(address + ty.header.fields["used"].offset).value = len(data)
    elif isinstance(ty, model.ArrayType):
        Elements(unit, ty.elem, address, ty.length).assign(value)
    elif isinstance(ty, model.ClassType):
        if not isinstance(value, View) or value._type is not ty:
            raise TypeError(f"a `{ty.name}` is embedded here: assign another `{ty.name}`, which is copied, or its fields")
        ctypes.memmove(address, value.host_address, ty.size)
    else:
        ctypes.memmove(address, pack(ty, value, unit.keep), ty.size)


def text_of(unit: Any, header: model.ClassType, address: int) -> str:
    used = ctypes.c_uint64.from_address(address + header.fields["used"].offset).value
    return ctypes.string_at(address + header.size, used).decode(errors="replace")


class View:
    """One object of a class: `proc.pid`, `proc.pid = 3`, `proc.vcores[2].id`, `ring.push(3)`, `proc.is_mcp` for a property."""

    __slots__ = (*OWN, "__weakref__")

    def __init__(self, unit: Any, ty: model.ClassType, address: int) -> None:
        for name, value in zip(OWN, (unit, ty, address), strict=True):
            object.__setattr__(self, name, value)

    @property
    def host_address(self) -> int:
        return self._address

    def _field(self, name: str) -> model.Field | None:
        return self._type.fields.get(name)

    def __getattr__(self, name: str) -> Any:
        field = self._field(name)
        if field is not None:
            return load_place(self._unit, field.ty, self._address + field.offset)
        method = self._unit.method(self._type, name)
        if method is None:
            raise AttributeError(self._unknown(name))
        bound = Method(method, self)
        return bound() if "property" in method.decl.marks else bound

    def __setattr__(self, name: str, value: Any) -> None:
        field = self._field(name)
        if field is None:
            raise AttributeError(self._unknown(name))
        store_place(self._unit, field.ty, self._address + field.offset, value)

    def _unknown(self, name: str) -> str:
        known = [*self._type.fields, *self._type.decl.methods]
        hint = did_you_mean(name, known)
        return f"`{self._type.name}` has no `{name}`" + (f"; {hint}" if hint else f"; it has {', '.join(known)}")

    def __dir__(self) -> list[str]:
        return [*self._type.fields, *self._type.decl.methods]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and other._address == self._address and other._type is self._type

    def __hash__(self) -> int:
        return hash(self._address)

    def __repr__(self) -> str:
        return show(self, SHOWN_DEPTH)


class Elements(Sequence[Any]):
    """The elements of an array or span, where they are: read, assigned and sliced by index; equal to a list of the same values."""

    def __init__(self, unit: Any, elem: model.Type, address: int, length: int) -> None:
        self._unit, self._elem, self._address, self._length = unit, elem, address, length

    @property
    def host_address(self) -> int:
        return self._address

    def host_span(self, elem: model.Type) -> tuple[int, int]:
        if elem is not self._elem:
            raise TypeError(f"elements are `{self._elem.name}`, not `{elem.name}`")
        return self._address, self._length

    def __len__(self) -> int:
        return self._length

    def _place(self, index: int) -> int:
        if not -self._length <= index < self._length:
            raise IndexError(f"index {index} of {self._length} elements")
        return self._address + index % self._length * self._elem.size

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            if step != 1:
                return [self[i] for i in range(start, stop, step)]
            return Elements(self._unit, self._elem, self._address + start * self._elem.size, max(stop - start, 0))
        return load_place(self._unit, self._elem, self._place(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self[index].assign(value)
        else:
            store_place(self._unit, self._elem, self._place(index), value)

    def assign(self, values: Any) -> None:
        items = list(values)
        if len(items) != self._length:
            raise ValueError(f"{len(items)} values for {self._length} elements")
        for i, item in enumerate(items):
            store_place(self._unit, self._elem, self._place(i), item)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._length))

    def __bytes__(self) -> bytes:
        return ctypes.string_at(self._address, self._length * self._elem.size) if self._length else b""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (bytes, bytearray)):
            return bytes(self) == other
        return isinstance(other, Sequence) and len(other) == len(self) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return show(self, SHOWN_DEPTH)


class Method:
    """A compiled method with its object."""

    def __init__(self, function: Any, receiver: View) -> None:
        self.function, self.receiver = function, receiver

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(self.receiver, *arguments, **named)

    def __repr__(self) -> str:
        return f"<{self.function.signature} of {show(self.receiver, 0)}>"


class Class:
    """A class of a unit: calling it makes an object, `Ring[u64]` is the instance of a generic one, enums give their members."""

    def __init__(self, unit: Any, decl: Any, args: tuple[Any, ...] = ()) -> None:
        self._unit, self._decl, self._args = unit, decl, args

    def __getitem__(self, args: Any) -> Class:
        parts = args if isinstance(args, tuple) else (args,)
        return Class(self._unit, self._decl, tuple(self._unit.type_of(p) for p in parts))

    @property
    def type(self) -> model.Type:
        """The compiler's type; raises TypeError if arguments of a generic class are missing."""
        if len(self._args) != len(self._decl.typevars):
            raise TypeError(f"`{self._decl.name}` is generic: write `{self._decl.name}[{', '.join(self._decl.typevars)}]`")
        return self._unit.program.layouts.ensure(self._unit.program.class_type(self._decl, self._args))

    def __call__(self, *arguments: Any, **fields: Any) -> Any:
        ty = self.type
        if isinstance(ty, model.ClassType):
            return self._unit.make(ty, arguments, fields)
        if isinstance(ty, model.EnumType):
            return python_enum(ty)(*arguments)
        if isinstance(ty, model.BitsType):
            return make_bits(ty, arguments, fields)
        raise TypeError(f"`{self._decl.name}` makes no objects here")

    def at(self, address: int) -> Any:
        """A view of the object at an address."""
        return self._unit.view(self.type, address)

    def array(self, length: int) -> Elements:
        """That many objects in a row, with their defaults."""
        ty = self.type
        room = self._unit.buffer(ty.size * length, align=ty.align)
        for i in range(length):
            self._unit.fill(ty, room + i * ty.size)
        return Elements(self._unit, ty, room, length)

    def __getattr__(self, name: str) -> Any:
        ty = self.type
        if isinstance(ty, model.EnumType):
            return getattr(python_enum(ty), name)
        if isinstance(ty, model.ClassType):
            method = self._unit.method(ty, name)
            if method is not None:
                return method
        raise AttributeError(f"`{self._decl.name}` has no `{name}`")

    def __iter__(self) -> Iterator[Any]:
        ty = self.type
        if not isinstance(ty, model.EnumType):
            raise TypeError(f"`{self._decl.name}` is no enum")
        return iter(python_enum(ty))

    def __repr__(self) -> str:
        return f"<class {self._decl.name}{list(self._args) if self._args else ''} of {self._unit.path.name}>"


def make_bits(ty: model.BitsType, arguments: tuple[Any, ...], fields: dict[str, Any]) -> BitsValue:
    raw = int(arguments[0]) if arguments else 0
    for name, value in fields.items():
        field = ty.fields[name]
        if int(value) >> field.high - field.low + 1:
            raise OverflowError(f"{value} does not fit in `{ty.name}.{name}`")
        mask = (1 << field.high - field.low + 1) - 1
        raw = raw & ~(mask << field.low) | int(value) << field.low
    made = BitsValue(raw)
    made.ty = ty
    return made


def show(value: Any, depth: int) -> str:
    """`Proc(pid=3, lock=SpinLock(word=0))`; what lies deeper, and what is only referred to, by its class and address."""
    if isinstance(value, Elements):
        items = [show(item, depth) for item in value[:8]]
        return f"[{', '.join(items)}{f', … {len(value)} in all' if len(value) > 8 else ''}]"
    if isinstance(value, enum.IntEnum | enum.IntFlag):
        return str(value) if isinstance(value, enum.IntFlag) and value.name is None else f"{type(value).__name__}.{value.name}"
    if not isinstance(value, View):
        return repr(value)
    ty = value._type
    if depth <= 0:
        return f"<{ty.name} at {value.host_address:#x}>"
    parts = []
    for name, field in ty.fields.items():
        embedded = isinstance(field.ty, model.ClassType)
        parts.append(f"{name}={show(getattr(value, name), depth - 1 if embedded or isinstance(field.ty, model.ArrayType) else 0)}")
    return f"{ty.name}({', '.join(parts)})"
