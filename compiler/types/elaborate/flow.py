# SPDX-License-Identifier: GPL-2.0-or-later
"""Flow facts: which names are assigned, what an optional is narrowed to, which locks are held, whether a point is reached."""

from __future__ import annotations

import ast
from typing import Any

from compiler.syntax.walk import walk, walk_scope
from compiler.types import hir, model
from compiler.types.model import OptionalType, Type

Facts = dict[str, Type]
OUTSIDE = "outside "  # a fact `outside vcore_context`: this never runs in that context
ASSIGNED = "="  # a fact `=x` says that x has a value


class State:
    """What is known at a point of a function."""

    __slots__ = ("assigned", "held", "narrowed", "reached")

    def __init__(self, assigned: set[str], narrowed: Facts, reached: bool = True, held: tuple[Any, ...] = ()) -> None:
        self.assigned, self.narrowed, self.reached = assigned, narrowed, reached
        self.held = held  # the atomic sections (decls.Section) that this function has begun, outermost first

    def copy(self) -> State:
        return State(set(self.assigned), dict(self.narrowed), self.reached, self.held)

    def kept_without(self, changed: set[str]) -> Facts:
        """What was known of names, and still is somewhere after these were assigned."""
        return {k: t for k, t in self.narrowed.items() if "." not in k and k not in changed}


def merge(states: list[State]) -> State:
    """What holds whichever of the (reached) states we came from."""
    live = [s for s in states if s.reached]
    if not live:
        return State(set(states[0].assigned) if states else set(), {}, False, states[0].held if states else ())
    assigned = set.intersection(*(s.assigned for s in live))
    narrowed = {k: t for k, t in live[0].narrowed.items() if all(s.narrowed.get(k) is t for s in live)}
    held = dict.fromkeys(section for s in live for section in s.held)  # on some way here, so it may be held
    return State(assigned, narrowed, True, tuple(held))


def path_of(node: ast.expr) -> str | None:
    """`self.head` as a key, for chains of names only."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = path_of(node.value)
        return f"{base}.{node.attr}" if base else None
    if isinstance(node, ast.NamedExpr):
        return path_of(node.target)
    return None


def assigned_names(nodes: list[Any]) -> set[str]:
    """Names that these statements may assign."""
    found: set[str] = set()
    for part in walk_scope(nodes):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, (ast.FunctionDef, ast.MatchAs)) and part.name:
            found.add(part.name)
    return found


def names_bound(node: ast.FunctionDef | ast.Lambda) -> set[str]:
    """The locals of a function: its parameters, and what it assigns but for `global` and `nonlocal` names."""
    body: list[Any] = node.body if isinstance(node, ast.FunctionDef) else [node.body]
    outer: set[str] = set()
    found = {a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]} | assigned_names(body)
    for part in walk_scope(body):
        if isinstance(part, (ast.Global, ast.Nonlocal)):
            outer |= set(part.names)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            found.add(part.name)
    return found - outer


def names_free(node: ast.FunctionDef | ast.Lambda) -> set[str]:
    """Names that a function uses and does not bind itself."""
    body: list[Any] = node.body if isinstance(node, ast.FunctionDef) else [node.body]
    found: set[str] = set()
    for part in walk_scope(body):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Nonlocal):
            found |= set(part.names)
        elif isinstance(part, (ast.FunctionDef, ast.Lambda)):
            found |= names_free(part)
    return found - names_bound(node)


class FlowMixin:
    """Narrowing by conditions, and forgetting."""

    state: State

    def facts(self: Any, node: ast.expr) -> tuple[Facts, Facts]:
        """What a condition tells: (if true, if false). Called after the condition was elaborated."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yes, no = self.facts(node.operand)
            return no, yes
        if isinstance(node, ast.BoolOp):
            joined: Facts = {}
            which = 0 if isinstance(node.op, ast.And) else 1
            before = dict(self.state.narrowed)
            for value in node.values:  # each operand may build on what the ones before it tell
                found = self.facts(value)[which]
                joined |= found
                # `a and (x := f())`: x has a value only if the whole is true.
                joined |= {ASSIGNED + p.target.id: model.NORETURN for p in walk(value) if isinstance(p, ast.NamedExpr)}
                self.state.narrowed |= found
            self.state.narrowed = before
            return (joined, {}) if which == 0 else ({}, joined)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            right = node.comparators[0]
            if isinstance(right, ast.Constant) and right.value is None:
                fact = self.fact_of(node.left)
                if isinstance(node.ops[0], (ast.IsNot, ast.NotEq)):
                    return fact, {}
                if isinstance(node.ops[0], (ast.Is, ast.Eq)):
                    return {}, fact
            return {}, {}
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            told = getattr(self.meaning(node.func), "marks", {}).get("tells_context")
            if told is not None:
                return {}, {f"{OUTSIDE}{told}": model.NORETURN}
        fact = self.fact_of(node)
        return fact, {}

    def fact_of(self: Any, node: ast.expr) -> Facts:
        """{path: inner type} when the path holds an optional."""
        path = path_of(node)
        ty = self.path_type(node) if path else None
        return {path: ty.inner} if path and isinstance(ty, OptionalType) else {}

    def path_type(self: Any, node: ast.expr) -> Type | None:
        """The declared value type of a name or attribute chain."""
        if isinstance(node, ast.NamedExpr):
            node = node.target
        if isinstance(node, ast.Name):
            var = self.env.get(node.id)
            if var is not None:
                return var.ty
            glob = self.global_of(node.id)
            return model.value_of(glob.ty) if glob is not None and glob.ty is not None else None
        if isinstance(node, ast.Attribute):
            narrowed = self.state.narrowed.get(path_of(node.value) or "")
            base = narrowed or self.path_type(node.value)
            if isinstance(base, model.ClassType):
                field = self.program.layouts.complete(base).fields.get(node.attr)
                return model.value_of(field.ty) if field is not None else None
        return None

    def forget(self, name: str) -> None:
        """A name is assigned: nothing is known of it any more."""
        prefix = name + "."
        for key in [k for k in self.state.narrowed if k == name or k.startswith(prefix)]:
            del self.state.narrowed[key]

    def forget_memory(self: Any, node: ast.AST | None = None) -> None:
        """Something was called or stored (by `node`): fields may have changed."""
        for key in list(self.state.narrowed):
            kept = key in self.env and "." not in key and key not in self.shared
            if not kept and not key.startswith(OUTSIDE):
                del self.state.narrowed[key]
                if node is not None:
                    self.lost[key] = node

    def learn(self, facts: Facts) -> None:
        for name, ty in facts.items():
            if name.startswith(ASSIGNED):
                self.state.assigned.add(name[len(ASSIGNED) :])
            else:
                self.state.narrowed[name] = ty
                self.lost.pop(name, None)  # type: ignore[attr-defined]


def always_true(expr: hir.Expr) -> bool:
    return isinstance(expr, hir.Const) and bool(expr.value) and expr.ty is model.BOOL


def always_false(expr: hir.Expr) -> bool:
    return isinstance(expr, hir.Const) and not expr.value and expr.ty is model.BOOL
