# SPDX-License-Identifier: GPL-2.0-or-later
"""Bounds of type variables: what `T` of `TypeVar("T", bound=Sized)` or `TypeVar("T", u32, u64)` may stand for.

A bound that is a class asks for that class or one that derives from it; a `Protocol` asks for its methods, whoever has them: each
instance of a generic is compiled by itself, so there is no vtable to agree on. `int` and `float` stand for all widths.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import model
from compiler.types.decls import ClassDecl, ModuleDecl, TypeVarDecl
from compiler.types.model import BitsType, ClassType, EnumType, FloatType, IntType, NewType, Type

OPERATORS = {"__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__add__", "__sub__", "__mul__", "__and__", "__or__", "__xor__"}
KINDS: dict[str, tuple[type, ...]] = {"int": (IntType,), "float": (FloatType,), "Enum": (EnumType,), "IntEnum": (EnumType,)}


def complaint(program: Any, home: ModuleDecl, name: str, ty: Type, node: ast.AST) -> tuple[str, str] | None:
    """(sentence, hint) if the type is not one that the variable may stand for."""
    try:
        variable = program.lookup(home, name, node)
    except Exception:  # noqa: BLE001  said where the name is used
        return None
    if not isinstance(variable, TypeVarDecl) or isinstance(ty, model.LiteralType):
        return None
    if variable.choices:
        choices = [model.value_of(program.resolve(c, variable.module, {})) for c in variable.choices]
        if ty not in choices:
            shown = ", ".join(f"`{c.name}`" for c in choices)
            return f"`{name}` cannot be `{ty.name}`", f"it is one of {shown}"
    if variable.bound is None:
        return None
    shown, hint = ast.unparse(variable.bound), ""
    if isinstance(variable.bound, ast.Name) and variable.bound.id in KINDS and not isinstance(variable.module.scope.get(shown), ClassDecl):
        fits = isinstance(ty, KINDS[variable.bound.id])
    else:
        bound = model.value_of(program.resolve(variable.bound, variable.module, {}))
        if isinstance(bound, ClassType) and bound.decl.is_protocol:
            hint = _missing(program, bound, ty, node)
            fits = not hint
        else:
            fits = ty is bound or isinstance(ty, ClassType) and isinstance(bound, ClassType) and _derives(program, ty, bound)
    return None if fits else (f"`{name}` cannot be `{ty.name}`: its bound is `{shown}`", hint)


def _derives(program: Any, ty: ClassType, bound: ClassType) -> bool:
    program.layouts.complete(ty)
    return ty.derives_from(bound)


def _missing(program: Any, protocol: ClassType, ty: Type, node: ast.AST) -> str:
    """What the type lacks of a protocol, as a hint; empty if nothing."""
    program.layouts.complete(protocol)
    if isinstance(ty, ClassType):
        program.layouts.complete(ty)
        if ty.derives_from(protocol):
            return ""
    for name, owner, method in protocol.vtable:
        if isinstance(ty, (IntType, FloatType, NewType)) and name in OPERATORS:
            continue
        found = program.layouts.find_method(ty, name) if isinstance(ty, ClassType) else None
        other = found[1] if found is not None else ty.decl.methods.get(name) if isinstance(ty, (BitsType, EnumType)) else None
        if other is None:
            return f"`{ty.name}` has no method `{name}`"
        want = program.instance(method, owner, {}, node)
        have = program.instance(other, found[0], {}, node) if found is not None else program.instance(other, None, {}, node, bits_self=ty)
        if [_seen_as(p.ty, protocol, ty) for p in want.params[1:]] != [p.ty for p in have.params[1:]] or _seen_as(
            want.result, protocol, ty
        ) is not have.result:
            return f"its `{name}` has other types than that of `{protocol.name}`"
    return ""


def _seen_as(part: Type, protocol: ClassType, ty: Type) -> Type:
    """A parameter of the protocol's own type is one of the type itself: `def __lt__(self, other: Ordered)`."""
    return ty if part is protocol else part
