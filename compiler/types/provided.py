# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules as implementations of protocols (PEP 544): `cpu_given: Cpu = cpu`, where `cpu` is a module and `Cpu` a Protocol.

Nothing is made of such a line. It says that the module has a function for each method of the protocol, with the same parameters, types and
result, and this checks it: of each architecture's modules against kern/arch_api.py.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import Span
from compiler.types import model
from compiler.types.decls import ClassDecl, FuncDecl, GlobalDecl, ModuleDecl


def checked_module(program: Any, glob: GlobalDecl) -> bool:
    """Whether `glob` is such a line; then everything that the module lacks has been reported."""
    if not isinstance(glob.annotation, ast.Name) or not isinstance(glob.value, ast.Name):
        return False
    protocol = glob.module.scope.get(glob.annotation.id) and program.lookup(glob.module, glob.annotation.id, glob.annotation)
    given = glob.module.scope.get(glob.value.id) and program.lookup(glob.module, glob.value.id, glob.value)
    if not isinstance(protocol, ClassDecl) or not isinstance(given, ModuleDecl):
        return False
    for method in protocol.methods.values():
        _check(program, glob, method, given)
    return True


def _check(program: Any, glob: GlobalDecl, method: FuncDecl, given: ModuleDecl) -> None:
    asked = (Span.of(method.module.source, method.node), "asked for here")
    found = given.scope.get(method.name)
    if not isinstance(found, FuncDecl):
        message = f"module `{given.name}` has no function `{method.name}`, which `{method.owner.name if method.owner else ''}` asks for"
        program.reporter.add(program.error("E0730", glob.module, glob.value, message, labels=[asked]).diagnostic)
        return
    want, have = _signature(program, method, 1), _signature(program, found, 0)
    if want != have:
        message = f"`{found.name}{_shown(have)}` is not the function that is asked for"
        hint = f"`{method.name}{_shown(want)}` is"
        program.reporter.add(program.error("E0730", given, found.node, message, hint, labels=[asked]).diagnostic)


Signature = tuple[list[tuple[str, Any]], Any]


def _signature(program: Any, function: FuncDecl, skip: int) -> Signature:
    """Names and types of the parameters, and the result; a class and a reference to it are the same type here."""

    def type_of(node: ast.expr | None) -> Any:
        return model.value_of(program.resolve(node, function.module, {})) if node is not None else model.VOID

    return [(a.arg, type_of(a.annotation)) for a in function.node.args.args[skip:]], type_of(function.node.returns)


def _shown(signature: Signature) -> str:
    parameters, result = signature
    return f"({', '.join(f'{name}: {ty.name}' for name, ty in parameters)}) -> {result.name}"
