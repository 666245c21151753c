# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors: `raise`, `try`, `except`, `finally`. The message stands in the error slot; what travels is a flag."""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import hir, model
from compiler.types.decls import ClassDecl
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.flow import State, assigned_names, merge
from compiler.types.hir import Cmp, Const, Expr, If, SetVar, VarGet
from compiler.types.model import BOOL, U32, ClassType


class RaiseMixin:
    # -- errors -------------------------------------------------------------------------------------------------
    def stmt_Raise(self: Any, node: ast.Raise) -> None:
        if node.exc is None:
            kept = self.handling[-1] if self.handling else None
            if kept is not None:
                kept.wanted = True
            self.note_raise(node)
            self.out.append(hir.Raise(kept))
            self.state.reached = False
            return
        call = node.exc
        if isinstance(call, ast.Name) and call.id in self.env and isinstance(self.env[call.id].ty, ClassType):
            self._reraise(call, node)
            return
        if not isinstance(call, ast.Call):
            call = ast.copy_location(ast.Call(call, [], []), node)
        decl = self.meaning(call.func)
        kind = 0
        if isinstance(decl, ClassDecl) and self.program.class_kind(decl) == "error":
            kind = decl.error_id
        elif not (getattr(decl, "name", "") == "Error"):
            raise self.error(
                "E0906", call.func, f"`{ast.unparse(call.func)}` is not an error", 'raise `Error(Errno.X, f"…")` or a subclass of `Error`'
            )
        if not 1 <= len(call.args) <= 2:
            raise self.error("E0905", call, "an error is `Error(errno, message)`")
        errno = self.value(call.args[0], self.program.errno_type())
        message = (
            self.format_argument(call.args[1]) if len(call.args) > 1 else self.format_argument(ast.copy_location(ast.Constant(""), call))
        )
        slot = self.hook_call("error_slot", [], node)
        number = same(self.resize(same(errno, self.program.errno_type().storage), self.program.errno_type().storage, model.I32), model.I32)
        self.out.append(hir.Do(self.runtime_call("set_error", [slot, Const(U32, kind), number, message], node)))
        self.note_raise(node)
        self.out.append(hir.Raise(None))
        self.state.reached = False

    def _reraise(self: Any, name: ast.Name, node: ast.Raise) -> None:
        """`raise e`: the error that was caught goes on."""
        caught = self.expr(name)
        slot = self.hook_call("error_slot", [], node)
        self.out.append(hir.CopyBytes(slot, caught, self.program.layouts.complete(caught.ty).size))
        self.note_raise(node)
        self.out.append(hir.Raise(None))
        self.state.reached = False

    def stmt_Try(self: Any, node: ast.Try) -> None:
        before = self.state.copy()
        if node.finalbody:
            inner: list[Any] = []
            with self.block(inner):
                if node.handlers:
                    self._try_except(node, before)
                else:
                    self.statements(node.body)
            after = self.state
            changed = assigned_names([*node.body, *node.handlers, *node.orelse])
            self.state = State(set(before.assigned), before.kept_without(changed), True, before.held)
            final: list[Any] = []
            with self.block(final):
                self.statements(node.finalbody)
            ended = self.state
            self.state = after
            self.state.assigned |= ended.assigned
            for name in assigned_names(node.finalbody):
                self.forget(name)
                self.state.narrowed |= {k: t for k, t in ended.narrowed.items() if k == name}
            self.state.reached = after.reached and ended.reached
            self.forget_memory()
            self.out.append(hir.Try(inner, None, final))
            return
        self._try_except(node, before)

    def _try_except(self: Any, node: ast.Try, before: State) -> None:
        body: list[Any] = []
        flag = self.variable("", BOOL) if node.orelse else None
        everything = any(h.type is None or self._takes_everything(h.type) for h in node.handlers)
        self.catching += everything  # what some handler may leave is as if it were raised outside
        self.fn.catches = True
        with self.block(body):
            self.statements(node.body)
            if flag is not None and self.state.reached:
                self.out.append(SetVar(flag, hir.true()))
        self.catching -= everything
        after_body = self.state
        changed = assigned_names(node.body)
        ends: list[State] = []
        handler: list[Any] = []
        with self.block(handler):
            self._handlers(node.handlers, before, changed, ends)
        if flag is not None:
            self.out.append(SetVar(flag, Const(BOOL, False)))
        self.out.append(hir.Try(body, handler, None))
        if flag is not None:
            self.state = after_body
            orelse: list[Any] = []
            if self.state.reached:
                with self.block(orelse):
                    self.statements(node.orelse)
            self.out.append(If(VarGet(BOOL, flag), orelse, []))
            after_body = self.state
        self.state = merge([after_body, *ends])

    def _handlers(self: Any, handlers: list[ast.ExceptHandler], before: State, changed: set[str], ends: list[State]) -> None:
        """Nested ifs over the kinds; an error that none of them takes goes on."""
        if not handlers:
            self.out.append(hir.Raise(None))
            return
        first = handlers[0]
        test = self._handler_test(first)
        self.state = State(set(before.assigned), before.kept_without(changed), True, before.held)
        body: list[Any] = []
        kept = hir.Kept()
        self.handling.append(kept)
        with self.block(body):
            if first.name:
                cls = self.program.runtime_class("ErrorSlot")
                self.program.layouts.complete(cls)
                slot = hir.StackSlot(cls, self.slot(cls.size, cls.align))
                self.out.append(hir.CopyBytes(slot, self.hook_call("error_slot", [], first), cls.size))
                var = self.env[first.name] = self.variable(first.name, cls)
                self.assigned_later.add(first.name)
                self.out.append(SetVar(var, slot))
                self.state.assigned.add(first.name)
            self.statements(first.body)
        self.handling.pop()
        if kept.wanted:
            body = [hir.Handle(body, kept)]
        ends.append(self.state)
        if test is None:
            self.out += body
            return
        other: list[Any] = []
        with self.block(other):
            self._handlers(handlers[1:], before, changed, ends)
        self.out.append(If(test, body, other))

    def _takes_everything(self: Any, kind: ast.expr) -> bool:
        return any(is_every_error(self.meaning(item)) for item in (kind.elts if isinstance(kind, ast.Tuple) else [kind]))

    def _handler_test(self: Any, handler: ast.ExceptHandler) -> Expr | None:
        """None: it takes every error."""
        if handler.type is None:
            return None
        kinds: list[int] = []
        everything = False
        for item in handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]:
            decl = self.meaning(item)
            if is_every_error(decl):
                everything = True
                continue
            if not (isinstance(decl, ClassDecl) and self.program.class_kind(decl) == "error"):
                raise self.error("E0906", item, f"`{ast.unparse(item)}` is not an error class", "there is `Error` and what derives from it")
            pending = [decl]
            while pending:
                current = pending.pop()
                kinds.append(current.error_id)
                pending += current.subclasses
        if everything:
            return None
        cls = self.program.runtime_class("ErrorSlot")
        field = self.program.layouts.complete(cls).fields["kind"]
        setter, kind = self.temp(self.read(self.offset(self.hook_call("error_slot", [], handler), field.offset), U32))
        test: Expr | None = None
        for number in kinds:
            one = Cmp(BOOL, "eq", kind, Const(U32, number))
            test = one if test is None else hir.Logic(BOOL, "or", test, one)
        return hir.Seq(BOOL, [setter], test)


def is_every_error(decl: Any) -> bool:
    return getattr(decl, "name", "") in ("Error", "Exception") and not isinstance(decl, ClassDecl)
