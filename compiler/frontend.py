# SPDX-License-Identifier: GPL-2.0-or-later
"""The front end: a world's sources to checked, typed trees, and those to LLVM IR, module by module."""

from __future__ import annotations

import ast
from functools import partial
from typing import Any

from compiler.diagnostics import CompileError, Span
from compiler.effects import contexts, locks, raises, stacks
from compiler.syntax import leftout
from compiler.syntax.loader import World
from compiler.syntax.walk import walk
from compiler.types import hir, model
from compiler.types.decls import FnInst, FuncDecl, ImportedName, ModuleDecl, is_setter
from compiler.types.elaborate.elaborator import evaluate
from compiler.types.program import Program

__all__ = ["World", "analyse", "lower"]


def analyse(world: World) -> Program:
    """Load, type and check a world. User errors are in `program.errors`; nothing is raised for them."""
    program = Program(world)
    program.layouts.evaluate = partial(_evaluate, program)
    program.load_roots()
    _elaborate(program)
    raises.infer(program)
    graph = contexts.check(program)
    program.stacks = stacks.model_of(program, graph)
    program.locks = locks.check(program, graph)
    return program


def _evaluate(program: Program, node: ast.expr, module: Any, tvars: dict[str, Any], enum: Any = None) -> Any:
    return evaluate(program, node, module, tvars, enum)


def _elaborate(program: Program) -> None:
    """Every function and global of every module, then what they need of generics."""
    for name in sorted(program.modules):
        module = program.modules[name]
        if program.world.only_reached and not _is_root(program, module):
            continue
        _module_level(program, module)
        for glob in module.globals:
            program.resolve_global(glob)
        for decl in module.classes:
            if not decl.typevars:
                _guard(program, _class_methods, program, decl)
        for function in module.functions:
            if not program.type_variables(function):
                _guard(program, program.instance, function, None, {}, function.node)
        program.elaborate_all()
    program.register_all()
    for name in sorted(program.modules):
        _guard(program, _wrap_main, program, program.modules[name])
    program.elaborate_all()


def _is_root(program: Program, module: ModuleDecl) -> bool:
    return module.source.path in {p.resolve() for p in program.loader.root_files()}


def _wrap_main(program: Program, module: ModuleDecl) -> None:
    """A program's `main` becomes `main.<module>` (hosted: `hosted_main`), through `run_main`, which reports what leaves it."""
    main, kind = module.scope.get("main"), program.world.kind
    if not isinstance(main, FuncDecl) or main.module is not module or kind == "kernel":
        return
    if kind == "hosted" and module.source.path.resolve() not in {p.resolve() for p in program.world.roots}:
        return
    inst = program.instance(main, None, {}, main.node)
    if inst.params or inst.result is not model.I32:
        raise program.error("E0206", module, main.node, "a program's `main` is `def main() -> i32`")
    home = program.find_module("compiler.runtime.hosted" if kind == "hosted" else "rt.start")
    if home is None or "run_main" not in home.scope:
        return
    runner = program.instance(home.scope["run_main"], None, {}, main.node)
    wrapper = FnInst(None, f"{module.name}.main.wrapped", module)
    wrapper.exported = "hosted_main" if kind == "hosted" else f"main.{module.name}"
    wrapper.result, wrapper.line = model.I32, main.node.lineno
    inst.raises = True
    wrapper.body = [hir.Return(hir.Call(model.I32, runner, [hir.FnAddr(runner.params[0].ty, inst)]))]
    program.functions.append(wrapper)


ALLOWED = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Pass)


def _module_level(program: Program, module: ModuleDecl) -> None:
    """Every import is found, and there is nothing that would have to run."""
    for name, item in list(module.scope.items()):
        if isinstance(item, ImportedName) and not name.startswith("import "):
            _guard(program, program.lookup, module, name, item.node)
    _defined_once(program, module, module.tree.body)
    for decl in module.classes:
        _defined_once(program, module, decl.node.body)
    for node in module.tree.body:
        documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Assign) and not (len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
            error = program.error("E0111", module, node, "a module defines one name at a time", "write one `NAME = value` for each")
            program.reporter.add(error.diagnostic)
            continue
        if isinstance(node, ALLOWED) or documentation or leftout.is_for_cpython(node):
            continue
        if type(node) not in leftout.EVERYWHERE:
            hint = "a module holds imports, constants, globals, classes and functions; put it in a function"
            if any(isinstance(part, (ast.Import, ast.ImportFrom)) for part in walk(node)):
                hint = "imports are not conditional: what differs by architecture is imported from `arch`"
            error = program.error("E0111", module, node, "a statement at module level is not part of this language", hint)
            program.reporter.add(error.diagnostic)


def _defined_once(program: Program, module: ModuleDecl, body: list[ast.stmt]) -> None:
    """A second definition of a name would silently replace the first."""
    first: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            name = node.name + (".setter" if isinstance(node, ast.FunctionDef) and is_setter(node) else "")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        else:
            continue
        if name in first:
            again = program.error(
                "E0202", module, node, f"`{name}` is defined twice", label="and again here", labels=[(first[name], "first defined here")]
            )
            program.reporter.add(again.diagnostic)
        first.setdefault(name, node)


def _plain_methods(program: Program, decl: Any) -> None:
    """A plain struct's methods are called directly, so none of them can stand for another."""
    for name, method in decl.methods.items():
        base, above = decl.base_decl, None
        while base is not None and above is None:
            above, base = base.methods.get(name), base.base_decl
        if method.is_abstract:
            hint = f"leave out `@struct` on `{decl.name}`: then it has a table of methods"
            error = program.error("E0710", decl.module, method.node, f"`{name}` is abstract, but `{decl.name}` is a plain @struct", hint)
            program.reporter.add(error.diagnostic)
        elif above is not None and name != "__init__" and not method.is_static:
            hint = f"give it another name, or leave out `@struct` on `{above.owner.name}`: then its methods are virtual"
            message = f"`{decl.name}.{name}` hides the one of its base, which is a plain @struct"
            labels = [(Span.of(above.module.source, above.node), "this one would be called through the base")]
            program.reporter.add(program.error("E0723", decl.module, method.node, message, hint, labels=labels).diagnostic)


def _class_methods(program: Program, decl: Any) -> None:
    ty = program.class_type(decl, ())
    cls = program.layouts.complete(ty) if isinstance(ty, model.ClassType) and decl.kind != "error" else None
    if decl.kind == "struct":
        _plain_methods(program, decl)
    for name in decl.methods:
        if (
            cls is not None
            and cls.polymorphic
            and cls.base is not None
            and program.layouts.find_method(cls.base, name)
            and name != "__init__"
        ):
            _guard(program, program.virtual_group, cls, name, decl.node)
    for method in [*decl.methods.values(), *decl.setters.values()]:
        if program.type_variables(method):
            continue
        if cls is not None:
            _guard(program, program.instance, method, cls, {}, method.node)
        elif decl.kind != "error":
            _guard(program, partial(program.instance, bits_self=None if method.is_static else ty), method, None, {}, method.node)


def _guard(program: Program, action: Any, *args: Any) -> None:
    try:
        action(*args)
    except CompileError as error:
        program.reporter.add(error.diagnostic)


def lower(program: Program, only: str = "") -> dict[str, str]:
    """LLVM IR text of each module that has something to emit, or of the one that is named."""
    from compiler.lower.module import lower_modules

    return lower_modules(program, only)
