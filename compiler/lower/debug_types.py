# SPDX-License-Identifier: GPL-2.0-or-later
"""The language's types as DWARF: what a debugger shows of a field, an element or a variable.

Two views, as in types/model.py: *storage* is what stands in memory, where a class is its fields; a *value* is what a name holds,
where a class, an array or an atomic is a reference (never None) or a pointer (`X | None`). Names are the language's: `Ring[u64]`.

A unit describes all that can be reached from its variables: a debugger that had to find a class by its name alone might find another of
that name, in a program or in another module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compiler.types import model
from compiler.types.model import ClassType, Type

if TYPE_CHECKING:
    from compiler.lower.debug import DebugInfo

Member = tuple[str, str, int, int]  # name, type, byte offset, size in bytes


class DebugTypes:
    def __init__(self, info: DebugInfo, program: Any) -> None:
        self.info, self.program = info, program
        self.made: dict[tuple[str, Type], str] = {}
        self.pending: list[tuple[ClassType, int]] = []  # classes whose fields are still to be described

    # -- views --------------------------------------------------------------------------------------------------
    def storage(self, ty: Type) -> str:
        """A type as it stands in memory."""
        return self._once("storage", ty, self._storage)

    def value(self, ty: Type) -> str:
        """A type as a name holds it."""
        return self._once("value", ty, self._value)

    def _once(self, view: str, ty: Type, make: Any) -> str:
        found = self.made.get((view, ty))
        if found is None:
            found = self.made[view, ty] = make(ty)
        return found

    def _value(self, ty: Type) -> str:
        return self._pointer(self.storage(ty), "reference") if ty.is_place else self.storage(ty)

    def _storage(self, ty: Type) -> str:
        if ty in (model.VOID, model.NORETURN, model.NONE):
            return "null"
        if ty is model.UNTYPED:
            return self.storage(model.I64)
        if isinstance(ty, ClassType):
            return f"!{self._class(ty)}"
        make = getattr(self, f"_{type(ty).__name__}", None)
        return str(make(ty)) if make is not None else self._unknown(ty)

    def _unknown(self, ty: Type) -> str:
        # Not DW_TAG_unspecified_type: LLVM gives up on such a variable as soon as its value is a constant.
        return self._node(f'!DIBasicType(name: "{_quoted(ty.name)}", size: {8 * max(ty.size, 1)}, encoding: DW_ATE_unsigned)')

    def _node(self, text: str) -> str:
        return f"!{self.info.add(text)}"

    # -- building blocks ----------------------------------------------------------------------------------------
    def _pointer(self, target: str, kind: str = "pointer") -> str:
        return self._node(f"!DIDerivedType(tag: DW_TAG_{kind}_type, baseType: {target}, size: 64)")

    def _target(self, ty: Type) -> str:
        """What a pointer that may be None points at."""
        if isinstance(ty, model.FuncType):
            return self._signature(ty)
        return self.storage(ty.target if isinstance(ty, model.RefType) else ty.elem if isinstance(ty, model.PtrType) else ty)

    def _struct(self, name: str, size: int, members: list[Member], number: int | None = None, extra: str = "") -> str:
        node = self.info.reserve() if number is None else number
        parts = [
            self.info.add(
                f'!DIDerivedType(tag: DW_TAG_member, name: "{_quoted(m)}", scope: !{node}, baseType: {kind}, '
                f"size: {8 * length}, offset: {8 * offset})"
            )
            for m, kind, offset, length in members
            if kind != "null"
        ]
        return self._composite(node, name, size, parts, extra)

    def _composite(self, node: int, name: str, size: int, parts: list[int], extra: str = "") -> str:
        elements = ", ".join(f"!{p}" for p in parts)
        self.info.nodes[node] = (
            f'distinct !DICompositeType(tag: DW_TAG_structure_type, name: "{_quoted(name)}", size: {8 * size}, '
            f"elements: !{{{elements}}}{extra})"
        )
        return f"!{node}"

    # -- scalars ------------------------------------------------------------------------------------------------
    def _IntType(self, ty: Any) -> str:
        return self._basic(ty, "DW_ATE_signed" if ty.signed else "DW_ATE_unsigned")

    def _FloatType(self, ty: Any) -> str:
        return self._basic(ty, "DW_ATE_float")

    def _BoolType(self, ty: Any) -> str:
        return self._basic(ty, "DW_ATE_boolean")

    def _basic(self, ty: Type, encoding: str) -> str:
        return self._node(f'!DIBasicType(name: "{ty.name}", size: {8 * ty.size}, encoding: {encoding})')

    def _NewType(self, ty: model.NewType) -> str:
        base = self.storage(ty.base)
        return self._node(f'!DIDerivedType(tag: DW_TAG_typedef, name: "{ty.name}", file: !{self.info.own}, baseType: {base})')

    def _EnumType(self, ty: model.EnumType) -> str:
        unsigned = "" if ty.storage.signed else ", isUnsigned: true"
        members = [self.info.add(f'!DIEnumerator(name: "{m}", value: {v}{unsigned})') for m, v in ty.members.items()]
        base = self.storage(ty.storage)
        listed = ", ".join(f"!{m}" for m in members)
        return self._node(
            f'!DICompositeType(tag: DW_TAG_enumeration_type, name: "{ty.name}", baseType: {base}, size: {8 * ty.size}, '
            f"flags: DIFlagEnumClass, elements: !{{{listed}}})"
        )

    def _BitsType(self, ty: model.BitsType) -> str:
        node, parts = self.info.reserve(), []
        for bit in ty.fields.values():
            parts.append(
                self.info.add(
                    f'!DIDerivedType(tag: DW_TAG_member, name: "{bit.name}", scope: !{node}, baseType: {self.storage(bit.ty)}, '
                    f"size: {bit.high - bit.low + 1}, offset: {bit.low}, flags: DIFlagBitField, extraData: i64 0)"
                )
            )
        return self._composite(node, ty.name, ty.size, parts)

    def _MmioType(self, ty: model.MmioType) -> str:
        """The value is the device's address: a pointer to its registers."""
        members = []
        for reg in ty.registers.values():
            kind, length = self.storage(reg.ty), reg.ty.size
            if reg.count and reg.stride == reg.ty.size:
                kind, length = self._array(kind, reg.count, length), reg.count * length
            members.append((reg.name, kind, reg.offset, length))
        size = max((offset + length for _, _, offset, length in members), default=0)
        return self._pointer(self._struct(ty.name, size, members))

    # -- pointers and aggregates --------------------------------------------------------------------------------
    def _RefType(self, ty: model.RefType) -> str:
        return self._pointer(self.storage(ty.target), "reference")

    def _PtrType(self, ty: model.PtrType) -> str:
        return self._pointer(self.storage(ty.elem))

    def _FuncType(self, ty: model.FuncType) -> str:
        return self._pointer(self._signature(ty))

    def _ClosureType(self, ty: model.ClosureType) -> str:
        """The value is a frame: the addresses of what the function captures."""
        return self._pointer(self._array(self._pointer("null"), len(ty.made.inst.captured), 8))

    def _signature(self, ty: model.FuncType) -> str:
        kinds = ", ".join(self.value(t) for t in [ty.result, *ty.params])
        return self._node(f"!DISubroutineType(types: !{{{kinds}}})")

    def _SpanType(self, ty: model.SpanType) -> str:
        return self._struct(ty.name, 16, [("ptr", self._pointer(self.storage(ty.elem)), 0, 8), ("len", self.storage(model.U64), 8, 8)])

    def _RegistryType(self, ty: model.RegistryType) -> str:
        entry = self.value(ty.elem) if isinstance(ty.elem, model.FuncType) else self._pointer(self._target(ty.elem))
        return self._struct(ty.name, 16, [("ptr", self._pointer(entry), 0, 8), ("len", self.storage(model.U64), 8, 8)])

    def _ArrayType(self, ty: model.ArrayType) -> str:
        return self._array(self.storage(ty.elem), ty.length, ty.elem.size)

    def _array(self, elem: str, length: int, size: int) -> str:
        count = self.info.add(f"!DISubrange(count: {length})")
        return self._node(f"!DICompositeType(tag: DW_TAG_array_type, baseType: {elem}, size: {8 * length * size}, elements: !{{!{count}}})")

    def _TextType(self, ty: model.TextType) -> str:
        room = self._array(self.storage(model.U8), ty.size - ty.header.size, 1)
        return self._struct(
            ty.name,
            ty.size,
            [("header", self.storage(ty.header), 0, ty.header.size), ("data", room, ty.header.size, ty.size - ty.header.size)],
        )

    def _OptionalType(self, ty: model.OptionalType) -> str:
        if ty.nullable:
            return self._pointer(self._target(ty.inner))
        inner = ty.inner
        return self._struct(
            ty.name, ty.size, [("value", self.value(inner), 0, inner.size), ("is_some", self.storage(model.BOOL), inner.size, 1)]
        )

    def _TupleType(self, ty: model.TupleType) -> str:
        return self._struct(
            ty.name,
            ty.size,
            [
                (f"_{i}", self.value(e), offset, 8 if e.is_place else e.size)
                for i, (e, offset) in enumerate(zip(ty.elems, ty.offsets, strict=True))
            ],
        )

    def _UserType(self, ty: model.UserType) -> str:
        members = [("address", self.storage(model.UADDR), 0, 8)]
        return self._struct(ty.name, ty.size, members + [("len", self.storage(model.U64), 8, 8)] * (ty.size > 8))

    def _AtomicType(self, ty: model.AtomicType) -> str:
        return self._struct(ty.name, ty.size, [("value", self.storage(ty.elem), 0, ty.size)])

    def _PerCoreType(self, ty: model.PerCoreType) -> str:
        return self.storage(ty.elem)

    # -- classes ------------------------------------------------------------------------------------------------
    def _class(self, cls: ClassType) -> int:
        """The class's node, whose text `finish` writes: classes refer to each other in circles, and in long chains."""
        node = self.info.reserve()
        self.pending.append((cls, node))
        return node

    def finish(self) -> None:
        while self.pending:
            cls, node = self.pending.pop()
            self.program.layouts.complete(cls)
            members: list[Member] = [("vtable", self._pointer("null"), 0, 8)] if cls.polymorphic else []
            members += [(f.name, self.storage(f.ty), f.offset, f.ty.size) for f in cls.fields.values()]
            file = self.info.file(cls.decl.module)
            self._struct(cls.name, cls.size, members, node, f", file: !{file}, line: {cls.decl.node.lineno}")


def _quoted(name: str) -> str:
    return name.replace('"', "'")
