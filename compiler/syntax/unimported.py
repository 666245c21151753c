# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of the vocabulary that a module uses and does not import.

Much of the vocabulary is known by its spelling where it stands (`@struct`, `Array[u64]`, `array(8)` as a field's default), and what is
never elaborated is not looked up at all. CPython would refuse all of it; so it is refused here, wherever it stands.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from typing import TypeGuard

from compiler.syntax.leftout import is_for_cpython
from compiler.syntax.walk import walk, walk_scope
from compiler.types.vocabulary import KNOWN

OUTSIDE = ("decorator_list", "bases", "args")  # fields of a function or a class that are no part of its scope


def unimported(tree: ast.Module, defined: Container[str]) -> dict[str, ast.Name]:
    """Each such name with the first place that uses it; `defined` are the names of the module, and of Python."""
    statements = [s for s in tree.body if not is_for_cpython(s)]
    used = {n.id for s in statements for n in walk(s) if _is_use(n, KNOWN)}
    missing = frozenset(name for name in used if name not in defined)
    found: dict[str, ast.Name] = {}
    if missing:  # or they are local variables of such names, as mostly
        for statement in statements:
            for node in _free(statement, missing, missing):
                found.setdefault(node.id, node)
    return found


def _is_use(node: ast.AST, names: Container[str]) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names


def _free(node: ast.AST, names: frozenset[str], of_module: frozenset[str]) -> Iterator[ast.Name]:
    """The uses below a node of those of `names` that are not bound there; in annotations, which see no variables, of `of_module`."""
    if isinstance(node, ast.Name):
        if _is_use(node, names):
            yield node
        return
    inside = names - _bound(node)
    for field, value in ast.iter_fields(node):
        seen = of_module if field in ("annotation", "returns") else names if field in OUTSIDE else inside
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _free(part, seen, of_module)


def _bound(node: ast.AST) -> set[str]:
    """The names that belong to the scope that a node begins."""
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        body: list[ast.AST] = [*node.body] if isinstance(node, ast.FunctionDef) else [node.body]
        return {a.arg for a in walk(node.args) if isinstance(a, ast.arg)} | {name for part in walk_scope(body) for name in _stored(part)}
    if isinstance(node, ast.ClassDef):
        return {n.id for s in node.body if isinstance(s, ast.Assign) for n in s.targets if isinstance(n, ast.Name)}
    if isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
        return {name for g in node.generators for part in walk(g.target) for name in _stored(part)}
    return set()


def _stored(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.FunctionDef | ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name is not None:
        yield node.name
