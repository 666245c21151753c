# SPDX-License-Identifier: GPL-2.0-or-later
"""Comparison and membership."""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import CompileError, sides
from compiler.types import hir, model
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.flow import path_of
from compiler.types.elaborate.operators import COMPARE
from compiler.types.hir import Bin, Cmp, Const, Expr, Logic, Not, Seq
from compiler.types.model import (
    BOOL,
    NONE,
    STR,
    U64,
    UNTYPED,
    ArrayType,
    ClassType,
    EnumType,
    FloatType,
    IntType,
    OptionalType,
    PtrType,
    SpanType,
    TupleType,
    Type,
)


MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}  # `a < b` is `b > a`


class ComparisonMixin:
    # -- comparison ---------------------------------------------------------------------------------------------
    def expr_Compare(self: Any, node: ast.Compare, want: Type | None) -> Expr:
        if len(node.ops) == 1:
            return self._one_compare(node.ops[0], node.left, node.comparators[0], node)
        set_left, left = self.temp(self.expr(node.left))
        result: Expr | None = None
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if type(op) not in COMPARE:
                raise self.error("E0320", node, "`in` and `is` do not chain here", "join two tests with `and`")
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
                raise self.error("E0321", node, "`is` compares references", "use `==`")
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
        if isinstance(left.ty, TupleType) and isinstance(right.ty, TupleType) and len(left.ty.elems) == len(right.ty.elems):
            return self._compare_tuples(pred, left, right, node) if pred in ("eq", "ne") else self._order_tuples(pred, left, right, node)
        if isinstance(left.ty, ClassType) and pred in ("eq", "ne") and self.program.layouts.find_method(left.ty, "__eq__"):
            test = self.call_method(left, "__eq__", [(right, node)], node)
            return Not(BOOL, test) if pred == "ne" else test
        for method, a, b in ((f"__{pred}__", left, right), (f"__{MIRRORED.get(pred)}__", right, left)):
            if isinstance(a.ty, ClassType) and pred in MIRRORED and self.program.layouts.find_method(a.ty, method):
                return self.call_method(a, method, [(b, node)], node)
        left, right = self._meet(left, right, node)
        if left.ty is not right.ty:
            hint = (
                "convert one of them"
                if isinstance(model.underlying(left.ty), IntType) and isinstance(model.underlying(right.ty), IntType)
                else ""
            )
            raise self.not_comparable(left, right, node, hint)
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
            raise self.error("E0318", node, f"`{base.name}` has no `__eq__`", "`is` compares the references themselves")
        raise self.error("E0317", node, f"two `{left.ty.name}` cannot be compared this way")

    def not_comparable(self: Any, left: Expr, right: Expr, node: ast.AST, hint: str = "") -> CompileError:
        if {left.ty, right.ty} == {model.U8, STR}:
            hint = 'an element of a `str` is a byte: compare it with `ord("x")`'
        message = f"`{left.ty.name}` and `{right.ty.name}` cannot be compared"
        return self.error("E0317", node, message, hint, labels=sides(node, left.ty, right.ty))

    def _compare_optional(self: Any, pred: str, side: Expr, other: Expr, node: ast.AST) -> Expr:
        """`maybe == value`: equal only if there is a value."""
        if pred not in ("eq", "ne") or isinstance(other.ty, OptionalType):
            if isinstance(node, ast.Compare) and len(node.comparators) == 1:
                first = isinstance(other.ty, OptionalType) or path_of(node.left) is not None
                raise self.may_be_none(node.left if first else node.comparators[0], side)
            raise self.error("E0501", node, "one side of this may be None", "test it first")
        setter, value = self.temp(side)
        inner = self.compare("eq", self.unwrap(value, side.ty.inner), other, node)
        test = Seq(BOOL, [setter], Logic(BOOL, "and", Not(BOOL, self.is_none(value, node)), inner))
        return Not(BOOL, test) if pred == "ne" else test

    def _compare_spans(self: Any, pred: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        if not isinstance(right.ty, (SpanType, ArrayType)) and not self.is_text(right.ty):
            raise self.not_comparable(left, right, node)
        left, right = self.as_span(left, node), self.as_span(right, node)
        elem = left.ty.elem
        if elem is not right.ty.elem:
            raise self.not_comparable(left, right, node)
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
            raise self.error("E0317", node, f"two `{left.ty.name}` cannot be compared this way")
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
            one = self.compare("eq", hir.Part(ty, left, i), hir.Part(right.ty.elems[i], right, i), node)
            test = one if i == 0 else Logic(BOOL, "and", test, one)
        test = Seq(BOOL, [set_left, set_right], test)
        return Not(BOOL, test) if pred == "ne" else test

    def _order_tuples(self: Any, pred: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
        """The first parts that differ decide; tuples without a difference are as long as each other."""
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        parts = [(hir.Part(a, left, i), hir.Part(b, right, i)) for i, (a, b) in enumerate(zip(left.ty.elems, right.ty.elems, strict=True))]
        test = self.compare(pred, *parts[-1], node)
        for a, b in reversed(parts[:-1]):
            test = hir.Cond(BOOL, self.compare("eq", a, b, node), test, self.compare(pred, a, b, node))
        return Seq(BOOL, [set_left, set_right], test)

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
            if isinstance(container, hir.Make):  # a constant tuple: its parts may still be literals
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
            raise self.error("E0319", node, "`in range` takes no step here")
        item = self.settled(item_node)
        setter, item = self.temp(item)
        low = self.value(ends[0], item.ty) if len(ends) == 2 else Const(item.ty, 0)
        high = self.value(ends[-1], item.ty)
        test = Logic(BOOL, "and", self.compare("ge", item, low, node), self.compare("lt", item, high, node))
        return Seq(BOOL, [setter], test)
