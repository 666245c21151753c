# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things come from, for the labels of errors: declarations, results, and the path that leaves a variable without a value.

All of this looks at the source again, and is asked only when there is an error to explain.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from compiler.diagnostics import CompileError, Span, labelled
from compiler.types.decls import ClassDecl, FuncDecl, GlobalDecl
from compiler.types.elaborate.flow import path_of
from compiler.types.hir import Expr
from compiler.types.model import ClassType, Type

Labelled = tuple[Span, str]
FITTING = {"E0301", "E0401", "E0501"}  # a value does not fit its place


class OriginMixin:
    # -- declarations -------------------------------------------------------------------------------------------
    def origins(self: Any, node: ast.AST, ty: Type | None = None) -> list[Labelled]:
        """Labels for where a value got its type: the declaration of a name or field, or of a called function's result."""
        shown = f"is `{ty.name}`" if ty is not None else "is declared"
        try:
            if isinstance(node, ast.Name):
                return self._name_origin(node.id, shown)
            if isinstance(node, ast.Attribute):
                return self._field_origin(node, shown)
            if isinstance(node, ast.Call):
                return self._result_origin(node, shown)
        except CompileError:
            pass
        return []

    def _name_origin(self: Any, name: str, shown: str) -> list[Labelled]:
        where = self.declaration(name)
        if where is not None:
            return [(where, f"`{name}` {shown} here" if shown != "is declared" else f"`{name}` gets its type here")]
        glob = self.module.scope.get(name)
        ty_known = shown != "is declared"
        if isinstance(glob, GlobalDecl):
            return [(Span.of(glob.module.source, glob.node), f"`{name}` {shown if ty_known else 'is defined'} here")]
        return []

    def declaration(self: Any, name: str) -> Span | None:
        """Where a local got its type: its parameter, its annotation, or else its first assignment."""
        function = self.fn.decl.node if self.fn.decl is not None else None
        if function is None or self.module is not self.fn.module:
            return None
        found: ast.AST | None = None
        for part in ast.walk(function):
            if isinstance(part, ast.arg) and part.arg == name:
                return Span.of(self.module.source, part)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and part.id == name:
                if found is None or (part.lineno, part.col_offset) < (found.lineno, found.col_offset):  # type: ignore[attr-defined]
                    found = part
        return Span.of(self.module.source, found) if found is not None else None

    def _field_origin(self: Any, node: ast.Attribute, shown: str) -> list[Labelled]:
        base = self.path_type(node.value) or self.expr(node.value).ty
        base = getattr(base, "inner", base)
        field = base.fields.get(node.attr) if isinstance(base, ClassType) else None
        if field is None:
            return []
        return [(span, f"`{node.attr}` {shown} here") for span in field_spans(field.owner.decl, node.attr)]

    def _result_origin(self: Any, node: ast.Call, shown: str) -> list[Labelled]:
        meaning = self.meaning(node.func) if isinstance(node.func, ast.Name) else None
        if isinstance(node.func, ast.Attribute):
            base = self.path_type(node.func.value)
            found = self.program.layouts.find_method(base, node.func.attr) if isinstance(base, ClassType) else None
            meaning = found[1] if found is not None else None
        if isinstance(meaning, FuncDecl) and meaning.node.returns is not None:
            return [(Span.of(meaning.module.source, meaning.node.returns), f"the result of `{meaning.name}` {shown} here")]
        return []

    def result_label(self: Any) -> list[tuple[ast.AST, str]]:
        """Where this function declares its result."""
        returns = self.fn.decl.node.returns if self.fn.decl is not None else None
        return [(returns, "the result is declared here")] if returns is not None else []

    @contextmanager
    def explained(self: Any, node: ast.AST, origin: Iterable[tuple[Any, str]]) -> Iterator[None]:
        """Errors that a value does not fit where it goes show why it must: `origin`, labels."""
        try:
            yield
        except CompileError as error:
            found = error.diagnostic
            if found is not None and found.code in FITTING and found.span == Span.of(self.module.source, node):
                found.labels += labelled(self.module.source, origin)
            raise

    # -- None ---------------------------------------------------------------------------------------------------
    def may_be_none(self: Any, node: ast.AST, found: Expr, message: str = "") -> CompileError:
        """The error that something which may be None is used as if it were not; says where it may, and what made it so again."""
        shown = ast.unparse(node)
        hint = f"test it first: `if {shown} is not None:`"
        labels: list[tuple[Any, str]] = self.origins(node, found.ty)
        path = path_of(node) if isinstance(node, ast.expr) else None
        lost = self.lost.get(path or "")
        if lost is not None:
            labels.insert(0, (lost, f"`{shown}` was tested before this, which may change it"))
            hint = "copy it into a local, and test and use that"
        elif isinstance(node, ast.Call):
            hint = f"name it and test that: `if (found := {shown}) is not None:`"
        return self.error("E0501", node, message or f"`{shown}` may be None here", hint, labels=labels)

    # -- definite assignment ------------------------------------------------------------------------------------
    def without_value(self: Any, use: ast.Name) -> list[tuple[ast.AST, str]]:
        """Labels for the branches that leave a name without a value on the way to its use."""
        function = self.fn.decl.node if self.fn.decl is not None else None
        if function is None:
            return []
        labels: dict[int, tuple[ast.AST, str]] = {}
        for chain in _assignments(function, use.id, []):
            if chain[-1].lineno > use.lineno:
                continue
            for outer, inner in zip(chain, chain[1:], strict=False):
                if _contains(outer, use) and not _skips(outer, inner, use):
                    continue
                reason = _reason(outer, inner, use.id)
                if reason:
                    labels[id(outer)] = (outer, reason)
                    break
        later = [c[-1] for c in _assignments(function, use.id, []) if (c[-1].lineno, c[-1].col_offset) > (use.lineno, use.col_offset)]
        if not labels and later:
            labels[0] = (later[0], "it gets its value here")
        return list(labels.values())[:3]


def field_spans(decl: ClassDecl, name: str) -> list[Span]:
    """Where a class declares a field."""
    return [Span.of(decl.module.source, f) for f in decl.fields if isinstance(f.target, ast.Name) and f.target.id == name]


def _assignments(node: ast.AST, name: str, above: list[Any]) -> list[list[Any]]:
    """Each place that assigns the name, with the statements and handlers around it."""
    kept = [*above, node] if isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)) else above
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
        return [[*kept, node]]
    return [chain for child in ast.iter_child_nodes(node) for chain in _assignments(child, name, kept)]


def _contains(outer: ast.AST, use: ast.AST) -> bool:
    return any(part is use for part in ast.walk(outer))


def _skips(outer: ast.AST, inner: ast.AST, use: ast.AST) -> bool:
    """Whether the use stands in another branch of a statement than the assignment."""
    if isinstance(outer, ast.If):
        return any(part is inner for part in outer.body) != any(_contains(s, use) for s in outer.body)
    return isinstance(outer, ast.Try) and not _contains(inner, use)


def _reason(outer: ast.AST, inner: ast.AST, name: str) -> str:
    if isinstance(outer, ast.If):
        return f"no value for `{name}` if this is {'false' if any(part is inner for part in outer.body) else 'true'}"
    if isinstance(outer, (ast.For, ast.While)) and not any(part is inner for part in outer.orelse):
        return f"no value for `{name}` if this loop runs zero times"
    if isinstance(outer, ast.Try):
        return f"no value for `{name}` if an error comes before it gets one"
    if isinstance(outer, ast.Match):
        return f"no value for `{name}` in every case of this"
    return ""
