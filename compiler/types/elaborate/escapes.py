# SPDX-License-Identifier: GPL-2.0-or-later
"""References into a function's own stack: they must not leave it, as far as can be seen.

Seen are objects, arrays and texts made here, what is inside them, spans and pointers over them, and names bound to any of these. Leaving
is to be returned, or stored in what this function did not make. What a callee keeps is not seen; where an object is taken back
before its function ends, as waiters are from a list, `lend(x)` says so.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import hir, model
from compiler.types.hir import Expr
from compiler.types.model import ArrayType, ClassType, PtrType, SpanType, Type

VIEWS = ("view", "ptr")  # of a Text: they point into it


def refers(ty: Type) -> bool:
    """Whether a value of the type can point at storage."""
    if isinstance(ty, model.OptionalType):
        return refers(ty.inner)
    if isinstance(ty, model.TupleType):
        return any(refers(e) for e in ty.elems)
    return isinstance(ty, (ClassType, ArrayType, PtrType, SpanType, model.TextType, model.AtomicType))


class EscapeMixin:
    def on_this_stack(self: Any, value: Expr) -> bool:
        """Whether this points at storage of this function's stack."""
        if isinstance(value, hir.StackSlot):
            return True
        if isinstance(value, hir.VarGet):
            return value.var in self.on_stack
        if isinstance(value, hir.Seq):
            return bool(self.on_this_stack(value.result))
        if isinstance(value, hir.Conv):
            return value.op == "same" and bool(self.on_this_stack(value.operand))
        if isinstance(value, (hir.Offset, hir.Index)):
            return bool(self.on_this_stack(value.base))
        if isinstance(value, hir.Cond):
            return bool(self.on_this_stack(value.then) or self.on_this_stack(value.other))
        if isinstance(value, hir.Make):
            return any(refers(p.ty) and self.on_this_stack(p) for p in value.parts) or (
                isinstance(value.ty, SpanType) and bool(self.on_this_stack(value.parts[0]))
            )
        if isinstance(value, hir.Part):
            start = isinstance(value.whole.ty, SpanType) and value.index == 0
            return (start or refers(value.ty)) and bool(self.on_this_stack(value.whole))
        if isinstance(value, hir.Call) and value.fn.decl is not None and value.fn.decl.name in VIEWS:
            return self.is_text(value.fn.self_type) and bool(self.on_this_stack(value.args[0]))
        return False

    def note_stack(self: Any, var: Any, value: Expr) -> None:
        """A name is bound: whether it points at this stack from here on."""
        if refers(value.ty) and self.on_this_stack(value):
            self.on_stack.add(var)
        else:
            self.on_stack.discard(var)

    def refuse_return(self: Any, value: Expr, node: ast.expr) -> None:
        if refers(value.ty) and self.on_this_stack(value):
            what = "object is" if isinstance(value.ty, ClassType) else "points at what is"
            made = value.ty.name.split("[")[0] if isinstance(value.ty, ClassType) else ""
            raise self.error(
                "E1113",
                node,
                f"this {what} on the stack of this function, and gone when it returns",
                f"make it with `new({made}, …)`, or fill one that the caller gives" if made else "fill what the caller gives, or use `new`",
                labels=[(where, "made here") for where in [self.declaration(node.id)] if where] if isinstance(node, ast.Name) else [],
            )

    def refuse_store(self: Any, addr: Expr, value: Expr, node: ast.AST) -> None:
        """What is on this stack may be stored on this stack only."""
        if refers(value.ty) and self.on_this_stack(value) and not self.on_this_stack(addr):
            raise self.error(
                "E1120",
                node,
                "what this refers to is on the stack of this function, and gone when it returns; this store would outlive it",
                "make it with `new`; if it is taken back before the function ends, say so: `lend(…)`",
            )

    def call_lend(self: Any, node: ast.Call, want: Type | None) -> Expr:
        """`lend(x)`: x itself, for a store that is undone before this function ends."""
        found = self.expr(self.exactly(node, 1)[0], want)
        if not refers(found.ty):
            raise self.error("E1103", node.args[0], f"a `{found.ty.name}` refers to nothing that could be lent")
        return hir.Conv(found.ty, "lent", found)
