# SPDX-License-Identifier: GPL-2.0-or-later
"""Names: locals, constants, globals, functions, and what is not a value (modules, types)."""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import CompileError, did_you_mean
from compiler.types import hir, model
from compiler.types.decls import AliasDecl, ClassDecl, FuncDecl, GlobalDecl, ModuleDecl, NewTypeDecl, TypeVarDecl, Vocabulary
from compiler.types.hir import Const, Expr
from compiler.types.model import BOOL, EnumType, Type
from compiler.types.vocabulary import TYPE_HEADS

ORDERS = {"RELAXED": "monotonic", "ACQUIRE": "acquire", "RELEASE": "release", "ACQ_REL": "acq_rel", "SEQ_CST": "seq_cst"}


class NameMixin:
    # -- constants and literals ---------------------------------------------------------------------------------
    def expr_Constant(self: Any, node: ast.Constant, want: Type | None) -> Expr:
        value = node.value
        if value is None:
            return Const(model.NONE, None)
        if isinstance(value, bool):
            return Const(BOOL, value)
        if isinstance(value, int):
            return Const(model.UNTYPED, value)
        if isinstance(value, float):
            return Const(want if isinstance(want, model.FloatType) else model.F64, value)
        if isinstance(value, str):
            return hir.StrLit(model.STR, self.utf8(value, node))
        if isinstance(value, bytes):
            return hir.StrLit(model.span_of(model.U8), value)
        raise self.error("E0115", node, f"`{ast.unparse(node)}` has no meaning here")

    def utf8(self: Any, text: str, node: ast.AST) -> bytes:
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise self.error("E1201", node, "a string holds text that UTF-8 can write", 'for bytes write `b"…"`') from None

    # -- meanings -----------------------------------------------------------------------------------------------
    def meaning(self: Any, node: ast.expr) -> Any:
        """What a name or dotted name stands for when it is not a local value; None if it is a value."""
        if isinstance(node, ast.Name):
            if node.id in self.env or node.id in self.assigned_later or self.nested_named(node.id) is not None:
                return None
            if self.outer is not None and self.outer.captures(node.id):
                return None
            if node.id in self.tvars:
                return self.tvars[node.id]
            if self.class_scope is not None and node.id in self.class_scope.constants:
                return None
            return self.program.lookup(self.module, node.id, node)
        if isinstance(node, ast.Attribute):
            home = self.meaning(node.value)
            if isinstance(home, ModuleDecl):
                full = f"import {ast.unparse(node)}"
                if full in self.module.scope:
                    return self.program.lookup(self.module, full, node)
                return self.program.member(home, node.attr, self.module, node)
            if home is not None and not isinstance(home, (ClassDecl, Type, GlobalDecl, FuncDecl, Vocabulary)):
                return self.program.lookup_path(self.module, node)
        return None

    def type_meant(self: Any, node: ast.expr) -> Type | None:
        """The type that an expression names (`u64`, `Proc`, `Ring[Message]`), or None."""
        if isinstance(node, ast.Subscript):
            head = self.meaning(node.value) if isinstance(node.value, (ast.Name, ast.Attribute)) else None
            if isinstance(head, ClassDecl) or isinstance(head, Vocabulary) and head.name in TYPE_HEADS:
                return self.program.resolve(node, self.module, self.tvars)
            return None
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return None
        meaning = self.meaning(node)
        return self.program.maybe_type(meaning, node) if meaning is not None else None

    def type_argument(self: Any, node: ast.expr) -> Type:
        """A type as an argument: `sizeof(T)`, `cast(T, x)`; storage form."""
        return self.program.layouts.ensure(self.program.resolve(node, self.module, self.tvars))

    def global_of(self: Any, name: str) -> GlobalDecl | None:
        item = self.module.scope.get(name)
        return item if isinstance(item, GlobalDecl) and item.state == "done" else None

    # -- names --------------------------------------------------------------------------------------------------
    def expr_Name(self: Any, node: ast.Name, want: Type | None) -> Expr:
        made = self.nested_named(node.id)
        if made is not None:
            if made.owner is self.fn and node.id not in self.state.assigned:
                raise self.error("E0611", node, f"`{node.id}` may not be defined here", "define it on every path that leads here")
            return self.nested_value(made, node)
        var = self.env.get(node.id)
        if var is None and node.id not in self.assigned_later and node.id not in self.globals_declared:
            var = self.captured(node.id, node)
        if var is not None and node.id not in self.globals_declared:
            if node.id not in self.state.assigned:
                hint = "give it one on every path that leads here"
                raise self.error("E0611", node, f"`{node.id}` may not have a value here", hint, labels=self.without_value(node))
            if var.ty is model.NORETURN:
                raise CompileError(None)  # its assignment had an error: said already
            return self.narrowed(node.id, hir.VarGet(var.ty, var))
        if self.class_scope is not None and node.id in self.class_scope.constants:
            return self.class_constant(self.class_scope, node.id, node)
        if node.id in self.tvars:
            found = self.tvars[node.id]
            if isinstance(found, model.LiteralType):
                return hir.StrLit(model.STR, found.value.encode())
        if node.id in self.assigned_later:
            message = f"`{node.id}` is used before it has a value"
            raise self.error("E0611", node, message, self.shadow_hint(node.id), labels=self.without_value(node))
        return self.meaning_value(self.program.lookup(self.module, node.id, node), node, want)

    def shadow_hint(self: Any, name: str) -> str:
        """Why a name that a function assigns is not the module's."""
        if name not in self.module.scope:
            return ""
        return f"this function assigns `{name}`, so it is a local throughout: declare it `global`, or rename it"

    def narrowed(self: Any, path: str, expr: Expr) -> Expr:
        inner = self.state.narrowed.get(path)
        return self.unwrap(expr, inner) if inner is not None and isinstance(expr.ty, model.OptionalType) else expr

    def meaning_value(self: Any, meaning: Any, node: ast.expr, want: Type | None = None) -> Expr:
        if isinstance(meaning, GlobalDecl):
            return self.global_value(meaning, node)
        if isinstance(meaning, FuncDecl):
            return self.function_value(meaning, node, want)
        if isinstance(meaning, Vocabulary):
            return self._vocabulary_value(meaning.name, node)
        if isinstance(meaning, model.LiteralType):
            return hir.StrLit(model.STR, meaning.value.encode())
        shown = ast.unparse(node)
        if isinstance(meaning, ModuleDecl):
            raise self.error("E0205", node, f"`{shown}` is a module, not a value")
        if isinstance(meaning, (ClassDecl, Type, NewTypeDecl, AliasDecl)):
            raise self.error("E0308", node, f"`{shown}` is a type, not a value", f"call it to make one: `{shown}(…)`")
        if isinstance(meaning, TypeVarDecl):
            raise self.error("E0204", node, f"`{shown}` is a type variable, not a value")
        raise self.error("E0204", node, f"`{shown}` is not a value")

    def _vocabulary_value(self: Any, name: str, node: ast.expr) -> Expr:
        if name == "CHECKED":
            return Const(BOOL, self.checked)
        if name in ("ARCH", "WORLD"):
            text = self.program.world.arch if name == "ARCH" else self.program.world.kind
            return hir.StrLit(model.STR, text.encode())
        if name == "TYPE_CHECKING":
            return Const(BOOL, False)
        if name in ORDERS:
            return hir.StrLit(model.STR, ORDERS[name].encode())
        if name in model.SCALARS or name in TYPE_HEADS:
            raise self.error("E0308", node, f"`{name}` is a type, not a value")
        raise self.error("E0204", node, f"`{name}` is not a value")

    # -- globals ------------------------------------------------------------------------------------------------
    def global_value(self: Any, glob: GlobalDecl, node: ast.expr) -> Expr:
        self.program.resolve_global(glob)
        if glob.ty is None:
            raise CompileError(None)  # its declaration had an error: said already
        if glob.const is not None:
            const = glob.const
            return type(const)(const.ty, *(getattr(const, s) for s in type(const).__slots__ if s not in ("ty", "line")))
        self.program.globals_used[glob] = None
        ty = glob.ty
        if isinstance(ty, model.PerCoreType):
            return hir.GlobalAddr(ty, glob)
        value = model.value_of(ty)
        if ty.is_place:
            return hir.GlobalAddr(value, glob)
        load = hir.Load(value, hir.GlobalAddr(model.U64, glob), ty, False)
        return self.narrowed(glob.name, load) if glob.module is self.module else load

    def function_value(self: Any, decl: FuncDecl, node: ast.expr, want: Type | None) -> Expr:
        """A function used as a value: a pointer to it."""
        if self.program.type_variables(decl):
            raise self.error("E0813", node, f"`{decl.name}` is generic; which one is meant cannot be told here")
        inst = self.program.instance(decl, None, {}, node)
        inst.taken.append((self.module, node))
        sig = model.intern(model.FuncType, tuple(v.ty for v in inst.params), inst.result, False)
        if isinstance(want, model.OptionalType):
            want = want.inner
        if isinstance(want, model.FuncType) and want.raises and want.params == sig.params and want.result is sig.result:
            inst.raises = True
            return hir.FnAddr(want, inst)
        if isinstance(want, model.FuncType) and want.params == sig.params and want.result is model.VOID and sig.result is model.NORETURN:
            sig = want
        inst.must_not_raise.append((self.fn, node))
        return hir.FnAddr(sig, inst)

    def class_constant(self: Any, decl: ClassDecl, name: str, node: ast.expr) -> Expr:
        """`Proc.MAX`, or an enum's member."""
        kind = self.program.class_kind(decl)
        if kind in ("enum", "int enum", "flag"):
            ty = self.program.class_type(decl, ())
            assert isinstance(ty, EnumType)
            if name in ty.members:
                if self.class_scope is decl:
                    return Const(model.UNTYPED, ty.members[name])
                return Const(ty, ty.members[name])
        from compiler.types import compile_time
        from compiler.types.elaborate.elaborator import Elaborator, pseudo_function

        maker = Elaborator(
            self.program, pseudo_function(decl.module, self.program.tvars_of(self.fn.self_type) if self.fn.self_type else {}), decl
        )
        found = maker.expr(decl.constants[name])
        return compile_time.fold(self.program, found, decl.constants[name], decl.module, f"`{decl.name}.{name}`")

    def expr_NamedExpr(self: Any, node: ast.NamedExpr, want: Type | None) -> Expr:
        value = self.settle(self.expr(node.value, want))
        assert isinstance(node.target, ast.Name)
        var = self.env.get(node.target.id)
        if var is None:
            var = self.env[node.target.id] = self.variable(node.target.id, value.ty)
        value = self.coerce(value, var.ty, node.value, f"`{node.target.id}`")
        self.forget(node.target.id)
        self.state.assigned.add(node.target.id)
        return hir.Seq(var.ty, [hir.SetVar(var, value)], hir.VarGet(var.ty, var))

    def expr_Tuple(self: Any, node: ast.Tuple, want: Type | None) -> Expr:
        wants = want.elems if isinstance(want, model.TupleType) and len(want.elems) == len(node.elts) else [None] * len(node.elts)
        parts = [self.expr(e, w) for e, w in zip(node.elts, wants, strict=True)]
        parts = [
            self.coerce(p, w, e) if w is not None else (self.settle(p) if self.in_function else p)
            for p, w, e in zip(parts, wants, node.elts, strict=True)
        ]
        if any(p.ty is model.UNTYPED for p in parts):
            return hir.Make(model.TupleType(tuple(p.ty for p in parts)), parts)
        return hir.Make(model.intern(model.TupleType, tuple(p.ty for p in parts)), parts)

    def member_name(self: Any, expr: Expr, node: ast.AST) -> Expr:
        """`kind.name`: the name of an enum's member."""
        ty = expr.ty
        assert isinstance(ty, EnumType)
        inst = self.program.enum_name_function(ty, self)
        return self.call_instance(inst, [expr], node)

    def unknown_member(self: Any, node: ast.Attribute, ty: Type, known: Any) -> Any:
        if getattr(ty, "broken", False):
            return CompileError(None)  # its declaration had an error: said already
        return self.error("E0203", node, f"`{ty.name}` has no `{node.attr}`", did_you_mean(node.attr, known))
