# SPDX-License-Identifier: GPL-2.0-or-later
"""Operators: arithmetic on integers, addresses, flags and floats."""

from __future__ import annotations

import ast
import operator
from typing import Any

from compiler.diagnostics import CompileError, sides
from compiler.types import hir, model
from compiler.types.elaborate.convert import same
from compiler.types.hir import Bin, Cmp, Const, Expr, Not, Seq
from compiler.types.model import (
    BOOL,
    SpanType,
    U64,
    UNTYPED,
    ClassType,
    EnumType,
    FloatType,
    IntType,
    NewType,
    OptionalType,
    PtrType,
    TupleType,
    Type,
)

OPS: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.FloorDiv: "floordiv",
    ast.Mod: "floormod",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "shl",
    ast.RShift: "shr",
    ast.Div: "div",
    ast.Pow: "pow",
}
SHOWN = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "floordiv": "//",
    "floormod": "%",
    "and": "&",
    "or": "|",
    "xor": "^",
    "shl": "<<",
    "shr": ">>",
    "div": "/",
    "pow": "**",
}
COMPARE: dict[type, str] = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
METHODS = {
    "add": "__add__",
    "sub": "__sub__",
    "mul": "__mul__",
    "and": "__and__",
    "or": "__or__",
    "xor": "__xor__",
    "floordiv": "__floordiv__",
    "floormod": "__mod__",
    "shl": "__lshift__",
    "shr": "__rshift__",
}


FOLD: dict[str, Any] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "floormod": operator.mod,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "shl": operator.lshift,
    "shr": operator.rshift,
    "pow": operator.pow,
    "div": operator.truediv,
}
WIDEST_CONSTANT = 4096  # bits: `1 << (1 << 40)` is a mistake, not a number


def fold(op: str, a: Any, b: Any) -> Any:
    """Python's own arithmetic on constants; None where it has no value."""
    if op in ("shl", "pow") and b >= WIDEST_CONSTANT:
        return None
    try:
        return FOLD[op](a, b)
    except (ZeroDivisionError, ValueError, TypeError, OverflowError):
        return None


class OperatorMixin:
    # -- binary -------------------------------------------------------------------------------------------------
    def expr_BinOp(self: Any, node: ast.BinOp, want: Type | None) -> Expr:
        op = OPS.get(type(node.op))
        if op is None:
            raise self.error("E0112", node, "this operator is not part of this language")
        hint = want if isinstance(want, (IntType, FloatType)) else None
        left = self.expr(node.left, hint)
        right = self.expr(node.right, hint if op not in ("shl", "shr") else None)
        return self.binary(op, left, right, node, want)

    def binary(self: Any, op: str, left: Expr, right: Expr, node: ast.AST, want: Type | None = None) -> Expr:
        for side, names in ((left, ("left", "target")), (right, ("right", "value"))):
            if isinstance(side.ty, OptionalType):
                operand = next((getattr(node, n) for n in names if hasattr(node, n)), node)
                raise self.may_be_none(operand, side)
        if left.ty is UNTYPED and right.ty is UNTYPED:
            value = fold(op, left.value, right.value)
            if value is None:
                raise self.error("E0407", node, f"`{left.value} {SHOWN[op]} {right.value}` has no value")
            return Const(UNTYPED, value) if isinstance(value, int) else Const(model.F64, value)
        if op in ("shl", "shr"):
            return self._shift(op, left, right, node, want)
        if isinstance(left.ty, (NewType, PtrType)) or isinstance(right.ty, NewType):
            return self._address(op, left, right, node)
        if isinstance(left.ty, EnumType) and left.ty.kind == "flag" or isinstance(right.ty, EnumType) and right.ty.kind == "flag":
            found = self._flags(op, left, right, node)
            if found is not None:
                return found
        if isinstance(left.ty, ClassType) and op in METHODS:
            return self.call_method(left, METHODS[op], [(right, node)], node)
        left, right = self._meet(left, right, node)
        ty = left.ty
        if left.ty is not right.ty:
            raise self.no_operator(op, left, right, node)
        if isinstance(ty, FloatType):
            return self._float(op, left, right, node)
        if ty is BOOL and op in ("and", "or", "xor"):
            return Bin(BOOL, op, left, right)
        if not isinstance(ty, IntType):
            raise self.no_operator(op, left, right, node)
        return self.integer(op, left, right, node)

    def no_operator(self: Any, op: str, left: Expr, right: Expr, node: ast.AST, hint: str = "") -> CompileError:
        """The error that this operator does not go between these types, and what does."""
        a, b = left.ty, right.ty
        text = (isinstance(ty, SpanType) and ty.elem is model.U8 for ty in (a, b))
        if not hint and any(text):
            hint = 'write both into a text: `line = text(80); line.write(f"{a}{b}")`'
            if op == "floormod":
                hint = 'formats stand in f-strings: `f"{x:>8}"`'
        elif not hint and BOOL in (a, b):
            other = b if a is BOOL else a
            number = isinstance(other, (IntType, FloatType))
            hint = f"a bool is not a number; convert it: `{other.name}(…)`" if number else "write `and` or `or`"
        message = f"`{SHOWN[op]}` does not go between `{a.name}` and `{b.name}`"
        return self.error("E0316", node, message, hint, labels=sides(node, a, b))

    def integer(self: Any, op: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        ty = left.ty
        if isinstance(left, Const) and isinstance(right, Const):
            value = fold(op, left.value, right.value)
            if value is not None and isinstance(value, int):
                if ty.signed and not ty.low <= value <= ty.high and op in ("add", "sub", "mul", "pow"):
                    raise self.error("E0401", node, f"{value} does not fit in `{ty.name}`")
                return Const(ty, ty.wrap(value))
        if op == "div":
            raise self.error("E0405", node, "`/` divides floats", "`//` divides integers")
        if op == "pow":
            return self._power(left, right, ty, node)
        if op in ("floordiv", "floormod"):
            if isinstance(right, Const):
                if right.value == 0:
                    raise self.error("E0407", node, "division by zero")
            if self.checked and not (isinstance(right, Const) and (right.value != -1 or op == "floormod")):
                return self._checked_division(op, left, right, ty, node)
        if op in ("add", "sub", "mul") and ty.signed and self.checked:
            return self._checked(op, left, right, ty, node)
        if op in ("add", "sub", "mul"):
            return Bin(ty, f"{op}.wrap", left, right)
        return Bin(ty, op, left, right)

    def _checked(self: Any, op: str, left: Expr, right: Expr, ty: IntType, node: ast.AST) -> Expr:
        pair = TupleType((ty, BOOL))
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        setter, both = self.temp(hir.Intrinsic(pair, f"s{op}.overflow", [left, right]))
        negated = isinstance(left, Const) and left.value == 0 and not isinstance(node, (ast.BinOp, ast.AugAssign))
        what, shown = ("-(%v)", [right]) if negated else (f"%v {SHOWN[op]} %v", [left, right])
        check = self.check(Not(BOOL, hir.Part(BOOL, both, 1)), f"{ty.name} overflow: {what}", node, *shown)
        return Seq(ty, [set_left, set_right, setter, check], hir.Part(ty, both, 0))

    def _checked_division(self: Any, op: str, left: Expr, right: Expr, ty: IntType, node: ast.AST) -> Expr:
        """By zero there is no quotient, and the least number's by -1 does not fit."""
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        body = [set_left, set_right]
        shown = SHOWN[op].replace("%", "%%")
        if not isinstance(right, Const):
            body.append(self.check(Cmp(BOOL, "ne", right, Const(ty, 0)), f"%v {shown} 0", node, left))
        if ty.signed and op == "floordiv":
            fits = Cmp(BOOL, "ne", left, Const(ty, ty.low))
            if not isinstance(right, Const):
                fits = hir.Logic(BOOL, "or", fits, Cmp(BOOL, "ne", right, Const(ty, -1)))
            body.append(self.check(fits, f"{ty.name} overflow: %v {shown} -1", node, left))
        return Seq(ty, body, Bin(ty, op, left, right))

    def _power(self: Any, left: Expr, right: Expr, ty: IntType, node: ast.AST) -> Expr:
        if isinstance(right, Const) and right.value < 0:
            raise self.error("E0406", node, "an integer to a negative power is no integer", "a fraction is an `f64`")
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        body = [set_left, set_right]
        exponent = self.resize(right, right.ty, U64)
        if ty.signed and self.checked:
            zero = Const(ty, 0)
            if not isinstance(right, Const):
                body.append(self.check(Cmp(BOOL, "sge", right, zero), "%v ** %v: a negative power", node, left, right))
            negative = Cmp(BOOL, "slt", left, zero)
            base = hir.Cond(ty, negative, Bin(ty, "sub.wrap", zero, left), left)
            odd = Cmp(BOOL, "ne", Bin(U64, "and", exponent, hir.u64(1)), hir.u64(0))
            limit = hir.Cond(U64, hir.Logic(BOOL, "and", negative, odd), hir.u64(ty.high + 1), hir.u64(ty.high))
            magnitude = self.resize(same(base, model.UNSIGNED[ty]), model.UNSIGNED[ty], U64)
            exceeds = self.runtime_call("power_exceeds", [magnitude, exponent, limit], node)
            body.append(self.check(Not(BOOL, exceeds), f"{ty.name} overflow: %v ** %v", node, left, right))
        if isinstance(right, Const) and right.value <= 64:
            with self.block(body):
                return Seq(ty, body, self._product(left, right.value))
        power = self.runtime_call("int_power", [self.resize(left, ty, U64), exponent], node)
        return Seq(ty, body, self.resize(power, U64, ty))

    def _product(self: Any, square: Expr, exponent: int) -> Expr:
        """A power that is known: the multiplications that squaring takes, and no loop."""
        result: Expr = Const(square.ty, 1)
        while exponent:
            if exponent & 1:
                result = square if isinstance(result, Const) else self.kept(Bin(square.ty, "mul.wrap", result, square))
            exponent >>= 1
            if exponent:
                square = self.kept(Bin(square.ty, "mul.wrap", square, square))
        return result

    def _meet(self: Any, left: Expr, right: Expr, node: ast.AST) -> tuple[Expr, Expr]:
        """Bring both sides to one type: literals adapt, int-like enums become integers."""
        for a, b in ((left, right), (right, left)):
            if isinstance(a.ty, EnumType) and a.ty.kind != "enum":
                if isinstance(b.ty, (IntType, FloatType)) or b.ty is UNTYPED:
                    target = b.ty if isinstance(b.ty, IntType) else a.ty.storage
                    lifted = self.coerce(a, target, node)
                    left, right = (lifted, right) if a is left else (left, lifted)
                elif isinstance(b.ty, EnumType) and b.ty.kind != "enum" and b.ty is not a.ty:
                    return same(left, left.ty.storage), self.coerce(right, left.ty.storage, node)
        if left.ty is UNTYPED and right.ty is not UNTYPED:
            return self._adapt(left, right.ty, node), right
        if right.ty is UNTYPED and left.ty is not UNTYPED:
            return left, self._adapt(right, left.ty, node)
        if isinstance(left.ty, EnumType) and left.ty is right.ty and left.ty.kind != "enum":
            return same(left, left.ty.storage), same(right, right.ty.storage)
        if left.ty is not right.ty and isinstance(left.ty, (IntType, FloatType)) and isinstance(right.ty, (IntType, FloatType)):
            if isinstance(left, Const) and self.try_literal(left, right.ty):
                return Const(right.ty, left.value), right
            raise self.error(
                "E0302",
                node,
                f"`{left.ty.name}` and `{right.ty.name}` do not mix",
                f"convert one: `{left.ty.name}(…)` or `{right.ty.name}(…)`",
                labels=sides(node, left.ty, right.ty),
            )
        if left.ty is not right.ty:
            found = self.try_coerce(right, left.ty, node)
            if found is not None:
                return left, found
            found = self.try_coerce(left, right.ty, node)
            if found is not None:
                return found, right
        return left, right

    def try_literal(self, expr: Const, ty: Type) -> bool:
        return False

    def _adapt(self: Any, literal: Expr, ty: Type, node: ast.AST) -> Expr:
        if isinstance(ty, (IntType, FloatType)):
            return self.coerce(literal, ty, node)
        if isinstance(ty, NewType):
            return Const(ty, self.coerce(literal, ty.base, node).value)
        if isinstance(ty, EnumType) and ty.kind != "enum":
            return self.coerce(literal, ty.storage, node)
        return literal

    def _shift(self: Any, op: str, left: Expr, right: Expr, node: ast.AST, want: Type | None) -> Expr:
        if left.ty is UNTYPED:
            left = self.coerce(left, want if isinstance(want, IntType) else model.I64, node)
        as_new = left.ty if isinstance(left.ty, NewType) else None
        as_flag = left.ty if isinstance(left.ty, EnumType) else None
        left = self.to_integer(left, node) if as_new or as_flag else left
        ty = left.ty
        right = self.to_integer(self.settle(right), node)
        if not isinstance(ty, IntType) or not isinstance(right.ty, IntType):
            raise self.no_operator(op, left, right, node)
        if isinstance(right, Const):
            if not 0 <= right.value < ty.bits:
                raise self.error("E0408", node, f"a shift of {right.value} is past the {ty.bits} bits of `{ty.name}`")
            if isinstance(left, Const):
                return Const(ty, ty.wrap(fold(op, left.value, right.value)))
        prepare: list[Any] = []
        if self.checked and not isinstance(right, Const):
            set_left, left = self.temp(left)
            setter, right = self.temp(right)
            prepare = [set_left, setter, self._check_shift(right, ty, node)]
        amount = self.resize(right, right.ty, ty)
        code = "shl" if op == "shl" else "ashr" if ty.signed else "lshr"
        found: Expr = Bin(ty, code, left, amount)
        return Seq(ty, prepare, found) if prepare else found

    def _check_shift(self: Any, amount: Expr, ty: IntType, node: ast.AST) -> Any:
        return self.check(Cmp(BOOL, "ult", amount, Const(amount.ty, ty.bits)), f"shift of {ty.name} by %v", node, amount)

    def _address(self: Any, op: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        """Addresses and raw pointers: plus and minus an integer, differences, masks."""
        if isinstance(left.ty, PtrType) and op in ("add", "sub"):
            if right.ty is left.ty and op == "sub":
                difference = Bin(U64, "sub.wrap", self.to_integer(left, node), self.to_integer(right, node))
                return Bin(U64, "floordiv", difference, hir.u64(max(left.ty.elem.size, 1)))
            number = self.to_integer(self.settle(right), node)
            if isinstance(number.ty, IntType):
                amount = self.resize(number, number.ty, U64)
                if op == "sub":
                    amount = Bin(U64, "sub.wrap", hir.u64(0), amount)
                return hir.Index(left.ty, left, amount, self.program.layouts.ensure(left.ty.elem).size)
        if not isinstance(left.ty, NewType):
            if op in ("add", "and", "or") and isinstance(right.ty, NewType):
                left, right = right, left
            else:
                raise self.no_operator(op, left, right, node)
        ty, base = left.ty, left.ty.base if isinstance(left.ty, NewType) else U64
        raw = same(left, base)
        if right.ty is ty:
            if op == "sub":
                return self.integer("sub", raw, same(right, base), node)
            if op in ("and", "or", "xor"):
                return same(self.integer(op, raw, same(right, base), node), ty)
        elif right.ty is UNTYPED or right.ty is base:
            other = self.coerce(right, base, node)
            done = self.integer(op, raw, other, node)
            return done if op in ("floordiv", "floormod") else same(done, ty)
        raise self.no_operator(op, left, right, node, f"convert: `u64(…)` or `{ty.name}(…)`")

    def _flags(self: Any, op: str, left: Expr, right: Expr, node: ast.AST) -> Expr | None:
        if left.ty is right.ty and op in ("and", "or", "xor"):
            ty = left.ty
            if isinstance(left, Const) and isinstance(right, Const):
                return Const(ty, fold(op, left.value, right.value))
            return same(Bin(ty.storage, op, same(left, ty.storage), same(right, ty.storage)), ty)
        return None

    def _float(self: Any, op: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        names = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
        if op in names:
            return Bin(left.ty, names[op], left, right)
        if op == "floordiv":
            return self._float_floor(left, right)
        if op == "floormod":
            return Bin(left.ty, "fmod", left, right)
        raise self.error("E0316", node, f"`{SHOWN[op]}` is not for floats")

    def _float_floor(self: Any, left: Expr, right: Expr) -> Expr:
        """`//` of floats, as Python has it: what is left after the remainder divides, up to rounding, without one."""
        ty = left.ty
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        exact = Bin(ty, "fdiv", Bin(ty, "fsub", left, Bin(ty, "fmod", left, right)), right)
        set_exact, exact = self.temp(exact)
        set_floor, floor = self.temp(hir.Intrinsic(ty, "floor", [exact]))
        above = hir.Cmp(BOOL, "ogt", Bin(ty, "fsub", exact, floor), Const(ty, 0.5))
        nearest = hir.Cond(ty, above, Bin(ty, "fadd", floor, Const(ty, 1.0)), floor)
        zero = Bin(ty, "fmul", Const(ty, 0.0), Bin(ty, "fdiv", left, right))  # with the quotient's sign
        result = hir.Cond(ty, hir.Cmp(BOOL, "une", exact, Const(ty, 0.0)), nearest, zero)
        return hir.Seq(ty, [set_left, set_right, set_exact, set_floor], result)

    # -- unary --------------------------------------------------------------------------------------------------
    def expr_UnaryOp(self: Any, node: ast.UnaryOp, want: Type | None) -> Expr:
        if isinstance(node.op, ast.Not):
            test = self.condition(node.operand)
            return Const(BOOL, not test.value) if isinstance(test, Const) else Not(BOOL, test)
        inner = self.expr(node.operand, want)
        ty = inner.ty
        if isinstance(node.op, ast.UAdd):
            return inner
        if isinstance(node.op, ast.USub):
            if ty is UNTYPED:
                return Const(UNTYPED, -inner.value)
            if isinstance(ty, FloatType):
                return Const(ty, -inner.value) if isinstance(inner, Const) else hir.Intrinsic(ty, "fneg", [inner])
            if isinstance(ty, IntType):
                return self.integer("sub", Const(ty, 0), inner, node)
        if isinstance(node.op, ast.Invert):
            if ty is UNTYPED:
                return Const(UNTYPED, ~inner.value)
            base = model.underlying(ty)
            if isinstance(ty, EnumType) and ty.kind == "flag":
                mask = 0
                for bit in ty.members.values():
                    mask |= bit
                if isinstance(inner, Const):
                    return Const(ty, ~inner.value & mask)
                return same(Bin(base, "xor", same(inner, base), Const(base, mask)), ty)
            if isinstance(base, IntType):
                if isinstance(inner, Const):
                    return Const(ty, base.wrap(~inner.value))
                return same(Bin(base, "xor", same(inner, base), Const(base, base.wrap(-1))), ty)
        raise self.error("E0316", node, f"this operator is not for `{ty.name}`")
