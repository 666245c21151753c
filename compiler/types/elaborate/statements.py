# SPDX-License-Identifier: GPL-2.0-or-later
"""Statements: `if`, `with`, `return`, `assert`, and the walk over a body."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from compiler.diagnostics import CompileError
from compiler.syntax.walk import walk
from compiler.types import hir, model
from compiler.types.elaborate.flow import assigned_names, merge
from compiler.types.hir import Const, Expr, If, Part
from compiler.types.model import U64, VOID, ClassType, OptionalType


class StatementMixin:
    @contextmanager
    def block(self: Any, into: list[Any]) -> Iterator[None]:
        """Statements elaborated inside go into this list."""
        kept, self.out = self.out, into
        try:
            yield
        finally:
            self.out = kept

    @contextmanager
    def counted(self: Any, alive: bool) -> Iterator[None]:
        """Whether what is called inside counts among the function's effects: not in a branch that is decided at compile time."""
        calls, raising = len(self.fn.calls), len(self.fn.may_raise_from)
        yield
        if not alive:
            del self.fn.calls[calls:], self.fn.may_raise_from[raising:]

    def statements(self: Any, nodes: list[ast.stmt]) -> None:
        """Each statement that cannot be understood is reported; the rest is still checked."""
        for node in nodes:
            if not self.state.reached and self.in_function:
                return  # after return or raise: dead, as in Python
            start = len(self.out)
            try:
                method = getattr(self, f"stmt_{type(node).__name__}", None)
                if method is None:
                    raise self.left_out(node)
                method(node)
            except (CompileError, RecursionError) as problem:
                error = (
                    problem
                    if isinstance(problem, CompileError)
                    else self.error("E0103", node, "this is nested too deeply", "name its parts")
                )
                self.report(error)
                self.failed = True
                for name in assigned_names([node]):
                    self.state.assigned.add(name)  # so that later uses do not complain again
                    self.poison(name)
                if isinstance(node, (ast.Return, ast.Raise)):
                    self.state.reached = False
            for made in self.out[start:]:
                if not made.line:
                    made.line = node.lineno

    def poison(self: Any, name: str) -> None:
        """A name whose assignment had an error: later uses are not reported again."""
        if name not in self.env and name not in self.globals_declared:
            self.env[name] = self.variable(name, model.NORETURN)

    # -- simple -------------------------------------------------------------------------------------------------
    def stmt_Pass(self, node: ast.Pass) -> None:
        pass

    def stmt_Global(self: Any, node: ast.Global) -> None:
        self.globals_declared |= set(node.names)
        self.assigned_later -= set(node.names)

    def stmt_Nonlocal(self: Any, node: ast.Nonlocal) -> None:
        for name in node.names:
            if self.outer is None or self.captured(name, node) is None:
                self.poison(name)
                self.state.assigned.add(name)
                raise self.error("E0128", node, f"no function around this one has a variable `{name}`")

    def stmt_Expr(self: Any, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring, or `...`
        found = self.expr(node.value)
        self.refuse_unused(found, node.value)
        self.out.append(hir.Do(found))
        if found.ty is model.NORETURN:
            self.out.append(hir.Unreachable())
            self.state.reached = False

    def refuse_unused(self: Any, value: Expr, node: ast.expr) -> None:
        """What a `@must_use` function gives is not thrown away by accident."""
        while isinstance(value, (hir.Seq, hir.Conv)):
            value = value.result if isinstance(value, hir.Seq) else value.operand
        decl = value.fn.decl if isinstance(value, hir.Call) else value.group.signature.decl if isinstance(value, hir.CallVirtual) else None
        if decl is not None and "must_use" in decl.marks:
            raise self.error("E0820", node, f"the result of `{decl.name}` must be used", "if it is to be dropped, say so: `_ = …`")

    def stmt_Return(self: Any, node: ast.Return) -> None:
        result = self.fn.result
        if result is model.NORETURN:
            raise self.error("E0612", node, "a function that never returns cannot return", labels=self.result_label())
        if node.value is None or isinstance(node.value, ast.Constant) and node.value.value is None and result is VOID:
            if result is not VOID:
                raise (
                    self.error("E0614", node, f"this function returns a `{result.name}`", labels=self.result_label())
                    if not isinstance(result, OptionalType)
                    else self.error("E0614", node, "write `return None`", labels=self.result_label())
                )
            self.out.append(hir.Return(None))
        else:
            value = self.expr(node.value, result)
            if result is VOID and value.ty is not VOID:
                raise self.error(
                    "E0613",
                    node.value,
                    "this function returns nothing: it is declared `-> None`",
                    f"declare what it returns: `-> {self.settle(value).ty.name}`",
                    labels=self.result_label(),
                )
            if result is VOID and value.ty is VOID:
                self.out += [hir.Do(value), hir.Return(None)]
            else:
                self.refuse_return(value, node.value)
                with self.explained(node.value, self.result_label()):
                    self.out.append(hir.Return(self.coerce(value, result, node.value, "the result")))
        self.state.reached = False

    def stmt_Assert(self: Any, node: ast.Assert) -> None:
        test = self.condition(node.test)
        facts = self.facts(node.test)[0]
        if self.checked:
            failed: list[Any] = []
            with self.block(failed):
                constant = node.msg.value if isinstance(node.msg, ast.Constant) and isinstance(node.msg.value, str) else None
                if node.msg is not None and constant is None:
                    self.fail_formatted(node.msg, node)
                else:
                    text = constant if constant is not None else f"assertion failed: {ast.unparse(node.test)}"
                    self.out += self.fail_statements(text.replace("%", "%%"), node)
            self.out.append(If(test, [], failed))
        if isinstance(test, Const) and not test.value:
            self.out.append(hir.Unreachable())
            self.state.reached = False
        self.learn(facts)

    def fail_formatted(self: Any, message: Any, node: ast.AST) -> None:
        """The cold side of a check whose message is formatted on the spot: a `Format`, as an expression or as source."""
        made = ast.Call(ast.Name("text"), [ast.Constant(160)], [])
        for part in walk(made):
            ast.copy_location(part, node)
        setter, line = self.temp(self.make_text(made))
        self.out += [setter, hir.Do(self.call_method_nodes(line, "write", [message], node))]
        set_shown, shown = self.temp(self.coerce(line, model.STR, node))
        self.out.append(set_shown)
        self.out += self.fail_statements("%s", node, hir.Conv(U64, "ptrtoint", Part(U64, shown, 0)), Part(U64, shown, 1))

    # -- if -----------------------------------------------------------------------------------------------------
    def stmt_If(self: Any, node: ast.If) -> None:
        test = self.condition(node.test)
        yes, no = self.facts(node.test)
        before = self.state.copy()
        then: list[Any] = []
        other: list[Any] = []
        dead_then = isinstance(test, Const) and not test.value
        dead_other = isinstance(test, Const) and bool(test.value)
        self.learn(yes)
        with self.block(then), self.counted(not dead_then):
            self.statements(node.body)
        after_then = self.state
        self.state = before
        self.learn(no)
        with self.block(other), self.counted(not dead_other):
            self.statements(node.orelse)
        after_other = self.state
        if dead_then or dead_other:
            self.out += other if dead_then else then
            self.state = after_other if dead_then else after_then
            return
        self.out.append(If(test, then, other))
        self.state = merge([after_then, after_other])

    # -- with ---------------------------------------------------------------------------------------------------
    def stmt_With(self: Any, node: ast.With) -> None:
        self._with_items(list(node.items), node)

    def _with_items(self: Any, items: list[ast.withitem], node: ast.With) -> None:
        if not items:
            self.statements(node.body)
            return
        item = items[0]
        manager = self.expr(item.context_expr)
        if not isinstance(manager.ty, ClassType):
            raise self.error(
                "E0704", item.context_expr, f"a `{manager.ty.name}` cannot be entered by `with`", "it needs `__enter__` and `__exit__`"
            )
        setter, manager = self.temp(manager)
        self.out.append(setter)
        entered = self.call_method(manager, "__enter__", [], item.context_expr)
        if item.optional_vars is not None:
            if not isinstance(item.optional_vars, ast.Name):
                raise self.error("E0608", item.optional_vars, "`as` takes one name")
            self.bind_items(item.optional_vars, [entered], item.optional_vars)
        else:
            self.out.append(hir.Do(entered))
        body: list[Any] = []
        section = self.enter_section(manager.ty, item)
        with self.block(body):
            self._with_items(items[1:], node)
        self.leave_section(section)
        after = self.state
        final: list[Any] = []
        with self.block(final):
            self.out.append(hir.at_line(hir.Do(self.call_method(manager, "__exit__", [], item.context_expr)), node.lineno))
        self.state = after
        self.forget_memory()
        self.out.append(hir.Try(body, None, final))
