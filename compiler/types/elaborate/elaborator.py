# SPDX-License-Identifier: GPL-2.0-or-later
"""The elaborator of one function, and of constants outside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from compiler.diagnostics import CompileError
from compiler.types import hir, model
from compiler.types.decls import ClassDecl, FnInst, ModuleDecl
from compiler.types.elaborate.access import AccessMixin
from compiler.types.elaborate.assignment import AssignmentMixin
from compiler.types.elaborate.calls import CallMixin
from compiler.types.elaborate.comparison import ComparisonMixin
from compiler.types.elaborate.construct import ConstructMixin
from compiler.types.elaborate.convert import ConvertMixin, same
from compiler.types.elaborate.flow import FlowMixin, State
from compiler.types.elaborate.logic import LogicMixin
from compiler.types.elaborate.loops import LoopMixin
from compiler.types.elaborate.machine import MachineMixin
from compiler.types.elaborate.matching import MatchMixin
from compiler.types.elaborate.names import NameMixin
from compiler.types.elaborate.operators import OperatorMixin
from compiler.types.elaborate.raising import RaiseMixin
from compiler.types.elaborate.reductions import NumberMixin
from compiler.types.elaborate.statements import StatementMixin
from compiler.types.elaborate.strings import StringMixin
from compiler.types.elaborate.vocabulary import VocabularyMixin
from compiler.types.hir import Expr, Slot, Var
from compiler.types.model import Type


class Elaborator(
    FlowMixin,
    ConvertMixin,
    NameMixin,
    AccessMixin,
    OperatorMixin,
    ComparisonMixin,
    LogicMixin,
    CallMixin,
    ConstructMixin,
    VocabularyMixin,
    MachineMixin,
    NumberMixin,
    StringMixin,
    LoopMixin,
    StatementMixin,
    AssignmentMixin,
    RaiseMixin,
    MatchMixin,
):
    """Elaborates in the context of `fn` (a module-level constant has a pseudo function)."""

    def __init__(self, program: Any, fn: FnInst, class_scope: ClassDecl | None = None) -> None:
        self.program, self.fn, self.module = program, fn, fn.module
        self.checked = program.world.checked
        self.tvars = fn.tvars
        self.class_scope = class_scope
        self.env: dict[str, Var] = {}
        self.state = State(set(), {})
        self.globals_declared: set[str] = set()
        self.assigned_later: set[str] = set()  # every name that the function assigns: its locals
        self.out: list[Any] = []
        self.guards: list[Any] = []  # of the spinlocks held here by `with`: their `as` variable, or None
        self.on_stack: set[Var] = set()  # locals bound to objects of this function's stack
        self.loops: list[Any] = []
        self.catching = 0  # enclosing try bodies whose handler catches everything
        self.in_function = fn.decl is not None

    # -- errors -------------------------------------------------------------------------------------------------
    def error(
        self, code: str, node: ast.AST, message: str, hint: str = "", *, label: str = "", labels: Iterable[tuple[Any, str]] = ()
    ) -> CompileError:
        """An error to raise. `label` is said at the node itself, `labels` at others: (node or Span, text)."""
        return self.program.error(code, self.module, node, message, hint, label=label, labels=labels)

    def report(self, error: CompileError) -> None:
        if error.diagnostic is not None and self.fn.generic:
            error.diagnostic.notes.append(f"this is in `{self.fn.symbol}`, the instance for these types")
        self.program.reporter.add(error.diagnostic)

    # -- storage of a function ----------------------------------------------------------------------------------
    def variable(self, name: str, ty: Type) -> Var:
        var = Var(name, ty, len(self.fn.variables))
        self.fn.variables.append(var)
        return var

    def slot(self, size: int, align: int) -> Slot:
        slot = Slot(max(size, 1), align, len(self.fn.slots))
        self.fn.slots.append(slot)
        return slot

    def temp(self, expr: Expr) -> tuple[Any, Expr]:
        """(statement that evaluates it once, expression to use it with)."""
        if isinstance(expr, (hir.Const, hir.StackSlot, hir.GlobalAddr)):
            return hir.Do(expr), expr
        var = self.variable("", expr.ty)
        return hir.SetVar(var, expr), hir.VarGet(expr.ty, var)

    def check(self, test: Expr, what: str, node: ast.AST, *operands: Expr) -> Any:
        """A run-time check (checked builds only are asked to make one).

        `what` says what is wrong when `test` is false. In it `%v` stands for the next of at most two operands, `%x` for it in hexadecimal.
        """
        return hir.If(test, [], self.fail_statements(what, node, *operands))

    def fail_statements(self, what: str, node: ast.AST, *operands: Expr) -> list[Any]:
        """The cold side of a check: its constant description and the raw operands, nothing else."""
        words = []
        for operand in operands:
            base: Any = model.underlying(operand.ty)
            what = what.replace("%v", "%d" if base.signed else "%u", 1)
            words.append(self.resize(same(operand, base), base, model.U64))
        decl = self.hook("check_failed", node)
        site = hir.SiteAddr(self.program.runtime_class("CheckSite"), what, self.module.source.shown, self.fn.qualname)
        site.line = getattr(node, "lineno", 0)
        # Not noted as a call: it never comes back, so what it does on its way to the end is no effect of this function.
        call = hir.Call(model.NORETURN, self.program.instance(decl, None, {}, node), [site, *words, *[hir.u64(0)] * (2 - len(words))])
        call.line = site.line
        return [hir.Do(call), hir.Unreachable()]

    # -- expressions --------------------------------------------------------------------------------------------
    def expr(self, node: ast.expr, want: Type | None = None) -> Expr:
        """Elaborate an expression to a value; `want` guides literals, it does not convert."""
        if want is model.UNTYPED:  # no guidance: a literal beside it adapts later
            want = None
        method = getattr(self, f"expr_{type(node).__name__}", None)
        if method is None:
            raise self.error("E0110", node, f"{describe(node)} not part of this language", REFUSED.get(type(node).__name__, ""))
        found: Expr = method(node, want)
        if not found.line:
            found.line = node.lineno
        return found

    def value(self, node: ast.expr, want: Type, what: str = "") -> Expr:
        """Elaborate and convert silently to `want`."""
        found = self.expr(node, want)
        done = self.coerce(found, want, node, what)
        if not done.line:
            done.line = node.lineno
        return done

    def condition(self, node: ast.expr) -> Expr:
        return self.truth(self.expr(node), node)

    def settled(self, node: ast.expr, want: Type | None = None) -> Expr:
        found = self.expr(node, want)
        if found.ty is model.UNTYPED and isinstance(want, model.IntType):
            return self.coerce(found, want, node)
        return self.settle(found)

    # -- function bodies ----------------------------------------------------------------------------------------
    def body(self) -> None:
        """Fill `fn.body`."""
        decl = self.fn.decl
        assert decl is not None
        for var in self.fn.params:
            self.env[var.name] = var
            self.state.assigned.add(var.name)
        try:
            self.statements(decl.node.body)
        except CompileError as error:
            self.report(error)
        if self.state.reached and self.fn.result not in (model.VOID,):
            last = decl.node.body[-1]
            kind = (
                "this function never returns, but its end can be reached"
                if self.fn.result is model.NORETURN
                else f"`{decl.name}` may end without returning a `{self.fn.result.name}`"
            )
            self.report(self.error("E0601", last, kind))
        self.fn.body = self.out

    # -- constants ----------------------------------------------------------------------------------------------
    def constant(self, node: ast.expr, want: Type | None = None) -> Expr:
        """Fold an expression that must be known at compile time."""
        found = self.expr(node, want)
        if want is not None:
            found = self.coerce(found, want, node)
        if not is_constant(found):
            raise self.error("E1302", node, "this must be known at compile time")
        return found


def is_constant(expr: Expr) -> bool:
    if isinstance(expr, (hir.Const, hir.StrLit, hir.GlobalAddr, hir.FnAddr)):
        return True
    if isinstance(expr, hir.Make):
        return all(is_constant(p) for p in expr.parts)
    if isinstance(expr, hir.Conv) and expr.op in ("same", "ptrtoint", "inttoptr"):
        return is_constant(expr.operand)
    return isinstance(expr, hir.Offset) and is_constant(expr.base)


REFUSED = {
    "Lambda": "write a named function",
    "Dict": "use HashMap",
    "DictComp": "use HashMap and a loop",
    "ListComp": "use an array and a loop",
    "SetComp": "use a loop",
    "Await": "blocking calls just block the thread",
    "Yield": "write a loop",
    "YieldFrom": "write a loop",
    "List": "write `array(n, T)`",
    "Set": "use a bitmap or HashMap",
    "Starred": "pass the arguments one by one",
    "GeneratorExp": "only inside sum, any, all, min and max",
}


def describe(node: ast.AST) -> str:
    names = {
        "Lambda": "`lambda` is",
        "Await": "`await` is",
        "Yield": "`yield` is",
        "Dict": "a dict literal is",
        "List": "a list literal is",
        "Set": "a set literal is",
        "ListComp": "a list comprehension is",
        "DictComp": "a dict comprehension is",
        "SetComp": "a set comprehension is",
        "GeneratorExp": "a generator expression is",
        "AsyncFunctionDef": "`async def` is",
        "AsyncFor": "`async for` is",
        "AsyncWith": "`async with` is",
        "Delete": "`del` is",
        "Import": "an import inside a function is",
        "ImportFrom": "an import inside a function is",
        "Nonlocal": "`nonlocal` is",
        "ClassDef": "a class inside a function is",
        "FunctionDef": "a nested function is",
        "Starred": "`*` is",
        "TryStar": "`except*` is",
    }
    return names.get(type(node).__name__, f"{type(node).__name__} is")


def pseudo_function(module: ModuleDecl, tvars: dict[str, Any]) -> FnInst:
    return FnInst(None, f"{module.name}.<constants>", module, None, tvars)


def evaluate(program: Any, node: ast.expr, module: ModuleDecl, tvars: dict[str, Any], enum: Any = None) -> Any:
    """The Python value of an integer constant expression."""
    maker = Elaborator(program, pseudo_function(module, tvars), enum.decl if enum is not None else None)
    found = maker.expr(node)
    if isinstance(found, hir.Const):
        return found.value
    raise maker.error("E1303", node, "this must be an integer constant")
