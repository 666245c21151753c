# SPDX-License-Identifier: GPL-2.0-or-later
"""Operators: arithmetic, comparison, logic, conditional expressions."""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import hir, model
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.flow import always_false, always_true
from compiler.types.hir import Bin, Cmp, Cond, Const, Expr, Logic, Not, Seq
from compiler.types.model import (
    BOOL, NONE, STR, U64, UNTYPED, ArrayType, ClassType, EnumType, FloatType, IntType, NewType, OptionalType, PtrType, SpanType, TupleType, Type,
)

OPS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "floordiv", ast.Mod: "floormod", ast.BitAnd: "and", ast.BitOr: "or",
    ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "shr", ast.Div: "div", ast.Pow: "pow",
}
SHOWN = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "floormod": "%", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>", "div": "/", "pow": "**"}
COMPARE: dict[type, str] = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
METHODS = {"add": "__add__", "sub": "__sub__", "mul": "__mul__", "and": "__and__", "or": "__or__", "xor": "__xor__", "floordiv": "__floordiv__", "floormod": "__mod__",
           "shl": "__lshift__", "shr": "__rshift__"}


def fold(op: str, a: Any, b: Any) -> Any:
    """Python's own arithmetic on constants; None where it has no value."""
    try:
        return {
            "add": lambda: a + b, "sub": lambda: a - b, "mul": lambda: a * b, "floordiv": lambda: a // b, "floormod": lambda: a % b, "and": lambda: a & b,
            "or": lambda: a | b, "xor": lambda: a ^ b, "shl": lambda: a << b if b < 4096 else None, "shr": lambda: a >> b,
            "pow": lambda: a ** b if b < 4096 else None, "div": lambda: a / b,
        }[op]()
    except (ZeroDivisionError, ValueError, TypeError):
        return None


class OperatorMixin:
    # -- binary -------------------------------------------------------------------------------------------------
    def expr_BinOp(self: Any, node: ast.BinOp, want: Type | None) -> Expr:
        op = OPS.get(type(node.op))
        if op is None:
            raise self.error(node, "this operator is not part of this language")
        hint = want if isinstance(want, (IntType, FloatType)) else None
        left = self.expr(node.left, hint)
        right = self.expr(node.right, hint if op not in ("shl", "shr") else None)
        return self.binary(op, left, right, node, want)

    def binary(self: Any, op: str, left: Expr, right: Expr, node: ast.AST, want: Type | None = None) -> Expr:
        for side in (left, right):
            if isinstance(side.ty, OptionalType):
                raise self.error(node, "one side of this may be None", "test it first")
        if left.ty is UNTYPED and right.ty is UNTYPED:
            value = fold(op, left.value, right.value)
            if value is None:
                raise self.error(node, f"`{left.value} {SHOWN[op]} {right.value}` has no value")
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
        if isinstance(ty, FloatType):
            return self._float(op, left, right, node)
        if ty is BOOL and op in ("and", "or", "xor"):
            return Bin(BOOL, op, left, right)
        if not isinstance(ty, IntType):
            raise self.error(node, f"`{SHOWN[op]}` does not go between `{left.ty.name}` and `{right.ty.name}`",
                             "write into a text with an f-string" if ty is STR else "")
        return self.integer(op, left, right, node)

    def integer(self: Any, op: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        ty = left.ty
        if isinstance(left, Const) and isinstance(right, Const):
            value = fold(op, left.value, right.value)
            if value is not None and isinstance(value, int):
                if ty.signed and not ty.low <= value <= ty.high and op in ("add", "sub", "mul"):
                    raise self.error(node, f"{value} does not fit in `{ty.name}`")
                return Const(ty, ty.wrap(value))
        if op == "div":
            raise self.error(node, "`/` divides floats", "`//` divides integers")
        if op == "pow":
            raise self.error(node, "`**` is for constants", "multiply, or shift for powers of two")
        if op in ("floordiv", "floormod"):
            if isinstance(right, Const):
                if right.value == 0:
                    raise self.error(node, "division by zero")
            elif self.checked:
                set_left, left = self.temp(left)
                setter, right = self.temp(right)
                check = self.check(Cmp(BOOL, "ne", right, Const(ty, 0)), "division by zero", node)
                return Seq(ty, [set_left, setter, check], Bin(ty, op, left, right))
        if op in ("add", "sub", "mul") and ty.signed and self.checked:
            return self._checked(op, left, right, ty, node)
        if op in ("add", "sub", "mul"):
            return Bin(ty, f"{op}.wrap", left, right)
        return Bin(ty, op, left, right)

    def _checked(self: Any, op: str, left: Expr, right: Expr, ty: IntType, node: ast.AST) -> Expr:
        pair = TupleType((ty, BOOL))
        setter, both = self.temp(hir.Intrinsic(pair, f"s{op}.overflow", [left, right]))
        check = self.check(Not(BOOL, hir.Part(BOOL, both, 1)), f"{ty.name} overflow", node)
        return Seq(ty, [setter, check], hir.Part(ty, both, 0))

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
            raise self.error(node, f"`{left.ty.name}` and `{right.ty.name}` do not mix", f"convert one: `{left.ty.name}(…)` or `{right.ty.name}(…)`")
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
            raise self.error(node, f"`{SHOWN[op]}` does not go between `{left.ty.name}` and `{right.ty.name}`")
        if isinstance(right, Const):
            if not 0 <= right.value < ty.bits:
                raise self.error(node, f"a shift of {right.value} is past the {ty.bits} bits of `{ty.name}`")
            if isinstance(left, Const):
                return Const(ty, ty.wrap(fold(op, left.value, right.value)))
        prepare: list[Any] = []
        if self.checked and not isinstance(right, Const):
            set_left, left = self.temp(left)
            setter, right = self.temp(right)
            prepare = [set_left, setter, self.check(Cmp(BOOL, "ult", right, Const(right.ty, ty.bits)), "shift past the width", node)]
        amount = self.resize(right, right.ty, ty)
        code = "shl" if op == "shl" else "ashr" if ty.signed else "lshr"
        found: Expr = Bin(ty, code, left, amount)
        return Seq(ty, prepare, found) if prepare else found

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
                raise self.error(node, f"`{SHOWN[op]}` does not go between `{left.ty.name}` and `{right.ty.name}`")
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
        raise self.error(node, f"`{SHOWN[op]}` does not go between `{left.ty.name}` and `{right.ty.name}`", f"convert: `u64(…)` or `{ty.name}(…)`")

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
            return hir.Intrinsic(left.ty, "floor", [Bin(left.ty, "fdiv", left, right)])
        if op == "floormod":
            return Bin(left.ty, "fmod", left, right)
        raise self.error(node, f"`{SHOWN[op]}` is not for floats")

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
        raise self.error(node, f"this operator is not for `{ty.name}`")

    # -- comparison ---------------------------------------------------------------------------------------------
    def expr_Compare(self: Any, node: ast.Compare, want: Type | None) -> Expr:
        if len(node.ops) == 1:
            return self._one_compare(node.ops[0], node.left, node.comparators[0], node)
        set_left, left = self.temp(self.expr(node.left))
        result: Expr | None = None
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if type(op) not in COMPARE:
                raise self.error(node, "`in` and `is` do not chain here", "join two tests with `and`")
            set_right, right = self.temp(self.expr(right_node, left.ty))
            step = self.compare(COMPARE[type(op)], left, right, node)
            step = Seq(BOOL, [set_left, set_right] if result is None else [set_right], step)
            result = step if result is None else Logic(BOOL, "and", result, step)
            left = right
        assert result is not None
        return result

    def _one_compare(self: Any, op: ast.cmpop, left_node: ast.expr, right_node: ast.expr, node: ast.Compare) -> Expr:
        if isinstance(op, (ast.In, ast.NotIn)):
            found = self._membership(left_node, right_node, node)
            return Not(BOOL, found) if isinstance(op, ast.NotIn) else found
        left = self.expr(left_node)
        right = self.expr(right_node, left.ty)
        if left.ty is UNTYPED and right.ty is not UNTYPED:
            left = self.expr(left_node, right.ty)
        if isinstance(op, (ast.Is, ast.IsNot)):
            return self._identity(left, right, isinstance(op, ast.IsNot), node)
        if NONE in (left.ty, right.ty):
            return self._identity(left, right, isinstance(op, ast.NotEq), node)
        return self.compare(COMPARE[type(op)], left, right, node)

    def _identity(self: Any, left: Expr, right: Expr, negate: bool, node: ast.AST) -> Expr:
        if left.ty is NONE:
            left, right = right, left
        if right.ty is NONE:
            test = self.is_none(left, node)
        else:
            pointers = [e for e in (left, right) if model.is_pointer(e.ty) or isinstance(e.ty, OptionalType) and e.ty.nullable]
            if len(pointers) < 2:
                if left.ty is right.ty and isinstance(left.ty, (EnumType,)) or left.ty is BOOL is right.ty:
                    return self.compare("ne" if negate else "eq", left, right, node)
                raise self.error(node, "`is` compares references", "use `==`")
            test = Cmp(BOOL, "eq", left, right)
        if isinstance(test, Const):
            return Const(BOOL, bool(test.value) != negate)
        return Not(BOOL, test) if negate else test

    def compare(self: Any, pred: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        if left.ty is UNTYPED and right.ty is UNTYPED:
            a, b = left.value, right.value
            return Const(BOOL, {"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[pred])
        for side, other in ((left, right), (right, left)):
            if isinstance(side.ty, OptionalType):
                return self._compare_optional(pred, side, other, node)
        if isinstance(left.ty, (SpanType, ArrayType)) or self.is_text(left.ty):
            return self._compare_spans(pred, left, right, node)
        if isinstance(left.ty, TupleType) and left.ty is right.ty and pred in ("eq", "ne"):
            return self._compare_tuples(pred, left, right, node)
        if isinstance(left.ty, ClassType) and pred in ("eq", "ne") and self.program.layouts.find_method(left.ty, "__eq__"):
            test = self.call_method(left, "__eq__", [(right, node)], node)
            return Not(BOOL, test) if pred == "ne" else test
        left, right = self._meet(left, right, node)
        if left.ty is not right.ty:
            hint = "convert one of them" if isinstance(model.underlying(left.ty), IntType) and isinstance(model.underlying(right.ty), IntType) else ""
            raise self.error(node, f"`{left.ty.name}` and `{right.ty.name}` cannot be compared", hint)
        base = model.underlying(left.ty)
        if isinstance(left, Const) and isinstance(right, Const):
            a, b = left.value, right.value
            return Const(BOOL, {"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[pred])
        if isinstance(base, IntType):
            return Cmp(BOOL, pred if pred in ("eq", "ne") else ("s" if base.signed else "u") + pred, left, right)
        if isinstance(base, FloatType):
            return Cmp(BOOL, "une" if pred == "ne" else "o" + pred, left, right)
        if base is BOOL and pred in ("eq", "ne"):
            return Cmp(BOOL, pred, left, right)
        if isinstance(base, (PtrType, model.FuncType)):
            return Cmp(BOOL, pred if pred in ("eq", "ne") else "u" + pred, left, right)
        if isinstance(base, ClassType) and pred in ("eq", "ne"):
            raise self.error(node, f"`{base.name}` has no `__eq__`", "`is` compares the references themselves")
        raise self.error(node, f"two `{left.ty.name}` cannot be compared this way")

    def _compare_optional(self: Any, pred: str, side: Expr, other: Expr, node: ast.AST) -> Expr:
        """`maybe == value`: equal only if there is a value."""
        if pred not in ("eq", "ne") or isinstance(other.ty, OptionalType):
            raise self.error(node, "one side of this may be None", "test it first")
        setter, value = self.temp(side)
        inner = self.compare("eq", self.unwrap(value, side.ty.inner), other, node)
        test = Seq(BOOL, [setter], Logic(BOOL, "and", Not(BOOL, self.is_none(value, node)), inner))
        return Not(BOOL, test) if pred == "ne" else test

    def _compare_spans(self: Any, pred: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        if not isinstance(right.ty, (SpanType, ArrayType)) and not self.is_text(right.ty):
            raise self.error(node, f"`{left.ty.name}` and `{right.ty.name}` cannot be compared")
        left, right = self.as_span(left, node), self.as_span(right, node)
        elem = left.ty.elem
        if elem is not right.ty.elem:
            raise self.error(node, f"`{left.ty.name}` and `{right.ty.name}` cannot be compared")
        if isinstance(left, hir.StrLit) and isinstance(right, hir.StrLit) and pred in ("eq", "ne"):
            return Const(BOOL, (left.data == right.data) == (pred == "eq"))
        if elem is model.U8:
            as_str = [same(e, STR) for e in (left, right)]
            if pred in ("eq", "ne"):
                test = self.runtime_call("str_eq", as_str, node)
                return Not(BOOL, test) if pred == "ne" else test
            order = self.runtime_call("str_compare", as_str, node)
            return Cmp(BOOL, "s" + pred, order, Const(order.ty, 0))
        if pred not in ("eq", "ne") or isinstance(elem, ClassType):
            raise self.error(node, f"two `{left.ty.name}` cannot be compared this way")
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        size = self.program.layouts.ensure(elem).size
        byte_spans = [hir.Make(STR, [hir.Part(U64, e, 0), Bin(U64, "mul.wrap", hir.Part(U64, e, 1), hir.u64(size))]) for e in (left, right)]
        test = Seq(BOOL, [set_left, set_right], self.runtime_call("str_eq", byte_spans, node))
        return Not(BOOL, test) if pred == "ne" else test

    def _compare_tuples(self: Any, pred: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        test: Expr = hir.true()
        for i, ty in enumerate(left.ty.elems):
            one = self.compare("eq", hir.Part(ty, left, i), hir.Part(ty, right, i), node)
            test = one if i == 0 else Logic(BOOL, "and", test, one)
        test = Seq(BOOL, [set_left, set_right], test)
        return Not(BOOL, test) if pred == "ne" else test

    # -- membership ---------------------------------------------------------------------------------------------
    def _membership(self: Any, item_node: ast.expr, where: ast.expr, node: ast.AST) -> Expr:
        if isinstance(where, (ast.Tuple, ast.Set, ast.List)):
            setter, item = self.temp(self.expr(item_node) if not isinstance(item_node, ast.Constant) else self.settled(item_node))
            test: Expr = Const(BOOL, False)
            for choice in where.elts:
                one = self.compare("eq", item, self.expr(choice, item.ty), node)
                if not (isinstance(test, Const) and test.value):
                    test = one if isinstance(test, Const) else Logic(BOOL, "or", test, one)
            return Seq(BOOL, [setter], test)
        if isinstance(where, ast.Call) and isinstance(where.func, ast.Name) and where.func.id == "range":
            return self._in_range(item_node, where, node)
        container = self.expr(where)
        if isinstance(container.ty, EnumType) and container.ty.kind == "flag":
            item = self.value(item_node, container.ty)
            set_item, item = self.temp(item)
            raw = container.ty.storage
            masked = Bin(raw, "and", same(container, raw), same(item, raw))
            return Seq(BOOL, [set_item], Cmp(BOOL, "eq", masked, same(item, raw)))
        if isinstance(container.ty, TupleType):
            before: list[Any] = []
            if isinstance(container, hir.Make):         # a constant tuple: its parts may still be literals
                parts = container.parts
            else:
                setter, whole = self.temp(container)
                before.append(setter)
                parts = [hir.Part(t, whole, i) for i, t in enumerate(container.ty.elems)]
            item = self.expr(item_node)
            set_item, item = self.temp(item)
            test = Const(BOOL, False)
            for part in parts:
                one = self.compare("eq", item, part, node)
                if not (isinstance(test, Const) and test.value):
                    test = one if isinstance(test, Const) else Logic(BOOL, "or", test, one)
            return Seq(BOOL, [*before, set_item], test)
        if isinstance(container.ty, ClassType) and self.program.layouts.find_method(container.ty, "__contains__"):
            return self.call_method_nodes(container, "__contains__", [item_node], node)
        span = self.as_span(container, where)
        item = self.expr(item_node, span.ty.elem)
        if span.ty.elem is model.U8 and isinstance(item.ty, SpanType):
            found = self.runtime_call("str_find", [same(span, STR), same(item, STR)], node)
            return Cmp(BOOL, "sge", found, Const(found.ty, 0))
        return self.span_contains(span, item, node)

    def span_contains(self: Any, span: Expr, item: Expr, node: ast.AST) -> Expr:
        """A linear search."""
        elem = span.ty.elem
        set_span, span = self.temp(span)
        set_item, item = self.temp(self.coerce(item, model.value_of(elem), node))
        index, found, tag = self.variable("", U64), self.variable("", BOOL), hir.LoopTag()
        at = hir.VarGet(U64, index)
        one = self.compare("eq", self.read(self._indexed(hir.Part(U64, span, 0), at, elem), elem), item, node)
        body = [
            hir.If(Cmp(BOOL, "uge", at, hir.Part(U64, span, 1)), [hir.Break(tag)], []),
            hir.If(one, [hir.SetVar(found, hir.true()), hir.Break(tag)], []),
        ]
        step = [hir.SetVar(index, Bin(U64, "add.wrap", at, hir.u64(1)))]
        start = [set_span, set_item, hir.SetVar(index, hir.u64(0)), hir.SetVar(found, Const(BOOL, False))]
        return Seq(BOOL, [*start, hir.Loop(tag, body, step)], hir.VarGet(BOOL, found))

    def _in_range(self: Any, item_node: ast.expr, where: ast.Call, node: ast.AST) -> Expr:
        ends = where.args
        if len(ends) > 2:
            raise self.error(node, "`in range` takes no step here")
        item = self.settled(item_node)
        setter, item = self.temp(item)
        low = self.value(ends[0], item.ty) if len(ends) == 2 else Const(item.ty, 0)
        high = self.value(ends[-1], item.ty)
        test = Logic(BOOL, "and", self.compare("ge", item, low, node), self.compare("lt", item, high, node))
        return Seq(BOOL, [setter], test)

    # -- logic --------------------------------------------------------------------------------------------------
    def expr_BoolOp(self: Any, node: ast.BoolOp, want: Type | None) -> Expr:
        is_and = isinstance(node.op, ast.And)
        before = self.state.copy()
        first = self.expr(node.values[0], want)
        if not is_and and want is not None and want is not BOOL and first.ty is not BOOL or isinstance(first.ty, OptionalType) and not is_and and want is not BOOL and \
                self._yields_value(node):
            return self._or_value(node, first, want)
        result = self.truth(first, node.values[0])
        exits: list[Any] = []
        for previous, item in zip(node.values, node.values[1:], strict=False):
            exits.append(self.state.copy())
            yes, no = self.facts(previous)
            self.learn(yes if is_and else no)
            if always_false(result) and is_and or always_true(result) and not is_and:
                self.condition(item)        # still checked
                continue
            right = self.condition(item)
            result = right if isinstance(result, Const) else Logic(BOOL, "and" if is_and else "or", result, right)
        self.state.narrowed = {k: v for k, v in self.state.narrowed.items() if before.narrowed.get(k) is v}
        self.state.assigned = exits[0].assigned if exits else self.state.assigned
        return result

    def _yields_value(self: Any, node: ast.BoolOp) -> bool:
        return True

    def _or_value(self: Any, node: ast.BoolOp, first: Expr, want: Type | None) -> Expr:
        """`a or b` as a value: `a` if it is true, else `b`."""
        result_ty = first.ty
        for item in node.values[1:]:
            setter, value = self.temp(self.settle(first))
            other = self.expr(item, want)
            result_ty = value.ty
            if isinstance(result_ty, OptionalType) and not isinstance(other.ty, OptionalType) and other.ty is not NONE:
                result_ty = result_ty.inner
                other = self.coerce(other, result_ty, item)
                first = Seq(result_ty, [setter], Cond(result_ty, self.truth(value, node), self.unwrap(value, result_ty), other))
            else:
                other = self.coerce(other, result_ty, item)
                first = Seq(result_ty, [setter], Cond(result_ty, self.truth(value, node), value, other))
        return first

    def expr_IfExp(self: Any, node: ast.IfExp, want: Type | None) -> Expr:
        test = self.condition(node.test)
        yes, no = self.facts(node.test)
        before = self.state.copy()
        self.learn(yes)
        then = self.expr(node.body, want)
        self.state = before.copy()
        self.learn(no)
        other = self.expr(node.orelse, want)
        self.state = before
        if isinstance(test, Const):
            return then if test.value else other
        if want is not None:
            first, second = self.try_coerce(then, want, node), self.try_coerce(other, want, node)
            if first is not None and second is not None:
                return Cond(want, test, first, second)
        ty = self.common(then, other, node)
        return Cond(ty, test, self.coerce(then, ty, node.body), self.coerce(other, ty, node.orelse))

    def common(self: Any, a: Expr, b: Expr, node: ast.AST) -> Type:
        """The type of a choice between two values."""
        if a.ty is UNTYPED and b.ty is UNTYPED:
            return model.I64
        if a.ty is b.ty:
            return a.ty
        for x, y in ((a, b), (b, a)):
            if x.ty is NONE:
                return model.optional(y.ty)
            if x.ty is UNTYPED or x.ty is model.NORETURN:
                return y.ty
            if self.try_coerce(x, y.ty, node) is not None:
                return y.ty
        raise self.error(node, f"one side is `{a.ty.name}`, the other `{b.ty.name}`")
