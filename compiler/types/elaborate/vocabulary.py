# SPDX-License-Identifier: GPL-2.0-or-later
"""What `lang` and Python's builtins give: lengths, conversions, sizes, methods of built-in types.

Each is a method `call_NAME(node, want)`; methods of built-in types are in `special_method`.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import did_you_mean
from compiler.syntax import leftout
from compiler.types import hir, model
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.machine import ATOMIC_METHODS
from compiler.types.hir import Cmp, Const, Conv, Expr, Part, Seq
from compiler.types.model import (
    BOOL,
    U8,
    U64,
    UNTYPED,
    ArrayType,
    AtomicType,
    ClassType,
    EnumType,
    FloatType,
    IntType,
    PerCoreType,
    PtrType,
    RegistryType,
    SpanType,
    Type,
    UserType,
)


KEYWORDS = {"print": ("sep", "end", "file", "flush"), "sum": ("start",), "min": ("default", "key"), "max": ("default", "key")}


class VocabularyMixin:
    def vocabulary_call(self: Any, name: str, node: ast.Call, want: Type | None) -> Expr:
        method = getattr(self, f"call_{name}", None)
        if name == "Error":
            raise self.error("E0904", node, "an error is made where it is raised", 'write `raise Error(Errno.X, f"…")`')
        if method is None:
            hint = leftout.BUILTINS.get(name, "")
            raise self.error("E0117", node.func, f"`{name}` cannot be called in this language", hint)
        allowed = KEYWORDS.get(name, ())
        for keyword in node.keywords:
            if name != "new" and keyword.arg not in allowed:
                raise self.error("E0803", keyword, f"`{name}` has no parameter `{keyword.arg}`", did_you_mean(keyword.arg or "", allowed))
        return method(node, want)

    def exactly(self: Any, node: ast.Call, count: int) -> list[ast.expr]:
        if len(node.args) != count:
            name = ast.unparse(node.func)
            raise self.error("E0801", node, f"`{name}` takes {count} argument{'s' if count != 1 else ''}, but {len(node.args)} are given")
        return node.args

    # -- lengths, conversions, sizes ----------------------------------------------------------------------------
    def call_len(self: Any, node: ast.Call, want: Type | None) -> Expr:
        kind = self.type_meant(self.exactly(node, 1)[0])
        if isinstance(kind, EnumType):
            return hir.u64(self.members_table(kind, node).ty.length)
        base = self.expr(node.args[0])
        ty = base.ty
        if isinstance(base, hir.StrLit):
            return hir.u64(len(base.data))
        if isinstance(ty, SpanType) or isinstance(ty, UserType) and isinstance(ty.inner, SpanType):
            return Part(U64, base, 1)
        if isinstance(ty, ArrayType):
            return hir.u64(ty.length)
        if isinstance(ty, model.TupleType):
            return hir.u64(len(ty.elems))
        if isinstance(ty, RegistryType):
            return self.registry_length(base)
        if isinstance(ty, ClassType) and self.program.layouts.find_method(ty, "__len__"):
            return self.call_method(base, "__len__", [], node)
        raise self.error("E0328", node, f"a `{ty.name}` has no length")

    def call_caller_module(self: Any, node: ast.Call, want: Type | None) -> Expr:
        """Where it is no default: the module that it stands in."""
        self.exactly(node, 0)
        return hir.StrLit(model.STR, self.module.name.encode())

    def call_wrap(self: Any, node: ast.Call, want: Type | None) -> Expr:
        ty_node, value_node = self.exactly(node, 2)
        ty = self.type_argument(ty_node)
        base = model.underlying(ty)
        if not isinstance(base, IntType):
            raise self.error("E0409", ty_node, "`wrap` makes integers")
        found = self.expr(value_node)
        if found.ty is UNTYPED:
            return Const(ty, base.wrap(found.value))
        found = self.to_integer(found, node)
        if isinstance(found.ty, FloatType):
            return Conv(ty, "fptosi" if base.signed else "fptoui", found)
        if not isinstance(found.ty, IntType):
            raise self.error("E0404", value_node, f"a `{found.ty.name}` is not an integer")
        return same(self.resize(found, found.ty, base), ty)

    def call_valid(self: Any, node: ast.Call, want: Type | None) -> Expr:
        ty_node, value_node = self.exactly(node, 2)
        ty = self.type_argument(ty_node)
        if not isinstance(ty, EnumType):
            raise self.error("E0410", ty_node, "`valid` asks about an enum")
        found = self.to_integer(self.settled(value_node), node)
        if not isinstance(found.ty, IntType):
            raise self.error("E0404", value_node, f"a `{found.ty.name}` is not an integer")
        setter, value = self.temp(found)
        small = self.resize(value, found.ty, ty.storage)
        fits = Cmp(BOOL, "eq", self.resize(small, ty.storage, found.ty), value)
        return Seq(BOOL, [setter], hir.Logic(BOOL, "and", fits, self.is_member(small, ty)))

    def call_sizeof(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return hir.u64(self.type_argument(self.exactly(node, 1)[0]).size)

    def call_alignof(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Const(UNTYPED, self.type_argument(self.exactly(node, 1)[0]).align)

    def call_offsetof(self: Any, node: ast.Call, want: Type | None) -> Expr:
        ty_node, name = self.exactly(node, 2)
        field = self._field_named(ty_node, name)
        return Const(UNTYPED, field.offset)

    def name_meant(self: Any, node: ast.expr) -> str | None:
        """A name known at compile time: a string, or a type variable bound to `Literal["…"]`."""
        if isinstance(node, ast.Name) and isinstance(self.tvars.get(node.id), model.LiteralType):
            return str(self.tvars[node.id].value)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    def _field_named(self: Any, ty_node: ast.expr, name: ast.expr) -> Any:
        ty = self.type_argument(ty_node)
        text = self.name_meant(name)
        if not isinstance(ty, ClassType) or text not in ty.fields:
            raise self.error("E0203", name, f"`{ty.name}` has no field `{text}`")
        return ty.fields[text]

    def call_ord(self: Any, node: ast.Call, want: Type | None) -> Expr:
        argument = self.exactly(node, 1)[0]
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str) and len(argument.value) == 1):
            raise self.error("E1207", argument, "`ord` takes one constant character", "an element of a `str` is its byte already")
        return Const(UNTYPED, ord(argument.value))

    # -- methods of built-in types ------------------------------------------------------------------------------
    def special_method(self: Any, base: Expr, name: str, node: ast.Call, want: Type | None) -> Expr | None:
        ty = base.ty
        if isinstance(ty, AtomicType):
            if name not in ATOMIC_METHODS:
                raise self.error("E0203", node.func, f"`{ty.name}` has no method `{name}`", did_you_mean(name, ATOMIC_METHODS))
            return self._atomic_method(base, name, node)
        if isinstance(ty, SpanType) and ty.elem is U8:
            return self.string_method(base, name, node)
        if isinstance(ty, PerCoreType):
            raise self.error("E1114", node.func, "say whose: `.mine` or `[core]`")
        return None

    # -- registries ---------------------------------------------------------------------------------------------
    def registry_start(self, base: Expr) -> Expr:
        pointer = model.intern(PtrType, U8)
        return hir.Load(pointer, base, pointer, False)

    def registry_length(self, base: Expr) -> Expr:
        return hir.Load(U64, hir.Offset(U64, base, 8), U64, False)
