# SPDX-License-Identifier: GPL-2.0-or-later
"""`match`: tests in order, exhaustive over enums."""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import hir
from compiler.types.elaborate.flow import State, merge
from compiler.types.hir import Const, Expr, If
from compiler.types.model import BOOL, EnumType, OptionalType


class MatchMixin:
    # -- match --------------------------------------------------------------------------------------------------
    def stmt_Match(self: Any, node: ast.Match) -> None:
        setter, subject = self.temp(self.settled(node.subject))
        self.out.append(setter)
        ends: list[State] = []
        covered: set[int] = set()
        self._cases(list(node.cases), subject, node, ends, covered)
        self.state = merge(ends)

    def _cases(self: Any, cases: list[ast.match_case], subject: Expr, node: ast.Match, ends: list[State], covered: set[int]) -> None:
        if not cases:
            self._after_cases(subject, node, ends, covered)
            return
        case = cases[0]
        test = self._pattern(case.pattern, subject, covered if case.guard is None else set())
        before = self.state.copy()
        body: list[Any] = []
        rest: list[Any] = []
        with self.block(body):
            self._bind_pattern(case.pattern, subject)
            if case.guard is not None:
                bindings = list(self.out)
                guard = hir.Seq(BOOL, bindings, self.condition(case.guard))
                test = guard if test is None else hir.Logic(BOOL, "and", test, guard)
                self.learn(self.facts(case.guard)[0])
            self.statements(case.body)
        ends.append(self.state)
        self.state = before
        if test is None:
            self.out += body
            if len(cases) > 1:
                self.report(self.error("E0609", cases[1].pattern, "this case is never reached: the one before takes everything"))
            return
        with self.block(rest):
            self._cases(cases[1:], subject, node, ends, covered)
        self.out.append(hir.at_line(If(test, body, rest), case.pattern.lineno))

    def _after_cases(self: Any, subject: Expr, node: ast.Match, ends: list[State], covered: set[int]) -> None:
        ty = subject.ty
        if isinstance(ty, EnumType) and ty.kind != "flag":
            missing = [n for n, v in ty.members.items() if v not in covered]
            if missing:
                self.report(
                    self.error(
                        "E0610",
                        node.subject,
                        f"this match does not cover `{ty.name}.{missing[0]}`"
                        + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
                        "add a case, or `case _:`",
                    )
                )
            self.out.append(hir.Unreachable())
            return
        if ty is BOOL and covered >= {0, 1}:
            self.out.append(hir.Unreachable())
            return
        ends.append(self.state.copy())

    def _bind_pattern(self: Any, pattern: ast.pattern, subject: Expr) -> None:
        if isinstance(pattern, ast.MatchAs) and pattern.name:
            name = ast.Name(pattern.name, ast.Store())
            ast.copy_location(name, pattern)
            self.bind_items(name, [subject], pattern)

    def _pattern(self: Any, pattern: ast.pattern, subject: Expr, covered: set[int]) -> Expr | None:
        """The test of a pattern; None if it always matches."""
        if isinstance(pattern, ast.MatchAs):
            return None if pattern.pattern is None else self._pattern(pattern.pattern, subject, covered)
        if isinstance(pattern, ast.MatchOr):
            test: Expr | None = None
            for item in pattern.patterns:
                one = self._pattern(item, subject, covered)
                if one is None:
                    return None
                test = one if test is None else hir.Logic(BOOL, "or", test, one)
            return test
        if isinstance(pattern, ast.MatchSingleton):
            if pattern.value is None:
                return self.is_none(subject, pattern)
            covered.add(int(pattern.value))
            return self.compare("eq", subject, Const(BOOL, pattern.value), pattern)
        if isinstance(pattern, ast.MatchValue):
            value = self.expr(pattern.value, subject.ty)
            if isinstance(value, Const) and isinstance(value.value, int):
                covered.add(value.value)
            if isinstance(subject.ty, OptionalType):
                return self._compare_optional("eq", subject, value, pattern)
            return self.compare("eq", subject, value, pattern)
        self.report(
            self.error(
                "E0114", pattern, "this pattern is not part of this language", "patterns are constants, enum members, `None`, `|` and `_`"
            )
        )
        return Const(BOOL, False)
