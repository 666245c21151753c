# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a failing program small.

Statements go, blocks are replaced by what is in them, expressions by their parts, as long as the program fails the same way. A candidate
that the compiler refuses does not, so nothing here need know the language's rules.
"""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Callable, Iterator

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
Test = Callable[[str], bool]
Candidates = Callable[[ast.Module], Iterator[ast.Module]]


def reduce(source: str, fails: Test, seconds: float = 120) -> str:
    """A smaller program of which `fails` is still true. Runs until nothing helps, or the time is over."""
    deadline = time.monotonic() + seconds
    best = ast.parse(source)
    found = _text(best)
    if found is None or not fails(found):
        return source
    changed = True
    while changed and time.monotonic() < deadline:
        changed = False
        for candidates in (_without_statements, _unwrapped, _simpler):
            best, shrunk = _pass(best, candidates, fails, deadline)
            changed = changed or shrunk
    return _text(best) or source


def _pass(best: ast.Module, candidates: Candidates, fails: Test, deadline: float) -> tuple[ast.Module, bool]:
    """Take candidates as long as they fail; one that does is where the next ones come from."""
    shrunk = False
    again = True
    while again:
        again = False
        for candidate in candidates(best):
            if time.monotonic() > deadline:
                return best, shrunk
            text = _text(candidate)
            if text is not None and len(text) < len(_text(best) or "") and fails(text):
                best, shrunk, again = candidate, True, True
                break
    return best, shrunk


def _text(tree: ast.Module) -> str | None:
    """Its source; None for an f-string that cannot be written."""
    try:
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    except ValueError:
        return None


def _lists(tree: ast.Module) -> list[tuple[ast.AST, str]]:
    """Where statements stand in rows, outermost first."""
    return [(n, f) for n in ast.walk(tree) for f in BLOCKS if isinstance(getattr(n, f, None), list) and getattr(n, f)]


def _without_statements(tree: ast.Module) -> Iterator[ast.Module]:
    for number, (node, name) in enumerate(_lists(tree)):
        row = getattr(node, name)
        size = len(row)
        while size:
            for start in range(len(row) - size, -1, -size):
                if all(isinstance(s, ast.Pass) for s in row[start : start + size]):
                    continue
                made = copy.deepcopy(tree)
                owner, field = _lists(made)[number]
                rest = getattr(owner, field)
                del rest[start : start + size]
                if not rest and field == "body":
                    rest.append(ast.Pass())
                yield made
            size //= 2


def _unwrapped(tree: ast.Module) -> Iterator[ast.Module]:
    """A block in place of the statement that holds it."""
    for number, (node, name) in enumerate(_lists(tree)):
        for at, inner in enumerate(getattr(node, name)):
            if isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
                continue
            for field in BLOCKS:
                rows = getattr(inner, field, None)
                if not rows or not isinstance(rows[0], ast.stmt):
                    continue
                made = copy.deepcopy(tree)
                owner, place = _lists(made)[number]
                row = getattr(owner, place)
                row[at : at + 1] = getattr(row[at], field)
                yield made


def _simpler(tree: ast.Module) -> Iterator[ast.Module]:
    """An expression replaced by one of its parts, or by a small constant."""
    for number, node in enumerate(_expressions(tree)):
        parts = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
        for which in range(len(parts) + 2):
            made = copy.deepcopy(tree)
            target = _expressions(made)[number]
            new: ast.expr
            if which < len(parts):
                new = [c for c in ast.iter_child_nodes(target) if isinstance(c, ast.expr)][which]
            else:
                new = ast.Constant(which - len(parts))
            yield _Replace(target, new).visit(made)


def _expressions(tree: ast.Module) -> list[ast.expr]:
    kinds = (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.UnaryOp, ast.Subscript, ast.Attribute, ast.JoinedStr)
    return [n for n in ast.walk(tree) if isinstance(n, kinds)]


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)
