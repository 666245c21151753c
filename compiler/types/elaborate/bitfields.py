# SPDX-License-Identifier: GPL-2.0-or-later
"""Bit-fields and device registers: both are values, a word and a base address, whose parts are read and written by name."""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import CompileError, did_you_mean
from compiler.types import hir, model
from compiler.types.decls import GlobalDecl
from compiler.types.elaborate.convert import same
from compiler.types.hir import Bin, Cmp, Const, Conv, Expr, Store
from compiler.types.model import BOOL, U64, BitsType, EnumType, MmioType


class BitFieldMixin:
    # -- reading ------------------------------------------------------------------------------------------------
    def _bits_attribute(self: Any, base: Expr, ty: BitsType, node: ast.Attribute) -> Expr:
        if node.attr == "raw":
            return same(base, ty.raw)
        field = ty.fields.get(node.attr)
        if field is None:
            found = ty.decl.methods.get(node.attr)
            if found is not None and "property" in found.marks:
                inst = self.program.instance(found, None, {}, node, bits_self=ty)
                return self.call_instance(inst, [base], node)
            if node.attr in ty.decl.constants:
                return self.class_constant(ty.decl, node.attr, node)
            raise self.unknown_member(node, ty, ty.fields)
        raw = same(base, ty.raw)
        part: Expr = Bin(ty.raw, "lshr", raw, Const(ty.raw, field.low)) if field.low else raw
        part = Bin(ty.raw, "and", part, Const(ty.raw, field.mask))
        if field.ty is BOOL:
            return Cmp(BOOL, "ne", part, Const(ty.raw, 0))
        if isinstance(field.ty, EnumType):
            return self.to_enum(part, field.ty, node)  # whoever made the word may have put in what is no member
        return same(self.resize(part, ty.raw, model.underlying(field.ty)), field.ty)

    # -- writing ------------------------------------------------------------------------------------------------
    def construct_bits(self: Any, ty: BitsType, node: ast.Call) -> Expr:
        """`Entry(present=True, frame=4)`."""
        if node.args:
            hint = f"a whole word: `{ty.name}.from_raw(…)`"
            raise self.error("E0801", node.args[0], f"`{ty.name}(…)` takes its fields by name", hint)
        raw: Expr = Const(ty.raw, 0)
        for keyword in node.keywords:
            if keyword.arg not in ty.fields:
                if ty.broken:
                    raise CompileError(None)  # its declaration had an error: said already
                hint = did_you_mean(keyword.arg or "", ty.fields)
                raise self.error("E0803", keyword, f"`{ty.name}` has no field `{keyword.arg}`", hint)
            value = self.value(keyword.value, ty.fields[keyword.arg].ty)
            raw = self.with_bits(raw, ty, keyword.arg, value, keyword.value)
        return same(raw, ty) if not isinstance(raw, Const) else Const(ty, raw.value)

    def with_bits(self: Any, raw: Expr, ty: BitsType, name: str, value: Expr, node: ast.AST) -> Expr:
        """`raw` with one field replaced by a value that must fit: a constant always, others in checked builds."""
        field = ty.fields[name]
        if value.ty is BOOL:
            number: Expr = Const(ty.raw, int(value.value)) if isinstance(value, Const) else Conv(ty.raw, "zext", value)
        else:
            number = self.to_integer(value, None)
            number = self.resize(number, number.ty, ty.raw)
        if isinstance(number, Const):
            if not 0 <= number.value <= field.mask:
                shown = f"{field.width} bit{'s' if field.width > 1 else ''}"
                hint = f"the largest value of it is {field.mask}"
                raise self.error("E0401", node, f"{number.value} does not fit in the {shown} of `{ty.name}.{name}`", hint)
            if isinstance(raw, Const):
                return Const(ty.raw, (raw.value & ~(field.mask << field.low)) | number.value << field.low)
        before: list[Any] = []
        if self.checked and not isinstance(number, Const) and value.ty is not BOOL and field.width < ty.raw.bits:
            setter, number = self.temp(number)
            fits = Cmp(BOOL, "ule", number, Const(ty.raw, field.mask))
            shown = f"{ty.decl.name}.{name} = %v: does not fit (0 to {field.mask})"
            before = [setter, self.check(fits, shown, node, number)]
        placed: Expr = number if isinstance(number, Const) else Bin(ty.raw, "and", number, Const(ty.raw, field.mask))
        if field.low:
            placed = Bin(ty.raw, "shl", placed, Const(ty.raw, field.low))
        cleared = Bin(ty.raw, "and", raw, Const(ty.raw, ty.raw.wrap(~(field.mask << field.low))))
        changed = Bin(ty.raw, "or", cleared, placed)
        return hir.Seq(ty.raw, before, changed) if before else changed

    def _assign_bits(self: Any, target: ast.Attribute, value: Any, node: ast.AST) -> bool:
        """`pte.present = True`, for a local or a place; and device registers. `value` is an expression's node, or a ready value."""
        if isinstance(target.value, ast.Name) and self.type_meant(target.value) is None:
            meaning = self.meaning(target.value)
            if meaning is not None and not isinstance(meaning, GlobalDecl):
                return False
        base = self.expr(target.value)
        ty = base.ty
        if isinstance(ty, MmioType):
            register = ty.registers.get(target.attr)
            if register is None:
                raise self.unknown_member(target, ty, ty.registers)
            addr = Conv(U64, "inttoptr", self._register_address(base, register))
            self.out.append(Store(addr, self._made(value, register.ty, node), register.ty, True))
            return True
        if not isinstance(ty, BitsType):
            return False
        if target.attr not in ty.fields:
            raise self.unknown_member(target, ty, ty.fields)
        made = self._made(value, ty.fields[target.attr].ty, node)
        if not isinstance(made, Const):
            setter, made = self.temp(made)  # the right side first, then the word that it goes into
            self.out.append(setter)
        place = value if isinstance(value, ast.expr) else node
        changed = same(self.with_bits(same(base, ty.raw), ty, target.attr, made, place), ty)
        self.assign_to(target.value, changed, node)
        return True

    # -- registers ----------------------------------------------------------------------------------------------
    def _register_address(self, base: Expr, register: Any) -> Expr:
        return Bin(U64, "add.wrap", same(base, U64), Const(U64, register.offset))
