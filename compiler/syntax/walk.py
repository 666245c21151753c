# SPDX-License-Identifier: GPL-2.0-or-later
"""`ast.walk`, several times as fast: the front end walks every function a few times."""

from __future__ import annotations

import ast


def walk(node: ast.AST) -> list[ast.AST]:
    """The node and all below it, level by level, as a list."""
    found = [node]
    for current in found:  # which grows meanwhile
        for value in current.__dict__.values():
            if isinstance(value, list):
                found += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def walk_scope(nodes: list[ast.AST]) -> list[ast.AST]:
    """The nodes and all below them, without what is in functions defined there."""
    found = list(nodes)
    for current in found:
        if not isinstance(current, (ast.FunctionDef, ast.Lambda)):
            for value in current.__dict__.values():
                if isinstance(value, list):
                    found += [item for item in value if isinstance(item, ast.AST)]
                elif isinstance(value, ast.AST):
                    found.append(value)
    return found
