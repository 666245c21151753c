# SPDX-License-Identifier: GPL-2.0-or-later
"""`match`: tests in order, exhaustive over enums.

Patterns are constants, enum members, `None`, names, `_`, `|`, tuples, and classes by field. What is bound is read where its
case is entered.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from compiler.diagnostics import CompileError, Span
from compiler.syntax.walk import walk
from compiler.types import hir
from compiler.types.elaborate.coverage import ANY, Pat, Row, alternatives, missing, must_cover, useful
from compiler.types.elaborate.flow import State, merge, path_of
from compiler.types.hir import Const, Expr, If
from compiler.types.model import BOOL, ClassType, EnumType, OptionalType, TupleType


NARROWED = "?"  # among the fields looked at: what is matched is declared `X | None`


class Taken(NamedTuple):
    """What a pattern comes to: its test (None: it takes everything), the names it binds, its shape."""

    test: Expr | None
    names: list[tuple[ast.AST, str, Expr]]
    shape: Pat


def member_labels(ty: EnumType, names: list[str]) -> list[tuple[Span, str]]:
    """Where an enum declares members."""
    found = []
    for node in ty.decl.node.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id in names[:3]:
            found.append((Span.of(ty.decl.module.source, target), "not covered"))
    return found


class MatchMixin:
    # -- match --------------------------------------------------------------------------------------------------
    def stmt_Match(self: Any, node: ast.Match) -> None:
        setter, subject = self.temp(self.settled(node.subject))
        self.out.append(setter)
        fields = self._fields_looked_at(node, {})
        if isinstance(self.path_type(node.subject), OptionalType):
            fields[NARROWED] = []
        ends: list[State] = []
        self._cases(list(node.cases), subject, subject, node, ends, [], fields)
        self.state = merge(ends) if ends else State(set(self.state.assigned), {}, False)

    def _cases(
        self: Any, cases: list[ast.match_case], subject: Expr, whole: Expr, node: ast.Match, ends: list[State], rows: list[Row], fields: Any
    ) -> None:
        """`subject` is `whole` without the None that a case before has taken."""
        if not cases:
            self._after_cases(whole, node, ends, rows, fields)
            return
        case = cases[0]
        taken = self._understood(case.pattern, subject, fields)
        shapes = alternatives(taken.shape)
        if subject is not whole:
            shapes = [s if s.key is None else Pat("some", (s,)) for s in shapes]
        if not any(useful(rows, [s], [whole.ty], fields) for s in shapes):
            all_of_it = any(r == [ANY] for r in rows)
            why = "the one before takes everything" if all_of_it else "those before take all of it"
            self.report(self.error("E0609", case.pattern, f"this case is never reached: {why}"))
        if case.guard is None:
            rows = [*rows, *([s] for s in shapes)]
        before = self.state.copy()
        body: list[Any] = []
        rest: list[Any] = []
        test = taken.test
        path = path_of(node.subject)
        some = isinstance(subject.ty, OptionalType) and all(s.key == "some" for s in shapes)
        with self.block(body):
            if path and some:
                self.state.narrowed[path] = subject.ty.inner
            for at, name, value in taken.names:
                self.bind_items(ast.copy_location(ast.Name(name, ast.Store()), at), [value], at)
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
                message = "this case is never reached: the one before takes everything"
                self.report(self.error("E0609", cases[1].pattern, message, labels=[(case.pattern, "takes everything")]))
            return
        if isinstance(subject.ty, OptionalType) and shapes == [Pat("none")] and case.guard is None:
            if path:
                self.state.narrowed[path] = subject.ty.inner
            subject = self.unwrap(subject, subject.ty.inner)
        with self.block(rest):
            self._cases(cases[1:], subject, whole, node, ends, rows, fields)
        self.out.append(hir.at_line(If(test, body, rest), case.pattern.lineno))

    def _after_cases(self: Any, whole: Expr, node: ast.Match, ends: list[State], rows: list[Row], fields: Any) -> None:
        ty = whole.ty
        left = missing(rows, [ty], fields)
        if left is None:
            self.out.append(hir.Unreachable())
            return
        if not must_cover(ty):
            ends.append(self.state.copy())
            return
        more, labels = "", []
        if isinstance(ty, EnumType):
            labels = member_labels(ty, [n for n, v in ty.members.items() if [Pat(v)] not in rows])
            count = len([v for v in set(ty.members.values()) if [Pat(v)] not in rows])
            more = f" and {count - 1} more" if count > 1 else ""
        message = f"this match does not cover `{left[0]}`{more}"
        self.report(self.error("E0610", node.subject, message, "add a case, or `case _:`", labels=labels))
        self.out.append(hir.Unreachable())

    def _understood(self: Any, pattern: ast.pattern, subject: Expr, fields: Any) -> Taken:
        """The pattern; one with an error takes nothing, and its body is still checked."""
        try:
            found: Taken = self._pattern(pattern, subject, fields)
            return found
        except CompileError as error:
            self.report(error)
            for part in walk(pattern):
                if isinstance(part, ast.MatchAs) and part.name:
                    self.state.assigned.add(part.name)
                    self.poison(part.name)
            return Taken(Const(BOOL, False), [], Pat("error"))

    # -- patterns -----------------------------------------------------------------------------------------------
    def _pattern(self: Any, pattern: ast.pattern, subject: Expr, fields: Any) -> Taken:
        if isinstance(pattern, ast.MatchAs):
            inner = self._pattern(pattern.pattern, subject, fields) if pattern.pattern is not None else Taken(None, [], ANY)
            if pattern.name is None:
                return inner
            seen = self.unwrap(subject, subject.ty.inner) if inner.shape.key == "some" else subject
            return Taken(inner.test, [*inner.names, (pattern, pattern.name, seen)], inner.shape)
        if isinstance(pattern, ast.MatchOr):
            return self._alternatives(pattern, subject, fields)
        if isinstance(pattern, ast.MatchSingleton) and pattern.value is None:
            if not isinstance(subject.ty, OptionalType):
                if fields.get(NARROWED) is not None:  # known not to be None here: the case takes nothing
                    return Taken(Const(BOOL, False), [], Pat("error"))
                raise self.error("E0609", pattern, f"a `{subject.ty.name}` is never None")
            return Taken(self.is_none(subject, pattern), [], Pat("none"))
        if isinstance(subject.ty, OptionalType):
            return self._of_some(pattern, subject, fields)
        if isinstance(pattern, ast.MatchSingleton):
            return Taken(self.compare("eq", subject, Const(BOOL, pattern.value), pattern), [], Pat(int(bool(pattern.value))))
        if isinstance(pattern, ast.MatchValue):
            value = self.expr(pattern.value, subject.ty)
            key = value.data if isinstance(value, hir.StrLit) else value.value if isinstance(value, Const) else ast.unparse(pattern)
            return Taken(self.compare("eq", subject, value, pattern), [], Pat(key))
        if isinstance(pattern, ast.MatchSequence) and isinstance(subject.ty, TupleType):
            return self._tuple_pattern(pattern, subject, fields)
        if isinstance(pattern, ast.MatchClass) and isinstance(subject.ty, ClassType):
            return self._class_pattern(pattern, subject, fields)
        raise self.error(
            "E0114",
            pattern,
            f"this pattern does not go with a `{subject.ty.name}`",
            "patterns are constants, enum members, `None`, names, `|` and `_`, tuples, and classes by field",
        )

    def _alternatives(self: Any, pattern: ast.MatchOr, subject: Expr, fields: Any) -> Taken:
        parts = [self._pattern(p, subject, fields) for p in pattern.patterns]
        for part in parts:
            if part.names:
                raise self.error("E0114", pattern, "alternatives bind no names here", "write a case for each")
        if any(p.test is None for p in parts):
            return Taken(None, [], ANY)
        test = parts[0].test
        for part in parts[1:]:
            test = hir.Logic(BOOL, "or", test, part.test)
        return Taken(test, [], Pat("or", tuple(p.shape for p in parts)))

    def _of_some(self: Any, pattern: ast.pattern, subject: Expr, fields: Any) -> Taken:
        """A pattern for the value in an optional."""
        inner = self._pattern(pattern, self.unwrap(subject, subject.ty.inner), fields)
        some = hir.Not(BOOL, self.is_none(subject, pattern))
        test = some if inner.test is None else hir.Logic(BOOL, "and", some, inner.test)
        return Taken(test, inner.names, Pat("some", (inner.shape,)))

    def _together(self: Any, parts: list[Taken], key: str) -> Taken:
        test: Expr | None = None
        for part in parts:
            if part.test is not None:
                test = part.test if test is None else hir.Logic(BOOL, "and", test, part.test)
        shape = Pat(key, tuple(p.shape for p in parts))
        return Taken(test, [n for p in parts for n in p.names], shape)

    def _tuple_pattern(self: Any, pattern: ast.MatchSequence, subject: Expr, fields: Any) -> Taken:
        elems = subject.ty.elems
        if len(pattern.patterns) != len(elems) or any(isinstance(p, ast.MatchStar) for p in pattern.patterns):
            raise self.error("E0314", pattern, f"{len(pattern.patterns)} patterns for {len(elems)} values")
        parts = [self._pattern(p, hir.Part(t, subject, i), fields) for i, (p, t) in enumerate(zip(pattern.patterns, elems, strict=True))]
        return self._together(parts, "tuple")

    def _class_pattern(self: Any, pattern: ast.MatchClass, subject: Expr, fields: Any) -> Taken:
        cls = self.type_meant(pattern.cls)
        if cls is not subject.ty:
            hint = "which subclass an object has is not known; use a method"
            raise self.error("E0114", pattern.cls, f"this is a `{subject.ty.name}`", hint)
        self.program.layouts.complete(subject.ty)
        given = self._field_patterns(pattern, subject.ty)
        for name in given:
            if name not in subject.ty.fields:
                raise self.error("E0203", pattern, f"`{subject.ty.name}` has no field `{name}`")
        parts = []
        for name in fields.get(subject.ty, []):
            field = subject.ty.fields[name]
            value = self.read(self.offset(subject, field.offset), field.ty)
            parts.append(self._pattern(given[name], value, fields) if name in given else Taken(None, [], ANY))
        return self._together(parts, "class")

    @staticmethod
    def _field_patterns(pattern: ast.MatchClass, ty: ClassType) -> dict[str, ast.pattern]:
        return {**dict(zip(ty.fields, pattern.patterns, strict=False)), **dict(zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True))}

    def _fields_looked_at(self: Any, node: ast.AST, found: dict[Any, list[str]]) -> dict[Any, list[str]]:
        """The fields that class patterns mention, by class: the columns for it."""
        for part in walk(node):
            if isinstance(part, ast.MatchClass):
                ty = self.type_meant(part.cls)
                if isinstance(ty, ClassType):
                    self.program.layouts.complete(ty)
                    names = found.setdefault(ty, [])
                    names += [n for n in self._field_patterns(part, ty) if n not in names and n in ty.fields]
        return found
