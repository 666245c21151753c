# SPDX-License-Identifier: GPL-2.0-or-later
"""Types meeting types: silent conversions, explicit ones, and truth."""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import hir, model
from compiler.types.hir import Cond, Const, Conv, Expr, Make, Part
from compiler.types.model import (
    BOOL,
    F32,
    F64,
    I64,
    NONE,
    STR,
    U8,
    U64,
    UNTYPED,
    VOID,
    ArrayType,
    AtomicType,
    BoolType,
    ClassType,
    EnumType,
    FloatType,
    FuncType,
    IntType,
    MmioType,
    NewType,
    OptionalType,
    PtrType,
    SpanType,
    TextType,
    TupleType,
    Type,
    UserType,
)


def same(expr: Expr, ty: Type) -> Expr:
    """The same bits under another type."""
    return expr if expr.ty is ty else Conv(ty, "same", expr)


class ConvertMixin:
    def coerce(self: Any, expr: Expr, want: Type, node: ast.AST, what: str = "") -> Expr:
        """`expr` as a `want`, if the language converts it silently; else an error that names both types."""
        found = self.try_coerce(expr, want, node)
        if found is not None:
            return found
        if isinstance(expr.ty, model.ClosureType) and expr.ty.made.frame and isinstance(want, (FuncType, OptionalType)):
            raise self.escapes(expr.ty, node)
        hint = self.conversion_hint(expr.ty, want)
        if isinstance(expr.ty, OptionalType) and expr.ty.inner is want:
            raise self.may_be_none(node, expr, f"`{ast.unparse(node)}` may be None, but {what or 'this'} must be a `{want.name}`")
        subject = f"{what} is" if what else "this must be"
        raise self.error("E0301", node, f"{subject} `{want.name}`, but this is `{expr.ty.name}`", hint)

    def conversion_hint(self, have: Type, want: Type) -> str:
        numeric = (IntType, FloatType, NewType, EnumType)
        if isinstance(have, (*numeric, BoolType)) and isinstance(want, numeric):
            return (
                f"convert it: `{want.name}(…)`, or `wrap({want.name}, …)` to keep the low bits"
                if isinstance(want, IntType)
                else f"convert it: `{want.name}(…)`"
            )
        return ""

    def try_coerce(self: Any, expr: Expr, want: Type, node: ast.AST) -> Expr | None:
        have = expr.ty
        if have is want or want is VOID and have is NONE:
            return expr
        if have is model.NORETURN:
            return expr
        if have is UNTYPED:
            return self._coerce_literal(expr, want, node)
        if isinstance(want, OptionalType):
            if have is NONE:
                return Const(want, None)
            inner = self.try_coerce(expr, want.inner, node)
            if inner is None and isinstance(have, OptionalType) and have.nullable and isinstance(have.inner, ClassType):
                if isinstance(want.inner, ClassType) and self._derives(have.inner, want.inner):
                    return same(expr, want)
            if inner is None:
                return None
            return same(inner, want) if want.nullable else Make(want, [inner, hir.true()])
        if isinstance(have, ClassType) and isinstance(want, ClassType) and self._derives(have, want):
            return same(expr, want)
        if isinstance(have, ArrayType) and isinstance(want, SpanType) and have.elem is want.elem:
            return Make(want, [same(expr, model.intern(PtrType, have.elem)), hir.u64(have.length)])
        if isinstance(have, SpanType) and isinstance(want, SpanType) and have.elem is U8 and want.elem is U8:
            return same(expr, want)
        if isinstance(have, ClassType) and isinstance(want, SpanType) and want.elem is U8 and self.is_text(have):
            return same(self.call_method(expr, "view", [], node), want)
        if isinstance(have, SpanType) and isinstance(want, SpanType) and have.elem is model.storage_of(model.value_of(want.elem)):
            return same(expr, want) if have.elem is want.elem else None
        if isinstance(have, EnumType) and have.kind != "enum" and isinstance(want, IntType):
            if all(want.low <= v <= want.high for v in have.members.values()) and want.bits >= (
                have.storage.bits if have.kind == "flag" else 0
            ):
                return self.resize(expr, have.storage, want)
            return None
        if (
            isinstance(want, ClassType)
            and want.decl.name == "Format"
            and (have is STR or isinstance(have, ClassType) and self.is_text(have))
        ):
            return self.format_of_values([expr], node)
        if isinstance(have, model.ClosureType) and not have.made.frame and isinstance(want, FuncType):
            return self.try_coerce(self.nested_value(have.made, node), want, node)
        if have is model.F32 and want is F64:
            return Conv(F64, "fpext", expr)
        if isinstance(have, FuncType) and isinstance(want, FuncType) and isinstance(expr, hir.FnAddr):
            if have.params == want.params and have.result is want.result and want.raises:
                expr.fn.raises = True
                return same(expr, want)
        return None

    def _derives(self: Any, have: ClassType, want: ClassType) -> bool:
        self.program.layouts.complete(have)
        return have.derives_from(want)

    def is_text(self: Any, ty: Type) -> bool:
        return isinstance(ty, ClassType) and ty.decl.name == "Text" and ty.decl.module.name.startswith("compiler.runtime")

    def _coerce_literal(self: Any, expr: Expr, want: Type, node: ast.AST) -> Expr | None:
        if isinstance(want, OptionalType):
            inner = self._coerce_literal(expr, want.inner, node)
            return Make(want, [inner, hir.true()]) if inner is not None else None
        value = expr.value
        if isinstance(want, IntType):
            if not want.low <= value <= want.high:
                raise self.error(
                    "E0401",
                    node,
                    f"{value} does not fit in `{want.name}` ({want.low} to {want.high})",
                    f"`wrap({want.name}, …)` keeps the low bits" if value < 0 else "",
                )
            return Const(want, value)
        if isinstance(want, NewType) and want.base.low <= value <= want.base.high:
            return Const(want, value)
        if isinstance(want, FloatType):
            return Const(want, float(value))
        return None

    def settle(self: Any, expr: Expr) -> Expr:
        """A literal without a context is `i64`, or `u64` if only that holds it."""
        if expr.ty is UNTYPED:
            value = expr.value
            if I64.low <= value <= I64.high:
                return Const(I64, value)
            if not 0 <= value <= U64.high:
                raise self.error("E0401", self.at_line(expr.line), f"{value} does not fit in 64 bits")
            return Const(U64, value)
        if isinstance(expr, Make) and isinstance(expr.ty, TupleType) and UNTYPED in expr.ty.elems:
            parts = [self.settle(p) for p in expr.parts]
            return Make(model.intern(TupleType, tuple(p.ty for p in parts)), parts)
        return expr

    # -- integers -----------------------------------------------------------------------------------------------
    def resize(self, expr: Expr, have: IntType, want: IntType) -> Expr:
        """Truncate or extend bit-wise."""
        if isinstance(expr, Const):
            return Const(want, want.wrap(int(expr.value)))
        if have.bits == want.bits:
            return same(expr, want)
        if want.bits < have.bits:
            return Conv(want, "trunc", expr)
        return Conv(want, "sext" if have.signed else "zext", expr)

    def to_integer(self: Any, expr: Expr, node: ast.AST) -> Expr:
        """The integer in an enum, an address, a pointer or a bool."""
        ty = expr.ty
        if isinstance(ty, (EnumType, NewType, model.BitsType)):
            return same(expr, model.underlying(ty))
        if isinstance(ty, MmioType):
            return same(expr, U64)
        if isinstance(ty, BoolType):
            return Conv(U8, "zext", expr) if not isinstance(expr, Const) else Const(U8, int(expr.value))
        if model.is_pointer(ty) or isinstance(ty, (AtomicType,)) or isinstance(ty, OptionalType) and ty.nullable:
            return Conv(U64, "ptrtoint", expr)
        if isinstance(ty, UserType) and not isinstance(ty.inner, SpanType):
            return Conv(U64, "ptrtoint", expr)
        return expr

    def convert(self: Any, expr: Expr, want: Type, node: ast.AST) -> Expr:
        """An explicit conversion `want(expr)`; integers must fit (checked builds)."""
        have = expr.ty
        if have is want:
            return expr
        if have is UNTYPED:
            if isinstance(want, (NewType, EnumType)):
                literal = self._coerce_literal(expr, model.underlying(want), node)
                self._check_member(literal.value, want, node)
                return Const(want, literal.value)
            found = self._coerce_literal(expr, want, node)
            if found is not None:
                return found
        if want is BOOL:
            return self.truth(expr, node)
        if isinstance(want, IntType):
            if have is STR or isinstance(have, SpanType) and have.elem is U8 or self.is_text(have):
                return self.parse_number(expr, want, node)
            if isinstance(have, FloatType):
                return self._float_to_integer(expr, want, node)
            number = self.to_integer(expr, node)
            if isinstance(number.ty, IntType):
                return self.fit(number, want, node)
        if isinstance(want, NewType):
            number = self.to_integer(expr, node)
            if isinstance(number.ty, IntType):
                return same(self.fit(number, want.base, node, want.name), want)
        if isinstance(want, EnumType):
            number = self.to_integer(expr, node)
            if isinstance(number.ty, IntType):
                return self.to_enum(number, want, node)
        if isinstance(want, FloatType):
            number = self.to_integer(expr, node)
            if isinstance(number.ty, IntType):
                if isinstance(number, Const):
                    return Const(want, float(number.value))
                return Conv(want, "sitofp" if number.ty.signed else "uitofp", number)
            if isinstance(have, FloatType):
                return Conv(want, "fptrunc" if want is F32 else "fpext", expr)
        if isinstance(want, PtrType):
            number = self.to_integer(expr, node)
            if isinstance(number.ty, IntType) and number.ty.bits == 64:
                return self.pointer_from(number, want, want.elem, f"{want.name}(", node)
        if want is STR and isinstance(have, SpanType) and have.elem is U8:
            return same(expr, want)
        found = self.try_coerce(expr, want, node)
        if found is not None:
            return found
        raise self.error("E0323", node, f"`{have.name}` cannot be converted to `{want.name}`")

    def _check_member(self: Any, value: int, want: Type, node: ast.AST) -> None:
        if isinstance(want, EnumType) and want.kind != "flag" and value not in want.members.values():
            raise self.error("E0325", node, f"`{want.name}` has no member with the value {value}")

    def to_enum(self: Any, number: Expr, want: EnumType, node: ast.AST) -> Expr:
        if isinstance(number, Const):
            self._check_member(number.value, want, node)
            return Const(want, number.value)
        if not self.checked or want.kind == "flag":
            return same(self.fit(number, want.storage, node, want.name), want)
        set_number, number = self.temp(number)
        fits = self.fits(number, want.storage)
        setter, value = self.temp(self.resize(number, number.ty, want.storage))
        test = self.is_member(value, want)
        test = hir.Logic(BOOL, "and", fits, test) if fits is not None else test
        check = self.check(test, f"{want.name}(%v): no such member", node, number)
        return hir.Seq(want, [set_number, setter, check], same(value, want))

    def is_member(self: Any, value: Expr, want: EnumType) -> Expr:
        """Whether an integer of the storage type is one of the enum's values (for flags: only known bits)."""
        if want.kind == "flag":
            mask = 0
            for bit in want.members.values():
                mask |= bit
            rest = hir.Bin(want.storage, "and", value, Const(want.storage, want.storage.wrap(~mask)))
            return hir.Cmp(BOOL, "eq", rest, Const(want.storage, 0))
        values = sorted(set(want.members.values()))
        runs: list[list[int]] = []
        for v in values:
            if runs and runs[-1][1] == v - 1:
                runs[-1][1] = v
            else:
                runs.append([v, v])
        test: Expr = Const(BOOL, False)
        for low, high in runs:
            one = hir.Cmp(
                BOOL,
                "ule",
                hir.Bin(want.storage, "sub.wrap", value, Const(want.storage, low)),
                Const(want.storage, want.storage.wrap(high - low)),
            )
            test = one if isinstance(test, Const) else hir.Logic(BOOL, "or", test, one)
        return test

    def _float_to_integer(self: Any, expr: Expr, want: IntType, node: ast.AST) -> Expr:
        """Towards zero; in checked builds what is out of range, or no number, is an error, in release builds the nearest there is."""
        have = expr.ty
        opcode = "fptosi" if want.signed else "fptoui"
        if not self.checked:
            return Conv(want, opcode, expr)
        setter, value = self.temp(expr)
        # Both bounds are exact: powers of two, and where one below the lowest is not, no fraction stands between them either.
        exact = want.bits <= (24 if have is F32 else 52) or not want.signed
        above = hir.Cmp(BOOL, "ogt" if exact else "oge", value, Const(have, float(want.low - exact)))
        test = hir.Bin(BOOL, "and", above, hir.Cmp(BOOL, "olt", value, Const(have, float(want.high + 1))))
        failed: list[Any] = []
        with self.block(failed):
            before, after = f"{want.name}(", f"): does not fit ({want.low} to {want.high})"
            parts = [hir.StrLit(STR, before.encode()), value, hir.StrLit(STR, after.encode())]
            self.fail_formatted(self.format_of_values(parts, node), node)
        return hir.Seq(want, [setter, hir.If(test, [], failed)], Conv(want, opcode, value))

    def fits(self, value: Expr, want: IntType) -> Expr | None:
        """The test whether an integer fits; None if all of its type do."""
        have: Any = value.ty
        test = None
        if have.low < want.low:
            test = hir.Cmp(BOOL, "sge", value, Const(have, want.low))
        if have.high > want.high:
            upper = hir.Cmp(BOOL, "sle" if have.signed else "ule", value, Const(have, want.high))
            test = upper if test is None else hir.Logic(BOOL, "and", test, upper)
        return test

    def fit(self: Any, expr: Expr, want: IntType, node: ast.AST, name: str = "") -> Expr:
        """Integer to integer; in checked builds a value that does not fit is an error, which shows it as given to `name`."""
        have = expr.ty
        if isinstance(expr, Const):
            if not want.low <= expr.value <= want.high:
                raise self.error("E0401", node, f"{expr.value} does not fit in `{want.name}`", f"`wrap({want.name}, …)` keeps the low bits")
            return Const(want, expr.value)
        if want.low <= have.low and have.high <= want.high or not self.checked:
            return self.resize(expr, have, want)
        setter, value = self.temp(expr)
        what = f"{name or want.name}(%v): does not fit ({want.low} to {want.high})"
        return hir.Seq(want, [setter, self.check(self.fits(value, want), what, node, value)], self.resize(value, have, want))

    # -- truth --------------------------------------------------------------------------------------------------
    def truth(self: Any, expr: Expr, node: ast.AST) -> Expr:
        """The condition `if expr:`."""
        ty = expr.ty
        if ty is BOOL:
            return expr
        if ty is UNTYPED:
            return Const(BOOL, bool(expr.value))
        if ty is NONE:
            return Const(BOOL, False)
        if isinstance(ty, (IntType, EnumType, NewType)):
            if isinstance(expr, Const):
                return Const(BOOL, bool(expr.value))
            return hir.Cmp(BOOL, "ne", expr, Const(ty, 0))
        if isinstance(ty, FloatType):
            return hir.Cmp(BOOL, "une", expr, Const(ty, 0.0))
        if isinstance(ty, OptionalType):
            if ty.nullable:
                return hir.Cmp(BOOL, "ne", expr, Const(ty, None))
            if ty.inner is not BOOL and not isinstance(ty.inner, ClassType):
                pass
            return Part(BOOL, expr, 1)
        if isinstance(ty, SpanType):
            return hir.Cmp(BOOL, "ne", Part(U64, expr, 1), hir.u64(0))
        if isinstance(ty, ArrayType):
            return Const(BOOL, ty.length > 0)
        if isinstance(ty, ClassType):
            if self.program.layouts.find_method(ty, "__bool__"):
                return self.call_method(expr, "__bool__", [], node)
            if self.program.layouts.find_method(ty, "__len__"):
                return hir.Cmp(BOOL, "ne", self.call_method(expr, "__len__", [], node), hir.u64(0))
            return Const(BOOL, True)
        if isinstance(ty, PtrType):
            return hir.Cmp(BOOL, "ne", expr, Const(ty, None))
        raise self.error("E0324", node, f"a `{ty.name}` is neither true nor false")

    def is_none(self: Any, expr: Expr, node: ast.AST) -> Expr:
        ty = expr.ty
        if isinstance(ty, OptionalType):
            return hir.Cmp(BOOL, "eq", expr, Const(ty, None)) if ty.nullable else hir.Not(BOOL, Part(BOOL, expr, 1))
        if ty is NONE:
            return hir.true()
        if isinstance(ty, PtrType):
            return hir.Cmp(BOOL, "eq", expr, Const(ty, None))
        if isinstance(ty, (TextType, ClassType)) or ty:
            return Const(BOOL, False)
        return Const(BOOL, False)

    def unwrap(self, expr: Expr, inner: Type) -> Expr:
        """An optional that is known not to be None."""
        ty = expr.ty
        if isinstance(ty, OptionalType):
            return same(expr, inner) if ty.nullable else Part(inner, expr, 0)
        return expr

    def select(self, test: Expr, then: Expr, other: Expr, ty: Type) -> Expr:
        return Cond(ty, test, then, other)
