# SPDX-License-Identifier: GPL-2.0-or-later
"""The typed tree: what elaboration makes of a function, and what lowering turns into LLVM IR.

Few node kinds: `for`, `with`, `match`, f-strings, narrowing, properties and constructors are gone by here. Every expression
has a value type `ty`; addresses are expressions of pointer type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compiler.types.model import BOOL, U64, Type


class Expr:
    __slots__ = ("line", "ty")
    ty: Any  # a Type; which one, the node's user knows

    def __init__(self, ty: Type) -> None:
        self.ty = ty
        self.line = 0

    if TYPE_CHECKING:  # the fields of the node kinds below

        def __getattr__(self, name: str) -> Any: ...


FIELDS: dict[type, tuple[str, ...]] = {}  # of each node kind


def _node(name: str, fields: str, statement: bool = False) -> Any:
    names = fields.split()
    slots = (*names, "line") if statement else tuple(names)
    head = [] if statement else ["ty"]
    args = ", ".join(head + names)
    body = "\n".join([f"    self.{n} = {n}" for n in head + names] + ["    self.line = 0"])
    space: dict[str, Any] = {}
    exec(f"def __init__(self, {args}):\n{body}", space)  # one line a node kind keeps the list below readable
    made = type(name, (() if statement else (Expr,)), {"__slots__": slots, "__init__": space["__init__"]})
    FIELDS[made] = tuple(names)
    return made


# Expressions: `X(ty, …)`
Const = _node("Const", "value")  # int, bool, float; None for a null pointer or an empty optional
StrLit = _node("StrLit", "data")  # bytes -> {ptr, i64}
VarGet = _node("VarGet", "var")
VarAddr = _node("VarAddr", "var")  # of a local that a function within this one captures
GlobalAddr = _node("GlobalAddr", "glob")
FnAddr = _node("FnAddr", "fn")
VtableAddr = _node("VtableAddr", "cls")
SiteAddr = _node("SiteAddr", "what file function")  # of a check: a constant CheckSite (compiler/runtime/checks.py)
CoreAddr = _node("CoreAddr", "glob core")  # linear address of a per-core variable; core None: this one
StackSlot = _node("StackSlot", "slot")  # address of a stack object
Load = _node("Load", "addr storage volatile")
Offset = _node("Offset", "base offset")  # byte offset, an int
Index = _node("Index", "base index scale")  # base + index * scale
Bin = _node("Bin", "op left right")  # LLVM opcode, or 'floordiv', 'floormod', 'add.check' …
Cmp = _node("Cmp", "pred left right")
Not = _node("Not", "operand")
Logic = _node("Logic", "op left right")  # 'and', 'or' on bools, short-circuit
Cond = _node("Cond", "test then other")
Conv = _node("Conv", "op operand")  # LLVM cast opcode
Call = _node("Call", "fn args")
CallPtr = _node("CallPtr", "target args sig")
CallVirtual = _node("CallVirtual", "receiver group args")
Intrinsic = _node("Intrinsic", "name args")
AtomicOp = _node("AtomicOp", "op addr args order elem")
Seq = _node("Seq", "body result")  # statements, then a value
Make = _node("Make", "parts")  # a first-class aggregate
Part = _node("Part", "whole index")

# Statements
SetVar = _node("SetVar", "var value", True)
Store = _node("Store", "addr value storage volatile", True)
Zero = _node("Zero", "addr size", True)
CopyBytes = _node("CopyBytes", "dst src size", True)
Do = _node("Do", "expr", True)
If = _node("If", "test then other", True)
Loop = _node("Loop", "loop body step", True)  # forever; `step` runs on continue too
Break = _node("Break", "loop", True)
Continue = _node("Continue", "loop", True)
Return = _node("Return", "value", True)
Raise = _node("Raise", "kept", True)  # the error stands in the slot already; `kept`: of the handler that lets it go on, or None
Try = _node("Try", "body handler final", True)  # handler None: only `final`; handler: statements that run when body raised
Handle = _node("Handle", "body kept", True)  # a handler's statements, during which `kept` may be raised again
Unreachable = _node("Unreachable", "", True)


# What a node adds to the size of code, roughly in instructions; 1 for those not named.
COSTS: dict[type, int] = {Const: 0, VarGet: 0, SetVar: 0, Offset: 0, Part: 0, Make: 0, Seq: 0, Do: 0, GlobalAddr: 0, StackSlot: 0}
COSTS |= {Call: 4, CallPtr: 4, CallVirtual: 5, Loop: 8, Raise: 6, Try: 4, CopyBytes: 4, Zero: 2, Unreachable: 0}


def size(body: list[Any], limit: int) -> int:
    """About how many instructions a body has, calls of other functions not looked into; what is above the limit is not counted on."""
    total = 0
    todo: list[Any] = [body]
    while todo and total <= limit:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif (fields := FIELDS.get(type(node))) is not None:
            total += COSTS.get(type(node), 1) if not (isinstance(node, Conv) and node.op == "same") else 0
            if isinstance(node, If) and isinstance(node.test, Const):
                todo.append(node.then if node.test.value else node.other)
            else:
                todo += [getattr(node, name) for name in fields]
    return total


class LoopTag:
    """Identity of a loop, for break and continue. `trips`: how often it runs, where that is a constant, else 0."""

    __slots__ = ("trips",)

    def __init__(self, trips: int = 0) -> None:
        self.trips = trips


class Var:
    """A local: one alloca, promoted to registers by LLVM."""

    __slots__ = ("name", "ty", "number")

    def __init__(self, name: str, ty: Type, number: int) -> None:
        self.name, self.ty, self.number = name, ty, number


class Slot:
    """A stack object."""

    __slots__ = ("align", "number", "size")

    def __init__(self, size: int, align: int, number: int) -> None:
        self.size, self.align, self.number = size, align, number


class Kept:
    """The error that a handler or a `finally` was entered with, which leaves there again whatever else was raised and caught meanwhile.

    `wanted`: some `raise` names it. `slot`: where lowering put it aside, None if nothing could have replaced it.
    """

    __slots__ = ("slot", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self.slot: str | None = None


def true() -> Expr:
    return Const(BOOL, True)


def u64(value: int) -> Expr:
    return Const(U64, value)


def at_line(node: Any, line: int) -> Any:
    node.line = line
    return node


TERMINATES = (Return, Raise, Break, Continue, Unreachable)
