# SPDX-License-Identifier: GPL-2.0-or-later
"""`and`, `or`, conditional expressions."""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import sides
from compiler.types import model
from compiler.types.elaborate.flow import always_false, always_true
from compiler.types.hir import Cond, Const, Expr, Logic, Seq
from compiler.types.model import (
    BOOL,
    NONE,
    UNTYPED,
    OptionalType,
    Type,
)


class LogicMixin:
    # -- logic --------------------------------------------------------------------------------------------------
    def expr_BoolOp(self: Any, node: ast.BoolOp, want: Type | None) -> Expr:
        is_and = isinstance(node.op, ast.And)
        before = self.state.copy()
        first = self.expr(node.values[0], want)
        if (
            not is_and
            and want is not None
            and want is not BOOL
            and first.ty is not BOOL
            or isinstance(first.ty, OptionalType)
            and not is_and
            and want is not BOOL
            and self._yields_value(node)
        ):
            return self._or_value(node, first, want)
        result = self.truth(first, node.values[0])
        exits: list[Any] = []
        for previous, item in zip(node.values, node.values[1:], strict=False):
            exits.append(self.state.copy())
            yes, no = self.facts(previous)
            self.learn(yes if is_and else no)
            if always_false(result) and is_and or always_true(result) and not is_and:
                self.condition(item)  # still checked
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
        if isinstance(want, OptionalType) and not any(e.ty is NONE or isinstance(e.ty, OptionalType) for e in (then, other)):
            want = want.inner  # neither side is None, so the choice is not
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
        message = f"one side is `{a.ty.name}`, the other `{b.ty.name}`"
        raise self.error("E0303", node, message, "convert one of them", labels=sides(node, a.ty, b.ty))
