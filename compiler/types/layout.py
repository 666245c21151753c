# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory layout: struct fields by C rules, vtables, enums, bit-fields and device registers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from compiler.diagnostics import CompileError, Span
from compiler.types import model
from compiler.types.decls import ClassDecl, FuncDecl
from compiler.types.model import BitField, ClassType, EnumType, Field, IntType, Register, Type

if TYPE_CHECKING:
    from compiler.types.program import Program


def round_up(value: int, align: int) -> int:
    return (value + align - 1) // align * align


class Layouts:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.evaluate: Any = None  # set by the elaborator: folds a constant expression

    # -- classes ------------------------------------------------------------------------------------------------
    def complete(self, cls: ClassType) -> ClassType:
        """Lay out the fields of a class (instance) if that is not done yet."""
        if cls.laid_out:
            return cls
        program, decl = self.program, cls.decl
        cls.laid_out = True
        tvars = program.tvars_of(cls)
        cls.size, cls.align = 0, 1
        offset = 0
        if decl.base is not None and decl.base_decl is not None:
            base = program.resolve(decl.base, decl.module, tvars)
            assert isinstance(base, ClassType)
            self.complete(base)
            cls.base, cls.fields, cls.polymorphic = base, dict(base.fields), base.polymorphic
            offset, cls.align = base.size, base.align
        if decl.kind == "object" and not cls.polymorphic:
            cls.polymorphic = True
            offset = cls.align = 8
        for node in decl.fields:
            try:
                offset = self._place_field(cls, node, offset, tvars)
            except CompileError as error:
                cls.broken = True
                program.reporter.add(error.diagnostic)
        if "align" in decl.options:
            cls.align = max(cls.align, decl.options["align"])
        cls.size = round_up(offset, cls.align)
        if "size" in decl.options and cls.size != decl.options["size"]:
            raise program.error("E0708", decl.module, decl.node, f"`{cls.name}` is {cls.size} bytes, not {decl.options['size']}")
        if cls.polymorphic:
            self._vtable(cls)
        return cls

    def _place_field(self, cls: ClassType, node: ast.AnnAssign, offset: int, tvars: dict[str, Any]) -> int:
        assert isinstance(node.target, ast.Name)
        name, decl = node.target.id, cls.decl
        ty = self.field_type(node.annotation, node.value, decl, tvars)
        inherited = cls.fields.get(name)
        if inherited is not None:
            if inherited.ty is not ty:
                raise self.program.error(
                    "E0711",
                    decl.module,
                    node,
                    f"`{name}` is `{inherited.ty.name}` in `{inherited.owner.name}`, not `{ty.name}`",
                    "a subclass may only give an inherited field a new default",
                    labels=[
                        (Span.of(d.module.source, f), "inherited from here")
                        for d in [inherited.owner.decl]
                        for f in d.fields
                        if ast.unparse(f.target) == name
                    ],
                )
            cls.fields[name] = Field(name, ty, inherited.offset, node.value, cls)
            return offset
        size, align = self.extent(ty, decl, node)
        if decl.options.get("packed"):
            align = 1
        offset = round_up(offset, align)
        self._check_offset(node, name, offset, decl)
        cls.align = max(cls.align, align)
        cls.fields[name] = Field(name, ty, offset, node.value, cls)
        return offset + size

    def _check_offset(self, node: ast.AnnAssign, name: str, found: int, decl: ClassDecl) -> None:
        """`name: Annotated[T, offset(8)]` states where the field stands."""
        if not (isinstance(node.annotation, ast.Subscript) and isinstance(node.annotation.slice, ast.Tuple)):
            return
        for extra in node.annotation.slice.elts[1:]:
            if isinstance(extra, ast.Call) and isinstance(extra.func, ast.Name) and extra.func.id == "offset" and len(extra.args) == 1:
                stated = self.evaluate(extra.args[0], decl.module, {})
                if stated != found:
                    raise self.program.error("E0721", decl.module, extra, f"`{decl.name}.{name}` is at offset {found}, not {stated}")

    def extent(self, ty: Type, decl: ClassDecl, node: ast.AST) -> tuple[int, int]:
        """Size and alignment of storage; a class that contains itself is an error."""
        self.ensure(ty)
        if isinstance(ty, ClassType) and ty.size == 0 and ty.decl is decl:
            raise self.program.error("E0709", decl.module, node, f"`{decl.name}` cannot contain itself", f"use `Ref[{decl.name}]`")
        if isinstance(ty, ClassType) and any(m.is_abstract for _, _, m in ty.vtable):
            raise self.program.error(
                "E0701",
                decl.module,
                node,
                f"`{ty.name}` is abstract, so there are no objects of just it to embed",
                f"hold a reference: `Ref[{ty.name}]`",
            )
        return ty.size, ty.align

    def ensure(self, ty: Type) -> Type:
        """Complete the classes that this storage embeds, so that its size is known."""
        if isinstance(ty, ClassType):
            self.complete(ty)
        elif isinstance(ty, model.ArrayType):
            self.ensure(ty.elem)
            ty.size, ty.align = ty.elem.size * ty.length, ty.elem.align
        elif isinstance(ty, model.PerCoreType):
            self.ensure(ty.elem)
            ty.size, ty.align = ty.elem.size, ty.elem.align
        return ty

    def field_type(self, annotation: ast.expr, value: ast.expr | None, decl: ClassDecl, tvars: dict[str, Any]) -> Type:
        """`Array[T] = array(n)` and `Text = text(n)` take their length from the initialiser."""
        stated = isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated"
        if stated and isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple):
            annotation = annotation.slice.elts[0]
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("array", "text"):
            return self.sized_type(annotation, value, decl.module, tvars)
        return self.program.resolve(annotation, decl.module, tvars)

    def sized_type(self, annotation: ast.expr | None, value: ast.Call, module: Any, tvars: dict[str, Any]) -> Type:
        assert isinstance(value.func, ast.Name)
        program = self.program
        if not value.args:
            raise program.error("E1105", module, value, f"`{value.func.id}` needs a length")
        length = self.evaluate(value.args[0], module, tvars)
        if not isinstance(length, int) or isinstance(length, bool) or length < 0:
            raise program.error("E1105", module, value.args[0], "a length must be a constant that is not negative")
        if value.func.id == "text":
            header = program.runtime_class("Text")
            self.complete(header)
            return model.intern(model.TextType, header, length)
        if len(value.args) > 1:
            elem = program.resolve(value.args[1], module, tvars)
        elif isinstance(annotation, ast.Subscript):
            elem = program.resolve(annotation.slice, module, tvars)
        else:
            raise program.error("E1104", module, value, "what is it an array of?", "write `array(n, T)`")
        self.ensure(elem)
        return model.intern(model.ArrayType, elem, length)

    # -- vtables ------------------------------------------------------------------------------------------------
    def _vtable(self, cls: ClassType) -> None:
        """Slots are (name, class that defines it, declaration); a subclass keeps its base's order."""
        slots = list(cls.base.vtable) if cls.base is not None else []
        for name, method in cls.decl.methods.items():
            if name == "__init__" or method.is_static:
                continue
            for i, (known, _, _) in enumerate(slots):
                if known == name:
                    slots[i] = (name, cls, method)
                    break
            else:
                slots.append((name, cls, method))
        cls.vtable = slots

    def find_method(self, cls: ClassType, name: str) -> tuple[ClassType, FuncDecl] | None:
        """The class in the chain that defines the method, and its declaration."""
        found: ClassType | None = self.complete(cls)
        while found is not None:
            method = found.decl.methods.get(name)
            if method is not None:
                return found, method
            found = found.base
        return None

    def find_setter(self, cls: ClassType, name: str) -> tuple[ClassType, FuncDecl] | None:
        """The class in the chain that defines how the property is set."""
        found: ClassType | None = self.complete(cls)
        while found is not None:
            if name in found.decl.setters:
                return found, found.decl.setters[name]
            found = found.base
        return None

    def is_overridden(self, cls: ClassType, name: str) -> bool:
        """Whether some subclass in the program overrides the method."""
        pending = list(cls.decl.subclasses)
        while pending:
            decl = pending.pop()
            if name in decl.methods:
                return True
            pending += decl.subclasses
        return False

    # -- value classes ------------------------------------------------------------------------------------------
    def enum(self, decl: ClassDecl, kind: str) -> EnumType:
        storage: Any = decl.options.get("storage", model.U32)
        members: dict[str, int] = {}
        made = EnumType(decl.name, {"enum": "enum", "int enum": "int", "flag": "flag"}[kind], storage, members, decl)
        decl.instances[()] = made
        last = 0 if kind == "flag" else None
        for name, node in decl.constants.items():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "auto":
                if kind == "flag":
                    value = 1 << max((v.bit_length() for v in members.values()), default=0)
                else:
                    value = 1 if last is None else last + 1
            else:
                found = self.evaluate(node, decl.module, {}, made)
                if not isinstance(found, int) or isinstance(found, bool):
                    raise self.program.error("E1303", decl.module, node, f"the value of `{decl.name}.{name}` must be an integer constant")
                value = found
            if not storage.low <= value <= storage.high:
                raise self.program.error("E0401", decl.module, node, f"{value} does not fit in `{storage.name}`")
            members[name] = last = value
        return made

    def bits(self, decl: ClassDecl) -> model.BitsType:
        assert isinstance(decl.base, ast.Subscript)
        raw = self.program.resolve(decl.base.slice, decl.module, {})
        assert isinstance(raw, IntType)
        fields: dict[str, BitField] = {}
        made = model.BitsType(decl.name, raw, fields, decl)
        decl.instances[()] = made
        nodes = {**decl.constants, **{f.target.id: f.value for f in decl.fields if isinstance(f.target, ast.Name) and f.value is not None}}
        for name, node in list(nodes.items()):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("bit", "bits")):
                continue
            decl.constants.pop(name, None)
            try:
                fields[name] = self._bit_field(name, node, raw, decl)
            except CompileError as error:
                made.broken = True
                self.program.reporter.add(error.diagnostic)
        return made

    def _bit_field(self, name: str, node: ast.Call, raw: IntType, decl: ClassDecl) -> BitField:
        """`present = bit(0)`, `frame = bits(12, 51)`, `kind = bits(4, 7, Kind)`."""
        assert isinstance(node.func, ast.Name)
        single = node.func.id == "bit"
        if not (len(node.args) == 1 if single else 2 <= len(node.args) <= 3) or node.keywords:
            message = "a bit-field is written `bit(4)`, `bits(first, last)` or `bits(first, last, Type)`"
            raise self.program.error("E0712", decl.module, node, message)
        low, high = [self.evaluate(node.args[i], decl.module, {}) for i in (0, 0 if single else 1)]
        if not (isinstance(low, int) and isinstance(high, int) and 0 <= low <= high < raw.bits):
            raise self.program.error("E0712", decl.module, node, f"bits {low} to {high} are not within `{raw.name}`")
        ty: Type = model.BOOL if single else self.program.resolve(node.args[2], decl.module, {}) if len(node.args) > 2 else raw
        field, base = BitField(name, low, high, ty), model.underlying(ty)
        if ty is not model.BOOL and not (isinstance(base, IntType) and base.bits >= field.width):
            message = f"`{ty.name}` cannot hold the {field.width} bits of `{decl.name}.{name}`"
            raise self.program.error("E0712", decl.module, node, message, "an integer, an enum or `bool` that is wide enough can")
        return field

    def mmio(self, decl: ClassDecl) -> model.MmioType:
        registers: dict[str, Register] = {}
        made = model.MmioType(decl.name, registers, decl)
        decl.instances[()] = made
        for node in decl.fields:
            assert isinstance(node.target, ast.Name)
            if not isinstance(node.value, ast.Call):
                raise self.program.error("E0713", decl.module, node, "a register is written `name: Reg[u32] = reg(offset)`")
            ty = self.program.resolve(node.annotation, decl.module, {})
            offset = self.evaluate(node.value.args[0], decl.module, {})
            extra = {k.arg: self.evaluate(k.value, decl.module, {}) for k in node.value.keywords}
            registers[node.target.id] = Register(node.target.id, offset, ty, extra.get("count", 0), extra.get("stride", ty.size))
        return made
