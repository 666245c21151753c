# SPDX-License-Identifier: GPL-2.0-or-later
"""The declarations of system calls, as they stand in the kernel's sources."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.syntax.walk import walk

if TYPE_CHECKING:
    from compiler.syntax.loader import Loader

UNSIGNED = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "usize": 64}
SIGNED = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "isize": 64}


@dataclass
class Declared:
    """A `@syscall(number)` function as it stands in a kernel module."""

    number: int
    node: ast.FunctionDef
    module: str
    imports: dict[str, str]  # name -> the import statement that brings it

    @property
    def short(self) -> str:
        return self.node.name.removeprefix("sys_")


def declared_calls(loader: Loader) -> list[Declared]:
    found: list[Declared] = []
    folder = loader.world.repo / "kern"
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else []:
        if "@syscall" not in path.read_text(encoding="utf-8"):
            continue
        parsed = loader.load(path)
        imports = _imports(parsed.tree)
        for node in parsed.tree.body:
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "syscall":
                        number = mark.args[0] if mark.args else None
                        if isinstance(number, ast.Constant) and isinstance(number.value, int):
                            found.append(Declared(number.value, node, parsed.name, imports))
    return sorted(found, key=lambda d: d.number)


def _imports(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                shown = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
                found[alias.asname or alias.name] = f"from {node.module} import {shown}"
    return found


def parameters(call: Declared) -> list[ast.arg]:
    return call.node.args.args[1:]


def names_in(call: Declared, nodes: list[ast.expr]) -> set[str]:
    """Import statements for the names in these annotations."""
    needed = set()
    for node in nodes:
        for part in walk(node):
            if isinstance(part, ast.Name) and part.id in call.imports:
                needed.add(call.imports[part.id])
            elif isinstance(part, ast.Name) and part.id[0].isupper() and part.id not in ("None",):
                needed.add(f"from {call.module} import {part.id}")
    return needed


def user_inner(annotation: ast.expr) -> ast.expr | None:
    """`X` of `User[X]`."""
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.value, ast.Name) and annotation.value.id == "User":
        return annotation.slice
    return None


def is_span(inner: ast.expr) -> bool:
    return ast.unparse(inner) == "str" or ast.unparse(inner).startswith("Span[")
