# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers: `min`, `max`, `sum`, `any`, `all`, `abs`, `divmod`."""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import model
from compiler.types.hir import Cmp, Cond, Const, Expr, Intrinsic, Make, Seq
from compiler.types.model import (
    BOOL,
    UNTYPED,
    FloatType,
    IntType,
    Type,
)


class NumberMixin:
    # -- numbers ------------------------------------------------------------------------------------------------
    def call_abs(self: Any, node: ast.Call, want: Type | None) -> Expr:
        value = self.settled(self.exactly(node, 1)[0], want)
        if isinstance(value.ty, FloatType):
            return Intrinsic(value.ty, "fabs", [value])
        setter, value = self.temp(value)
        if not (isinstance(value.ty, IntType) and value.ty.signed):
            return Seq(value.ty, [setter], value)
        negative = Cmp(BOOL, "slt", value, Const(value.ty, 0))
        return Seq(value.ty, [setter], Cond(value.ty, negative, self.integer("sub", Const(value.ty, 0), value, node), value))

    def call_divmod(self: Any, node: ast.Call, want: Type | None) -> Expr:
        a, b = self.exactly(node, 2)
        left = self.expr(a)
        right = self.expr(b, left.ty)
        left, right = self._meet(self.settle(left) if right.ty is UNTYPED else left, right, node)
        if left.ty is not right.ty or not isinstance(left.ty, (model.IntType, model.FloatType)):
            raise self.no_operator("floordiv", left, right, node)
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        divide = self.integer if isinstance(left.ty, model.IntType) else self._float
        quotient, rest = divide("floordiv", left, right, node), divide("floormod", left, right, node)
        ty = model.intern(model.TupleType, (left.ty, left.ty))
        return Seq(ty, [set_left, set_right], Make(ty, [quotient, rest]))

    def _extreme(self: Any, node: ast.Call, want: Type | None, pred: str) -> Expr:
        if len(node.args) == 1:
            default = node.keywords[0].value if node.keywords else None
            if isinstance(node.args[0], ast.GeneratorExp):
                return self.reduce(node.args[0], "min" if pred == "lt" else "max", node, want, default)
            return self.reduce_span(node.args[0], "min" if pred == "lt" else "max", node, default)
        if node.keywords:
            raise self.error("E0803", node.keywords[0], "`default` is for one argument that may be empty")
        values = [self.expr(a, want) for a in node.args]
        typed = next((v for v in values if v.ty is not UNTYPED), None)
        if typed is None:
            chosen = min(v.value for v in values) if pred == "lt" else max(v.value for v in values)
            return Const(UNTYPED, chosen)
        body: list[Any] = []
        result: Expr | None = None
        for argument, value in zip(node.args, values, strict=True):
            setter, value = self.temp(self._adapt(value, typed.ty, argument) if value.ty is UNTYPED else value)
            body.append(setter)
            result = value if result is None else Cond(typed.ty, self.compare(pred, value, result, node), value, result)
            if result is not value:
                set_result, result = self.temp(result)
                body.append(set_result)
        assert result is not None
        return Seq(result.ty, body, result)

    def call_min(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._extreme(node, want, "lt")

    def call_max(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._extreme(node, want, "gt")

    def call_sum(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._reduction(node, "sum", want)

    def call_any(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._reduction(node, "any", want)

    def call_all(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._reduction(node, "all", want)

    def _reduction(self: Any, node: ast.Call, kind: str, want: Type | None) -> Expr:
        start = node.keywords[0].value if node.keywords else None
        if kind == "sum" and len(node.args) == 2 and start is None:
            start = node.args[1]
        elif len(node.args) != 1:
            self.exactly(node, 1)
        if isinstance(node.args[0], ast.GeneratorExp):
            return self.reduce(node.args[0], kind, node, want, start)
        return self.reduce_span(node.args[0], kind, node, start)
