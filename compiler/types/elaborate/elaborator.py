# SPDX-License-Identifier: GPL-2.0-or-later
"""The elaborator of one function, and of constants outside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from compiler.diagnostics import CompileError
from compiler.syntax import leftout
from compiler.types import hir, model
from compiler.types.decls import ClassDecl, FnInst, ModuleDecl
from compiler.types.elaborate.access import AccessMixin
from compiler.types.elaborate.assignment import AssignmentMixin
from compiler.types.elaborate.bitfields import BitFieldMixin
from compiler.types.elaborate.calls import CallMixin
from compiler.types.elaborate.closures import ClosureMixin
from compiler.types.elaborate.comparison import ComparisonMixin
from compiler.types.elaborate.construct import ConstructMixin
from compiler.types.elaborate.convert import ConvertMixin, same
from compiler.types.elaborate.escapes import EscapeMixin
from compiler.types.elaborate.flow import FlowMixin, State
from compiler.types.elaborate.logic import LogicMixin
from compiler.types.elaborate.loops import LoopMixin
from compiler.types.elaborate.machine import MachineMixin
from compiler.types.elaborate.matching import MatchMixin
from compiler.types.elaborate.names import NameMixin
from compiler.types.elaborate.operators import OperatorMixin
from compiler.types.elaborate.origins import OriginMixin
from compiler.types.elaborate.raising import RaiseMixin
from compiler.types.elaborate.reductions import NumberMixin
from compiler.types.elaborate.sections import SectionMixin
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
    BitFieldMixin,
    OperatorMixin,
    OriginMixin,
    ComparisonMixin,
    LogicMixin,
    CallMixin,
    ClosureMixin,
    EscapeMixin,
    ConstructMixin,
    VocabularyMixin,
    MachineMixin,
    NumberMixin,
    StringMixin,
    LoopMixin,
    StatementMixin,
    SectionMixin,
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
        self.lost: dict[str, ast.AST] = {}  # what was narrowed, and what came between
        self.globals_declared: set[str] = set()
        self.assigned_later: set[str] = set()  # every name that the function assigns: its locals
        self.out: list[Any] = []
        self.on_stack: set[Var] = set()  # locals bound to objects of this function's stack
        self.loops: list[Any] = []
        self.catching = 0  # enclosing try bodies whose handler catches everything
        self.handling: list[hir.Kept] = []  # the errors of the handlers around
        self.in_function = fn.decl is not None
        self.failed = False  # some statement could not be understood
        self.outer: Any = None  # the elaborator of the function around this one
        self.nested: dict[str, Any] = {}  # functions within this one
        self.nested_insts: dict[int, FnInst] = {}
        self.made_here: dict[FnInst, Any] = {}
        self.nested_symbols: dict[str, int] = {}
        self.lambdas: dict[int, ast.FunctionDef] = {}
        self.shared: set[str] = set()  # names that a function within this one, or around it, uses too
        self.frame_vars: list[Var] = []  # variables of this function that functions within it capture
        self.frame_slot: Slot | None = None
        self.frame_filled = 0

    # -- errors -------------------------------------------------------------------------------------------------
    def error(
        self, code: str, node: ast.AST, message: str, hint: str = "", *, label: str = "", labels: Iterable[tuple[Any, str]] = ()
    ) -> CompileError:
        """An error to raise. `label` is said at the node itself, `labels` at others: (node or Span, text)."""
        return self.program.error(code, self.module, node, message, hint, label=label, labels=labels)

    def at_line(self, line: int) -> ast.AST:
        """A node that covers a line, where no better one is known."""
        text = self.module.source.lines[line - 1] if 0 < line <= len(self.module.source.lines) else ""
        return ast.Pass(lineno=line, col_offset=len(text) - len(text.lstrip()), end_lineno=line, end_col_offset=len(text.rstrip().encode()))

    def left_out(self, node: ast.AST) -> CompileError:
        """Nothing here elaborates such a node."""
        if type(node) in leftout.EVERYWHERE:
            return CompileError(None)  # reported with the module's text
        rule = leftout.refusal(node)
        return self.error(rule.code, node, f"{rule.what} not part of this language", rule.hint)

    def report(self, error: CompileError) -> None:
        if error.diagnostic is not None and self.fn.generic:
            name = self.fn.symbol if len(self.fn.symbol) <= 120 else self.fn.symbol[:119] + "…"
            error.diagnostic.notes.append(f"this is in `{name}`, the instance for these types")
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
        self.note_stack(var, expr)
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
            raise self.left_out(node)
        found: Expr = method(node, want)
        if not found.line:
            found.line = node.lineno
        if is_function(found.ty):
            self.fn.has_function_values = True
        elif isinstance(found.ty, model.FloatType):
            self.fn.float_node = self.fn.float_node or node
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
        self._defaults(decl.node.args)
        if self.fn.counted:
            self._count_activations(decl.node)
        try:
            self.statements(decl.node.body)
        except CompileError as error:
            self.report(error)
        if self.state.reached and not self.failed and self.fn.result not in (model.VOID,):
            last = decl.node.body[-1]
            kind = (
                "this function never returns, but its end can be reached"
                if self.fn.result is model.NORETURN
                else f"`{decl.name}` may end without returning a `{self.fn.result.name}`"
            )
            self.report(self.error("E0601", last, kind, label="after this the end is reached", labels=self.result_label()))
        self.fn.body = self.out

    def _count_activations(self, node: ast.FunctionDef) -> None:
        """`@recursion(N)` is what the proof of stacks takes for granted: a checked build sees to it."""
        mark = next(d for d in node.decorator_list if isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id == "recursion")
        most = evaluate(self.program, mark.args[0], self.module, {}) if mark.args else 1
        frame = hir.Intrinsic(model.intern(model.PtrType, model.U8), "frameaddress", [])
        links = hir.u64(2**64 - 16 if self.program.world.arch == "riscv" else 0)
        setter, count = self.temp(self.runtime_call("activations", [hir.Conv(model.U64, "ptrtoint", frame), links], node))
        within = hir.Cmp(model.BOOL, "ule", count, hir.u64(int(most)))
        self.out += [setter, self.check(within, f"on this stack %u times, and declared @recursion({most})", node, count)]

    def _defaults(self, spec: ast.arguments) -> None:
        """CPython evaluates a default once, when it defines the function: so it must be the same at every call."""
        plain = [*spec.posonlyargs, *spec.args]
        pairs: list[tuple[ast.arg, ast.expr | None]] = list(zip(plain[len(plain) - len(spec.defaults) :], spec.defaults, strict=True))
        for parameter, default in [*pairs, *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]:
            if default is None or isinstance(default, ast.Constant | ast.JoinedStr):
                continue
            kept, self.out = self.out, []
            try:
                if not is_constant(self.value(default, self.env[parameter.arg].ty, f"`{parameter.arg}`")):
                    hint = "take `T | None = None`, and make it in the function"
                    raise self.error("E1305", default, f"the default of `{parameter.arg}` must be known at compile time", hint)
            except CompileError as error:
                self.report(error)
            self.out = kept


def is_function(ty: Type) -> bool:
    return isinstance(ty.inner if isinstance(ty, model.OptionalType) else ty, model.FuncType)


def is_constant(expr: Expr) -> bool:
    if isinstance(expr, (hir.Const, hir.StrLit, hir.GlobalAddr, hir.FnAddr)):
        return True
    if isinstance(expr, hir.Make):
        return all(is_constant(p) for p in expr.parts)
    if isinstance(expr, hir.Conv) and expr.op in ("same", "ptrtoint", "inttoptr"):
        return is_constant(expr.operand)
    return isinstance(expr, hir.Offset) and is_constant(expr.base)


def pseudo_function(module: ModuleDecl, tvars: dict[str, Any]) -> FnInst:
    return FnInst(None, f"{module.name}.<constants>", module, None, tvars)


def evaluate(program: Any, node: ast.expr, module: ModuleDecl, tvars: dict[str, Any], enum: Any = None) -> Any:
    """The Python value of an integer constant expression."""
    maker = Elaborator(program, pseudo_function(module, tvars), enum.decl if enum is not None else None)
    found = maker.expr(node)
    if not is_constant(found):
        from compiler.types import compile_time

        found = compile_time.fold(program, found, node, module, "this")
    if isinstance(found, hir.Const):
        return found.value
    raise maker.error("E1303", node, "this must be an integer constant")
