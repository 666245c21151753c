# SPDX-License-Identifier: GPL-2.0-or-later
"""Compile-time evaluation: a constant may be a call of any function that is pure, and a table what a generator gives.

Interprets the typed tree, so what is computed here is what the compiled function would have given, checks included. Memory is that of the
evaluation alone: objects on its stack, constant strings and tables. Whatever reaches beyond (a global that can
change, an atomic, an address, the outside) is an error that says so, and where.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from compiler.diagnostics import CompileError, Span
from compiler.types import arithmetic, hir, model
from compiler.types.decls import FnInst, GlobalDecl, ModuleDecl
from compiler.types.hir import Const, Expr
from compiler.types.memory_model import Memory, Pointer, Reaches, zero_of
from compiler.types.model import BOOL, ClassType, SpanType, Type, underlying

REACHES = {
    "panic_with": "it panics",
    "allocate": "it allocates",
    "release": "it frees memory",
    "print_to": "it prints",
    "error_slot": "it raises an error",
    "set_error": "it raises an error",
}
REFUSED = {
    "AtomicOp": "it uses an atomic",
    "CoreAddr": "it uses a core's own variable",
    "CallVirtual": "it calls a method that is overridden",
}
STEPS = 1_000_000
DEPTH = 400


class Failure(Exception):
    """The evaluation cannot go on: why, and on which line of which function."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.where: tuple[ModuleDecl, int] | None = None


class Leave(Exception):
    """`break`, `continue` and `return` on their way."""

    def __init__(self, kind: str, target: Any) -> None:
        self.kind, self.target = kind, target


class Frame:
    def __init__(self, fn: Any) -> None:
        self.fn = fn
        self.values: dict[Any, Any] = {}
        self.slots: dict[Any, Memory] = {}


class Cell:
    """The address of a local that a function within the function captures."""

    def __init__(self, frame: Frame, var: Any) -> None:
        self.frame, self.var = frame, var


def fold(program: Any, expr: Expr, node: ast.AST, module: ModuleDecl, what: str) -> Expr:
    """The constant that an expression comes to. Raises CompileError."""
    from compiler.types.elaborate.elaborator import is_constant

    if is_constant(expr):
        return expr
    run = Evaluation(program)
    with _deep(), _said(program, node, module, what):
        return run.constant(expr.ty, run.value(expr, Frame(None)))


def collect(program: Any, body: list[Any], node: ast.AST, module: ModuleDecl, what: str) -> list[Any]:
    """What a table's generator gives, one after the other: `body` hands each to the intrinsic `collect`."""
    run = Evaluation(program)
    with _deep(), _said(program, node, module, what):
        run.statements(body, Frame(None))
    return run.collected


@contextmanager
def _deep() -> Iterator[None]:
    """Room for the evaluation's own calls: some thirty of Python's for one of the program's."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 60 * DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@contextmanager
def _said(program: Any, node: ast.AST, module: ModuleDecl, what: str) -> Iterator[None]:
    try:
        yield
    except Failure as failure:
        raise _error(program, failure, node, module, what) from None


def _error(program: Any, failure: Failure, node: ast.AST, module: ModuleDecl, what: str) -> CompileError:
    labels: list[tuple[Any, str]] = []
    if failure.where is not None and (failure.where[0] is not module or failure.where[1] != getattr(node, "lineno", 0)):
        home, line = failure.where
        text = home.source.lines[line - 1] if 0 < line <= len(home.source.lines) else ""
        start = len(text) - len(text.lstrip())
        labels = [(Span(home.source, line, start, line, len(text.split("  #")[0].rstrip())), "this does")]
    found: CompileError = program.error("E1302", module, node, f"{what} cannot be computed at compile time: {failure}", labels=labels)
    return found


class Evaluation:
    def __init__(self, program: Any) -> None:
        self.program = program
        self.steps, self.depth = 0, 0
        self.where: tuple[ModuleDecl, int] | None = None
        self.collected: list[Any] = []
        self.tables: dict[GlobalDecl, Memory] = {}

    def fail(self, why: str) -> Failure:
        failure = Failure(why)
        failure.where = self.where
        return failure

    # -- functions ----------------------------------------------------------------------------------------------
    def call(self, fn: FnInst, args: list[Any]) -> Any:
        name = fn.decl.name if fn.decl is not None else fn.symbol
        if fn.external or fn.decl is not None and fn.decl.is_abstract:
            raise self.fail(f"it calls `{name}`, which has no body here")
        if fn.body is None:
            self.program.elaborate(fn)
        if fn.body is None:
            raise self.fail(f"it needs itself: `{name}`")
        self.depth += 1
        if self.depth > DEPTH:
            raise self.fail(f"its calls are more than {DEPTH} deep")
        frame, outer = Frame(fn), self.where
        frame.values.update(zip(fn.params, args, strict=True))
        for var, place in fn.captured:
            frame.values[var] = args[0].memory.refs[args[0].offset + 8 * place]
        try:
            self.statements(fn.body, frame)
            result = None
        except Leave as leave:
            result = leave.target
        self.depth -= 1
        self.where = outer
        return result

    # -- statements ---------------------------------------------------------------------------------------------
    def statements(self, nodes: list[Any], frame: Frame) -> None:
        for node in nodes:
            if node.line and frame.fn is not None:
                self.where = (frame.fn.module, node.line)
            getattr(self, f"s_{type(node).__name__}", self._refused)(node, frame)

    def _refused(self, node: Any, frame: Frame) -> Any:
        raise self.fail(REFUSED.get(type(node).__name__, "it does what only a running program can"))

    def s_SetVar(self, node: Any, frame: Frame) -> None:
        value = self.value(node.value, frame)
        known = frame.values.get(node.var)
        if isinstance(known, Cell):
            known.frame.values[known.var] = value
        else:
            frame.values[node.var] = value

    def s_Store(self, node: Any, frame: Frame) -> None:
        value = self.value(node.value, frame)
        self.reach(self.value(node.addr, frame)).store(node.storage, value)

    def s_Zero(self, node: Any, frame: Frame) -> None:
        size = self.value(node.size, frame) if isinstance(node.size, Expr) else node.size
        self.reach(self.value(node.addr, frame)).clear(size)

    def s_CopyBytes(self, node: Any, frame: Frame) -> None:
        target, source = self.reach(self.value(node.dst, frame)), self.reach(self.value(node.src, frame))
        target.copy_from(source, node.size)

    def s_Do(self, node: Any, frame: Frame) -> None:
        self.value(node.expr, frame)

    def s_If(self, node: Any, frame: Frame) -> None:
        self.statements(node.then if self.value(node.test, frame) else node.other, frame)

    def s_Loop(self, node: Any, frame: Frame) -> None:
        while True:
            try:
                self.statements(node.body, frame)
            except Leave as leave:
                if leave.target is not node.loop:
                    raise
                if leave.kind == "break":
                    return
            self.statements(node.step, frame)

    def s_Break(self, node: Any, frame: Frame) -> None:
        raise Leave("break", node.loop)

    def s_Continue(self, node: Any, frame: Frame) -> None:
        raise Leave("continue", node.loop)

    def s_Return(self, node: Any, frame: Frame) -> None:
        raise Leave("return", self.value(node.value, frame) if node.value is not None else None)

    def s_Raise(self, node: Any, frame: Frame) -> None:
        raise self.fail("it raises an error")

    def s_Try(self, node: Any, frame: Frame) -> None:
        try:
            self.statements(node.body, frame)
        finally:
            if node.final is not None:
                self.statements(node.final, frame)

    def s_Unreachable(self, node: Any, frame: Frame) -> None:
        raise self.fail("it comes to a place that it should never reach")

    # -- expressions --------------------------------------------------------------------------------------------
    def value(self, e: Expr, frame: Frame) -> Any:
        self.steps += 1
        if self.steps > STEPS:
            raise self.fail(f"it takes more than {STEPS} steps")
        if e.line and frame.fn is not None:
            self.where = (frame.fn.module, e.line)
        return getattr(self, f"e_{type(e).__name__}", self._refused)(e, frame)

    def reach(self, pointer: Any) -> Pointer:
        if not isinstance(pointer, Pointer):
            raise self.fail("it follows a reference to nothing" if pointer is None else "it follows an address")
        return pointer

    def e_Const(self, e: Any, frame: Frame) -> Any:
        return zero_of(e.ty) if e.value is None else e.value

    def e_StrLit(self, e: Any, frame: Frame) -> Any:
        return Pointer(Memory(len(e.data), bytearray(e.data)), 0), len(e.data)

    def e_VarGet(self, e: Any, frame: Frame) -> Any:
        found = frame.values.get(e.var)
        return found.frame.values[found.var] if isinstance(found, Cell) else found

    def e_VarAddr(self, e: Any, frame: Frame) -> Any:
        known = frame.values.get(e.var)
        return known if isinstance(known, Cell) else Cell(frame, e.var)

    def e_GlobalAddr(self, e: Any, frame: Frame) -> Any:
        glob = e.glob
        if glob.entries != ["constant"]:
            raise self.fail(f"it uses `{glob.name}`, which can change while the program runs")
        if glob not in self.tables:
            memory = self.tables[glob] = Memory(glob.ty.size)
            for offset, storage, value in glob.init:
                Pointer(memory, offset).store(storage, self.value(value, frame))
        return Pointer(self.tables[glob], 0)

    def e_FnAddr(self, e: Any, frame: Frame) -> Any:
        return e.fn

    def e_VtableAddr(self, e: Any, frame: Frame) -> Any:
        return e.cls

    def e_StackSlot(self, e: Any, frame: Frame) -> Any:
        found = frame.slots.get(e.slot)
        if found is None:
            found = frame.slots[e.slot] = Memory(e.slot.size)
        return Pointer(found, 0)

    def e_Load(self, e: Any, frame: Frame) -> Any:
        pointer = self.reach(self.value(e.addr, frame))
        try:
            return pointer.load(e.storage)
        except Reaches:
            raise self.fail("it reads past the end of an object") from None

    def e_Offset(self, e: Any, frame: Frame) -> Any:
        return self.reach(self.value(e.base, frame)).moved(e.offset)

    def e_Index(self, e: Any, frame: Frame) -> Any:
        base = self.value(e.base, frame)
        index = self.value(e.index, frame)
        return self.reach(base).moved((index if index < 1 << 63 else index - (1 << 64)) * e.scale)

    def e_Not(self, e: Any, frame: Frame) -> Any:
        return not self.value(e.operand, frame)

    def e_Logic(self, e: Any, frame: Frame) -> Any:
        left = self.value(e.left, frame)
        return left and self.value(e.right, frame) if e.op == "and" else left or self.value(e.right, frame)

    def e_Cond(self, e: Any, frame: Frame) -> Any:
        return self.value(e.then if self.value(e.test, frame) else e.other, frame)

    def e_Seq(self, e: Any, frame: Frame) -> Any:
        self.statements(e.body, frame)
        return self.value(e.result, frame)

    def e_Make(self, e: Any, frame: Frame) -> Any:
        return tuple(self.value(p, frame) for p in e.parts)

    def e_Part(self, e: Any, frame: Frame) -> Any:
        return self.value(e.whole, frame)[e.index]

    def e_Call(self, e: Any, frame: Frame) -> Any:
        decl = e.fn.decl
        if decl is not None and decl.name in REACHES and (decl.name == "set_error" or decl is self.program.hooks.get(decl.name)):
            raise self.fail(REACHES[decl.name])
        if decl is not None and decl is self.program.hooks.get("check_failed"):
            raise self.fail(self._check(e.args, frame))
        return self.call(e.fn, [self.value(a, frame) for a in e.args])

    def _check(self, args: list[Any], frame: Frame) -> str:
        """What a failed check says (compiler/runtime/checks.py prints the same)."""
        if "%s" in args[0].what:
            return "an assertion fails"
        text = str(args[0].what)
        for operand in args[1:]:
            at = text.find("%", text.find("%%") + 2 if "%%" in text else 0)
            if at < 0:
                break
            value = self.value(operand, frame)
            shown = f"{value:#x}" if text[at + 1] == "x" else str(value - (1 << 64) if text[at + 1] == "d" and value >> 63 else value)
            text = text[:at] + shown + text[at + 2 :]
        return text.replace("%%", "%")

    def e_CallPtr(self, e: Any, frame: Frame) -> Any:
        target = self.value(e.target, frame)
        if not isinstance(target, FnInst):
            raise self.fail("it calls a function that is not known here")
        return self.call(target, [self.value(a, frame) for a in e.args])

    # -- arithmetic ---------------------------------------------------------------------------------------------
    def e_Bin(self, e: Any, frame: Frame) -> Any:
        a, b = self.value(e.left, frame), self.value(e.right, frame)
        if isinstance(a, Pointer) or isinstance(b, Pointer):
            raise self.fail("it computes with an address")
        try:
            return arithmetic.binary(e.op, underlying(e.ty), a, b)
        except ZeroDivisionError:
            raise self.fail("division by zero") from None

    def e_Cmp(self, e: Any, frame: Frame) -> Any:
        a, b = self.value(e.left, frame), self.value(e.right, frame)
        if isinstance(a, Pointer) and isinstance(b, Pointer):
            if e.pred not in ("eq", "ne"):
                raise self.fail("it compares addresses")
            return (a.memory is b.memory and a.offset == b.offset) == (e.pred == "eq")
        return arithmetic.compare(e.pred, a, b)

    def e_Conv(self, e: Any, frame: Frame) -> Any:
        value = self.value(e.operand, frame)
        if e.op == "ptrtoint" or e.op == "inttoptr" and value:
            raise self.fail("it takes an address for a number")
        return None if e.op == "inttoptr" else arithmetic.convert(e.op, underlying(e.operand.ty), underlying(e.ty), value)

    def e_Intrinsic(self, e: Any, frame: Frame) -> Any:
        args = [self.value(a, frame) for a in e.args]
        if e.name == "collect":
            item = args[0]
            if isinstance(item, Pointer):  # the next item is made in the same place
                item = Pointer(Memory(len(item.memory.data)), item.offset)
                Pointer(item.memory, 0).copy_from(Pointer(args[0].memory, 0), len(item.memory.data))
            self.collected.append(item)
        elif e.name == "memmove":
            self.reach(args[0]).copy_from(self.reach(args[1]), args[2])
        elif e.name == "memset":
            self.reach(args[0]).set(args[1], args[2])
        elif e.name not in arithmetic.INTRINSICS:
            raise self.fail("it does what only a running program can")
        else:
            return arithmetic.intrinsic(e.name, underlying(e.args[0].ty), args)
        return None

    # -- results ------------------------------------------------------------------------------------------------
    def constant(self, ty: Type, value: Any) -> Expr:
        """A value as the constant expression that stands for it."""
        if isinstance(ty, SpanType):
            pointer, length = value
            if ty.elem is not model.U8 or length and not isinstance(pointer, Pointer):
                raise self.fail(f"its result, a `{ty.name}`, is in memory that is gone by then")
            return hir.StrLit(ty, bytes(pointer.memory.data[pointer.offset : pointer.offset + length]) if length else b"")
        if isinstance(ty, model.TupleType):
            return hir.Make(ty, [self.constant(t, v) for t, v in zip(ty.elems, value, strict=True)])
        if isinstance(ty, model.OptionalType) and not ty.nullable:
            return hir.Make(ty, [self.constant(ty.inner, value[0]), Const(BOOL, True)]) if value[1] else Const(ty, None)
        if isinstance(value, FnInst):
            return hir.FnAddr(ty, value)
        if value is None or isinstance(value, (bool, int, float)):
            return Const(ty, value)
        raise self.fail(f"its result, a `{ty.name}`, is in memory that is gone by then")

    def contents(self, elem: Type, value: Any, at: int) -> list[tuple[int, Type, Expr]]:
        """A value as the contents of a global from offset `at` on."""
        if not isinstance(elem, ClassType):
            return [(at, elem, self.constant(model.value_of(elem), value))]
        pointer = self.reach(value)
        found: list[tuple[int, Type, Expr]] = [
            (at + i - pointer.offset, model.U8, Const(model.U8, pointer.memory.data[i]))
            for i in range(pointer.offset, pointer.offset + elem.size)
            if pointer.memory.data[i]
        ]
        for offset, (storage, kept) in pointer.memory.typed.items():
            if pointer.offset <= offset < pointer.offset + elem.size:
                found.append((at + offset - pointer.offset, storage, self.constant(model.value_of(storage), kept)))
        return found
