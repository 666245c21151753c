# SPDX-License-Identifier: GPL-2.0-or-later
"""Fields, indices and slices: where a value stands in memory, and reading it."""

from __future__ import annotations

import ast
from typing import Any

from compiler.syntax.walk import walk
from compiler.types import hir, model
from compiler.types.decls import ClassDecl
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.flow import path_of
from compiler.types.hir import Bin, Cmp, Const, Conv, Expr, Index, Load, Make, Offset, Part, Seq
from compiler.types.model import (
    BOOL,
    STR,
    U64,
    UADDR,
    ArrayType,
    BitsType,
    ClassType,
    EnumType,
    IntType,
    MmioArrayType,
    MmioType,
    OptionalType,
    PerCoreType,
    PtrType,
    RegistryType,
    SpanType,
    TupleType,
    Type,
    UserType,
)


def shown_index(wide: Expr, value: Expr) -> Expr:
    """The `value` of an index that was made 64 bits `wide`, under the type of the right sign, so that a negative one is shown so."""
    signed = isinstance(wide, Conv) and isinstance(wide.operand.ty, IntType) and wide.operand.ty.signed
    return same(value, model.I64) if signed else value


class AccessMixin:
    # -- reading ------------------------------------------------------------------------------------------------
    def read(self: Any, addr: Expr, storage: Type, volatile: bool = False) -> Expr:
        """The value in a place: the place itself for classes and arrays, a load for the rest."""
        value = model.value_of(storage)
        if storage.is_place:
            return same(addr, value)
        return Load(value, addr, storage, volatile)

    def expr_Attribute(self: Any, node: ast.Attribute, want: Type | None) -> Expr:
        meaning = self.meaning(node)
        if meaning is not None:
            return self.meaning_value(meaning, node, want)
        owner = self.meaning(node.value) if isinstance(node.value, (ast.Name, ast.Attribute)) else None
        if isinstance(owner, (ClassDecl, Type)):
            return self._class_attribute(owner, node)
        base = self.expr(node.value)
        found = self._attribute(base, node)
        path = path_of(node)
        return self.narrowed(path, found) if path else found

    def _class_attribute(self: Any, owner: Any, node: ast.Attribute) -> Expr:
        if isinstance(owner, (ClassType, EnumType, BitsType, MmioType)):
            owner = owner.decl
        decl = owner if isinstance(owner, ClassDecl) else None
        while decl is not None:
            if node.attr in decl.constants or node.attr in getattr(
                self.program.maybe_type(decl) if not decl.typevars else None, "members", {}
            ):
                return self.class_constant(decl, node.attr, node)
            method = decl.methods.get(node.attr)
            if method is not None and method.is_static:
                return self.function_value(method, node, None)
            decl = decl.base_decl
        if isinstance(owner, ClassDecl) and (node.attr in owner.methods or node.attr in {ast.unparse(f.target) for f in owner.fields}):
            what = "is a method; it is no value here" if node.attr in owner.methods else "is a field; only an object has it"
            raise self.error("E0804", node, f"`{ast.unparse(node)}` {what}", f"name an object: `x.{node.attr}`")
        shown = ast.unparse(node.value)
        known = list(owner.constants) + list(owner.methods) if isinstance(owner, ClassDecl) else []
        from compiler.diagnostics import did_you_mean

        raise self.error("E0203", node, f"`{shown}` has no `{node.attr}`", did_you_mean(node.attr, known))

    def _attribute(self: Any, base: Expr, node: ast.Attribute) -> Expr:
        ty, name = base.ty, node.attr
        if isinstance(ty, OptionalType):
            raise self.may_be_none(node.value, base)
        if isinstance(ty, ClassType):
            return self._class_value_attribute(base, ty, node)
        if isinstance(ty, PerCoreType) and name == "mine":
            return self._mine(base, ty)
        if isinstance(ty, EnumType):
            if name == "name":
                return self.member_name(base, node)
            if name == "value":
                return same(base, ty.storage)
        if isinstance(ty, BitsType):
            return self._bits_attribute(base, ty, node)
        if isinstance(ty, MmioType):
            if name == "base":
                return same(base, U64)
            register = ty.registers.get(name)
            if register is not None:
                addr = self._register_address(base, register)
                return (
                    same(addr, model.intern(MmioArrayType, register))
                    if register.count
                    else Load(register.ty, Conv(U64, "inttoptr", addr), register.ty, True)
                )
        if isinstance(ty, SpanType):
            if name == "ptr":
                return Part(model.intern(PtrType, ty.elem), base, 0)
        if isinstance(ty, ArrayType) and name == "ptr":
            return same(base, model.intern(PtrType, ty.elem))
        if isinstance(ty, UserType) and name == "address":
            pointer = Part(model.intern(PtrType, model.U8), base, 0) if isinstance(ty.inner, SpanType) else base
            return same(Conv(U64, "ptrtoint", pointer), UADDR)
        raise self.unknown_member(node, ty, self.members_of(ty))

    def members_of(self: Any, ty: Type) -> list[str]:
        if isinstance(ty, ClassType):
            return [*ty.fields, *ty.decl.methods, *ty.decl.constants]
        return list(getattr(ty, "fields", {})) + list(getattr(ty, "members", {})) + list(getattr(ty, "registers", {}))

    def _class_value_attribute(self: Any, base: Expr, ty: ClassType, node: ast.Attribute) -> Expr:
        name = node.attr
        self.program.layouts.complete(ty)
        field = ty.fields.get(name)
        if field is not None and not self._caught_error(ty, name):
            return self.read(self.offset(base, field.offset), field.ty)
        if self._caught_error(ty, name):
            return self._error_attribute(base, ty, name)
        found = self.program.layouts.find_method(ty, name)
        if found is not None and "property" in found[1].marks:
            return self.call_method(base, name, [], node)
        decl: ClassDecl | None = ty.decl
        while decl is not None:
            if name in decl.constants:
                return self.class_constant(decl, name, node)
            decl = decl.base_decl
        if found is not None:
            raise self.error(
                "E0804", node, f"`{name}` is a method; a bound method is not a value here", f"call it: `{ast.unparse(node)}(…)`"
            )
        raise self.unknown_member(node, ty, self.members_of(ty))

    def _caught_error(self: Any, ty: ClassType, name: str) -> bool:
        """`e.errno` and `e.message` of a caught error are an `Errno` and a `str`, outside the runtime that fills them in."""
        return ty.decl.name == "ErrorSlot" and name in ("errno", "message") and self.module is not ty.decl.module

    def _error_attribute(self: Any, base: Expr, ty: ClassType, name: str) -> Expr:
        if name == "errno":
            field = ty.fields["errno"]
            errno = self.program.errno_type()
            return same(self.resize(self.read(self.offset(base, field.offset), field.ty), field.ty, errno.storage), errno)
        text, length = ty.fields["text"], ty.fields["length"]
        size = self.resize(self.read(self.offset(base, length.offset), length.ty), length.ty, U64)
        return Make(STR, [self.offset(base, text.offset), size])

    def offset(self, base: Expr, offset: int) -> Expr:
        return Offset(U64, base, offset) if offset else same(base, U64)

    def _mine(self: Any, base: Expr, ty: PerCoreType) -> Expr:
        glob = base.glob
        if ty.elem.is_place:
            return hir.CoreAddr(model.value_of(ty.elem), glob, None)
        return Load(model.value_of(ty.elem), hir.CoreAddr(U64, glob, None), ty.elem, False)

    # -- indexing -----------------------------------------------------------------------------------------------
    def index_value(self: Any, node: ast.expr) -> Expr:
        """An index as u64; signed ones must not be negative (checked by the bound)."""
        found = self.to_integer(self.settle(self.expr(node, U64)), node)
        if isinstance(found, Const) and isinstance(found.value, int) and found.value < 0:
            raise self.error("E0306", node, "an index counts from the front here", "use `len(x) - n`")
        if not isinstance(found.ty, IntType):
            raise self.error("E0307", node, f"an index must be an integer, not `{found.ty.name}`")
        return self.resize(found, found.ty, U64)

    def check_index(self: Any, index: Expr, length: Expr, node: ast.AST) -> Any:
        """One comparison does: a negative index is past any length as u64."""
        if isinstance(length, Const):
            return self.check(Cmp(BOOL, "ult", index, length), f"index %v is not below {length.value}", node, index)
        return self.check(Cmp(BOOL, "ult", index, length), "index %v is not below %v", node, index, length)

    def expr_Subscript(self: Any, node: ast.Subscript, want: Type | None) -> Expr:
        if self.type_meant(node) is not None:
            raise self.error("E0308", node, f"`{ast.unparse(node)}` is a type, not a value")
        base = self.expr(node.value)
        if isinstance(base.ty, OptionalType):
            raise self.may_be_none(node.value, base)
        if isinstance(node.slice, ast.Slice):
            return self._slice(base, node)
        if isinstance(base.ty, TupleType):
            if not (
                isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int) and 0 <= node.slice.value < len(base.ty.elems)
            ):
                raise self.error("E0310", node.slice, f"a tuple is indexed by a constant from 0 to {len(base.ty.elems) - 1}")
            return Part(base.ty.elems[node.slice.value], base, node.slice.value)
        if isinstance(base.ty, ClassType) and self.program.layouts.find_method(base.ty, "__getitem__"):
            return self.call_method_nodes(base, "__getitem__", [node.slice], node)
        prepare, addr, storage, volatile = self.element(base, node)
        found = self.read(addr, storage, volatile)
        return Seq(found.ty, prepare, found) if prepare else found

    def element(self: Any, base: Expr, node: ast.Subscript) -> tuple[list[Any], Expr, Type, bool]:
        """(statements, address, storage type, volatile) of `base[i]`."""
        ty = base.ty
        if isinstance(ty, PerCoreType):
            return (
                [],
                hir.CoreAddr(model.value_of(ty.elem) if ty.elem.is_place else U64, base.glob, self.index_value(node.slice)),
                ty.elem,
                False,
            )
        wide = index = self.index_value(node.slice)
        if isinstance(ty, PtrType):
            return [], self._indexed(base, index, ty.elem), ty.elem, False
        if isinstance(ty, MmioArrayType):
            register = ty.register
            addr = Bin(U64, "add.wrap", same(base, U64), Bin(U64, "mul.wrap", index, Const(U64, register.stride)))
            return [], Conv(U64, "inttoptr", addr), register.ty, True
        if isinstance(ty, ArrayType):
            prepare: list[Any] = []
            if isinstance(index, Const):
                if index.value >= ty.length:
                    raise self.error("E0311", node.slice, f"index {index.value} is past the end: the length is {ty.length}")
            elif self.checked:
                if any(isinstance(part, ast.Call) for part in walk(node.value)):  # what is indexed comes first
                    set_base, base = self.temp(base)
                    prepare.append(set_base)
                setter, index = self.temp(index)
                prepare += [setter, self.check_index(shown_index(wide, index), Const(U64, ty.length), node)]
            return prepare, self._indexed(base, index, ty.elem), ty.elem, False
        if isinstance(ty, RegistryType):
            return [], self._indexed(self.registry_start(base), index, model.storage_of(ty.elem)), model.storage_of(ty.elem), False
        if isinstance(ty, ClassType) and self.is_text(ty):
            base, ty = self.coerce(base, STR, node), STR
        if isinstance(ty, SpanType):
            if not self.checked:
                return [], self._indexed(Part(U64, base, 0), index, ty.elem), ty.elem, False
            set_base, base = self.temp(base)
            setter, index = self.temp(index)
            return (
                [set_base, setter, self.check_index(shown_index(wide, index), Part(U64, base, 1), node)],
                self._indexed(Part(U64, base, 0), index, ty.elem),
                ty.elem,
                False,
            )
        raise self.error("E0304", node, f"a `{ty.name}` cannot be indexed")

    def _indexed(self: Any, base: Expr, index: Expr, elem: Type) -> Expr:
        self.program.layouts.ensure(elem)
        if isinstance(index, Const):
            return self.offset(base, index.value * elem.size)
        return Index(U64, base, index, elem.size)

    def as_span(self: Any, base: Expr, node: ast.AST) -> Expr:
        ty = base.ty
        if isinstance(ty, SpanType):
            return base
        if isinstance(ty, ArrayType):
            return self.coerce(base, model.span_of(ty.elem), node)
        if isinstance(ty, ClassType) and self.is_text(ty):
            return self.coerce(base, STR, node)
        raise self.error("E0305", node, f"a `{ty.name}` cannot be sliced")

    def _slice(self: Any, base: Expr, node: ast.Subscript) -> Expr:
        assert isinstance(node.slice, ast.Slice)
        if node.slice.step is not None:
            raise self.error("E0309", node.slice.step, "a slice has no step here")
        if isinstance(base.ty, PtrType) and node.slice.upper is not None:
            lower = self.index_value(node.slice.lower) if node.slice.lower is not None else hir.u64(0)
            set_low, low = self.temp(lower)
            upper = self.index_value(node.slice.upper)
            set_high, high = self.temp(upper)
            length = Bin(U64, "sub.wrap", high, low)
            return Seq(
                model.span_of(base.ty.elem),
                [set_low, set_high, *self._check_ends(shown_index(lower, low), shown_index(upper, high), None, node)],
                Make(model.span_of(base.ty.elem), [self._indexed(base, low, base.ty.elem), length]),
            )
        span = self.as_span(base, node.value)
        ty = span.ty
        set_span, span = self.temp(span)
        body = [set_span]
        lower = self.index_value(node.slice.lower) if node.slice.lower is not None else hir.u64(0)
        set_low, low = self.temp(lower)
        upper = self.index_value(node.slice.upper) if node.slice.upper is not None else Part(U64, span, 1)
        set_high, high = self.temp(upper)
        body += [set_low, set_high]
        body += self._check_ends(shown_index(lower, low), shown_index(upper, high), Part(U64, span, 1), node)
        result = Make(ty, [self._indexed(Part(U64, span, 0), low, ty.elem), Bin(U64, "sub.wrap", high, low)])
        return Seq(ty, body, result)

    def _check_ends(self: Any, lower: Expr, upper: Expr, length: Expr | None, node: ast.Subscript) -> list[Any]:
        """That `[lower:upper]` lies within the length, where each end is given at all."""
        assert isinstance(node.slice, ast.Slice)
        if not self.checked:
            return []
        found = []
        if node.slice.upper is not None and length is not None:
            found.append(self.check(Cmp(BOOL, "ule", upper, length), "slice end %v is past the length %v", node, upper, length))
        if node.slice.lower is not None and not (isinstance(lower, Const) and lower.value == 0):
            found.append(self.check(Cmp(BOOL, "ule", lower, upper), "slice start %v is past its end %v", node, lower, upper))
        return found

    # -- places to assign to ------------------------------------------------------------------------------------
    def place(self: Any, node: ast.expr) -> tuple[list[Any], Expr, Type, bool]:
        """(statements, address, storage type, volatile) of what can be assigned to, locals aside."""
        if isinstance(node, ast.Name):
            glob = self.program.lookup(self.module, node.id, node)
            value = self.meaning_value(glob, node)
            if isinstance(value, Load):
                return [], value.addr, value.storage, False
            if isinstance(value, hir.GlobalAddr):
                return [], value, value.glob.ty, False
            hint = "declare it `global` in this function to make it a variable"
            labels = self.origins(ast.Name(node.id, ast.Load()))
            raise self.error("E0604", node, f"`{node.id}` is a constant; it cannot be assigned", hint, labels=labels)
        if isinstance(node, ast.Attribute):
            meaning = self.meaning(node)
            if meaning is not None:
                value = self.meaning_value(meaning, node)
            else:
                base = self.expr(node.value)
                if isinstance(base.ty, PerCoreType) and node.attr == "mine":
                    return [], hir.CoreAddr(U64, base.glob, None), base.ty.elem, False
                value = self._attribute(base, node)
            if isinstance(value, Load):
                return [], value.addr, value.storage, value.volatile
            return self._embedded_place(value, node)
        if isinstance(node, ast.Subscript):
            base = self.expr(node.value)
            if isinstance(base, hir.GlobalAddr) and base.glob.entries == ["constant"]:
                raise self.error("E0604", node, f"`{base.glob.name}` is a constant table; it cannot be assigned")
            return self.element(base, node)
        raise self.error("E0603", node, "this cannot be assigned to")

    def _embedded_place(self: Any, value: Expr, node: ast.expr) -> tuple[list[Any], Expr, Type, bool]:
        ty = value.ty
        if isinstance(node, ast.Attribute):
            base_node = node.value
            owner = self.meaning(base_node) if isinstance(base_node, (ast.Name, ast.Attribute)) else None
            if owner is None:
                base = self.expr(base_node)
                if isinstance(base.ty, ClassType) and node.attr in base.ty.fields:
                    return [], value, base.ty.fields[node.attr].ty, False
        if isinstance(ty, (ClassType, ArrayType, model.AtomicType, model.TextType)):
            return [], value, ty, False
        raise self.error("E0603", node, f"`{ast.unparse(node)}` cannot be assigned")
