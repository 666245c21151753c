# SPDX-License-Identifier: GPL-2.0-or-later
"""Constants and names as LLVM writes them."""

from __future__ import annotations

import re
import struct
from typing import Any

from compiler.types import hir, model
from compiler.types.model import BOOL, NORETURN, VOID, FloatType, Type

VALUELESS = (VOID, NORETURN)
PLAIN = re.compile(r"[A-Za-z_.$][\w.$]*\Z")


def quote(name: str) -> str:
    return name if PLAIN.match(name) else f'"{name}"'


def storage_llvm(ty: Type) -> str:
    """The type in memory: bools take a byte."""
    if ty is BOOL:
        return "i8"
    return ty.llvm if not ty.is_place else f"[{ty.size} x i8]"


def constant(module: Any, expr: hir.Expr, memory: bool = False) -> str:
    """A constant expression as an operand (without its type)."""
    if isinstance(expr, hir.Const):
        return literal(expr.ty, expr.value, memory)
    if isinstance(expr, hir.StrLit):
        return f"{{ptr {module.string(expr.data)}, i64 {len(expr.data)}}}"
    if isinstance(expr, hir.GlobalAddr):
        return str(module.use_global(expr.glob))
    if isinstance(expr, hir.FnAddr):
        return str(module.use_function(expr.fn))
    if isinstance(expr, hir.SiteAddr):
        return str(module.check_site(expr))
    if isinstance(expr, hir.VtableAddr):
        return f"ptrtoint (ptr {module.vtable(expr.cls)} to i64)"
    if isinstance(expr, hir.Make):
        parts = ", ".join(f"{p.ty.llvm} {constant(module, p)}" for p in expr.parts)
        return f"{{{parts}}}"
    if isinstance(expr, hir.Offset):
        return f"getelementptr (i8, ptr {constant(module, expr.base)}, i64 {expr.offset})"
    if isinstance(expr, hir.Conv):
        inner = expr.operand
        if expr.op == "same":
            return constant(module, inner, memory)
        if isinstance(inner, hir.Const) and inner.value in (0, None):
            return "null" if expr.ty.llvm == "ptr" else "0"
        have = "ptr" if expr.op == "ptrtoint" else inner.ty.llvm
        return f"{expr.op} ({have} {constant(module, inner)} to {expr.ty.llvm})"
    raise AssertionError(f"not a constant: {type(expr).__name__}")


def literal(ty: Type, value: Any, memory: bool = False) -> str:
    if ty in VALUELESS:
        return "poison"
    if value is None:
        return "null" if ty.llvm == "ptr" else "zeroinitializer"
    if ty is BOOL:
        return str(int(value)) if memory else ("true" if value else "false")
    if isinstance(ty, FloatType):
        number = float(value)
        if ty is model.F32:
            number = struct.unpack("<f", struct.pack("<f", number))[0]
        return "0x" + struct.pack(">d", number).hex().upper()
    if ty.llvm == "ptr":
        return f"inttoptr (i64 {int(value)} to ptr)" if value else "null"
    return str(int(value))
