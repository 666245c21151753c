# SPDX-License-Identifier: GPL-2.0-or-later
"""Type aliases: `Handler = Callable[[u32], None]` at module level is another name for one whole type.

Whether such a line names a type or computes a constant depends on what its names mean, so it is told when the name is first looked up.
An alias of a bare class (`Cell = Node`) is the class itself, to derive from and to make objects of.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import CompileError
from compiler.syntax.walk import walk
from compiler.types import model
from compiler.types.decls import AliasDecl, ClassDecl, FuncDecl, GlobalDecl, ImportedName, ModuleDecl, NewTypeDecl, TypeVarDecl, Vocabulary
from compiler.types.model import Type
from compiler.types.vocabulary import TYPE_HEADS


def settle(program: Any, module: ModuleDecl, glob: GlobalDecl) -> Any:
    """What the name of a global that may be an alias means."""
    glob.may_be_alias = False
    value = glob.value
    stated = glob.annotation is not None
    if value is None or not (stated or _names_type(program, module, value)):
        return glob
    module.globals.remove(glob)
    made = module.scope[glob.name] = AliasDecl(glob.name, module, program.parsed_annotation(value, module))
    if isinstance(made.value, (ast.Name, ast.Attribute)):
        bare = program.lookup_path(module, made.value)
        if isinstance(bare, (ClassDecl, NewTypeDecl, Vocabulary)):
            module.scope[glob.name] = bare
            module.renamed.add(glob.name)
    return module.scope[glob.name]


def is_function_type(program: Any, node: ast.expr | None, module: ModuleDecl) -> bool:
    """Whether an annotation is `Callable[…]`, written out or by an alias."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id == "Callable"
    if not isinstance(node, ast.Name) or not isinstance(module.scope.get(node.id), (AliasDecl, ImportedName)):
        return False
    alias = program.lookup(module, node.id, node)
    return isinstance(alias, AliasDecl) and isinstance(resolve(program, alias), model.FuncType)


def settle_all(program: Any) -> None:
    """Every module's aliases; what is wrong with one is said even if nothing uses it."""
    for module in list(program.modules.values()):
        for glob in list(module.globals):
            try:
                found = program.lookup(module, glob.name, glob.node)
                if isinstance(found, AliasDecl):
                    resolve(program, found)
            except CompileError as error:
                program.reporter.add(error.diagnostic)
        for function in module.functions:
            if "syscall" in function.marks:
                _refuse_in_call(program, module, function)


def _refuse_in_call(program: Any, module: ModuleDecl, function: FuncDecl) -> None:
    """The kernel's entry, the stub and the tracer of a system call are written from the names of its types."""
    for annotation in [*(a.annotation for a in function.node.args.args[1:]), function.node.returns]:
        for part in walk(annotation) if annotation is not None else ():
            if isinstance(part, ast.Name) and (part.id in module.renamed or isinstance(_meaning(program, module, part), AliasDecl)):
                message = f"a system call names its types themselves, and `{part.id}` is an alias"
                program.reporter.add(program.error("E0337", module, part, message).diagnostic)


def resolve(program: Any, alias: AliasDecl) -> Type:
    if alias.state == "new":
        alias.state = "busy"
        try:
            _refuse_variables(program, alias)
            alias.ty = program.resolve(alias.value, alias.module, {})
        finally:
            alias.state = "done"
    if alias.ty is None:
        if alias.state == "busy":
            hint = "a class may hold a `Ref` of itself"
            raise program.error("E1304", alias.module, alias.value, f"`{alias.name}` is defined by itself", hint)
        raise CompileError(None)  # said already
    return alias.ty


def _names_type(program: Any, module: ModuleDecl, node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return any(_names_type(program, module, side) for side in (node.left, node.right))
    if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        return False
    try:
        meaning = program.lookup_path(module, node.value if isinstance(node, ast.Subscript) else node)
    except CompileError:
        return False  # said where it is computed
    if isinstance(meaning, Vocabulary):
        return meaning.name in (TYPE_HEADS if isinstance(node, ast.Subscript) else model.SCALARS)
    return isinstance(meaning, (ClassDecl, NewTypeDecl, AliasDecl))


def _refuse_variables(program: Any, alias: AliasDecl) -> None:
    for part in walk(alias.value):
        if isinstance(part, ast.Name) and isinstance(_meaning(program, alias.module, part), TypeVarDecl):
            hint = "write the type out where it is used, or derive a class: `class Table(Map[u32, T], Generic[T])`"
            raise program.error("E0336", alias.module, part, f"`{alias.name}` is an alias of one whole type, and `{part.id}` is open", hint)


def _meaning(program: Any, module: ModuleDecl, node: ast.Name) -> Any:
    item = module.scope.get(node.id)
    return program.lookup(module, node.id, node) if isinstance(item, (ImportedName, TypeVarDecl, AliasDecl)) else None
