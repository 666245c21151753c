# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sources say about stacks, for the check at link time (compiler/backend/stacks.py): a `Model` without any type in it.

Declared in the sources:
- `@entry(stack=SIZE, used=BYTES)`: assembly enters here, on a stack of SIZE bytes of which BYTES are gone already; with
  `masked=True` no interrupt comes on top.
  Without `stack` it comes on top of whatever runs: an interrupt, BYTES being what the processor and its stub push. Twice for a
  function that is entered on different stacks.
- `@starts_stack(SIZE)` on an `@extern` function: what it is given to call begins on an empty stack of SIZE bytes.
- `@stack(BYTES)` on an `@extern` function: what its assembly uses, if that is more than ASSEMBLY bytes.
- `@recursion(DEPTH)`: the function may be on one stack so many times; without it recursion is an error.
Every `@export` function of the kernel must be an entry, or be called by one.
"""

from __future__ import annotations

import ast
from dataclasses import asdict, dataclass, field
from typing import Any

from compiler.diagnostics import CompileError, Diagnostic, Span
from compiler.effects.graph import CallGraph, is_end, is_unproven
from compiler.types import model
from compiler.types.decls import FnInst, FunctionValue
from compiler.types.elaborate.elaborator import evaluate


@dataclass
class Entry:
    name: str
    stack: int  # 0: on top of whatever runs
    used: int
    masked: bool  # no interrupt comes on top
    where: str


@dataclass
class Model:
    entries: list[Entry] = field(default_factory=list)
    calls: dict[str, list[str]] = field(default_factory=dict)  # as the sources have them, before inlining
    values: dict[str, list[str]] = field(default_factory=dict)  # what is called through values and virtual methods
    formats: dict[str, list[str]] = field(default_factory=dict)  # the f-strings that a function makes: what prints them
    prints: list[str] = field(default_factory=list)  # functions that print a `Format`
    takes: list[str] = field(default_factory=list)  # functions with a parameter of type `Format`
    recursion: dict[str, int] = field(default_factory=dict)
    assembly: dict[str, int] = field(default_factory=dict)  # bytes that assembly functions use, where that is declared
    faults: list[str] = field(default_factory=list)  # assembly functions that may fault on user memory
    ends: list[str] = field(default_factory=list)  # panics
    unproven: list[str] = field(default_factory=list)
    where: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def symbol(fn: FnInst) -> str:
    return fn.external or fn.exported or fn.symbol


def model_of(program: Any, graph: CallGraph) -> Model:
    """Reports exports of the kernel that are no entries."""
    made = Model()
    record = program.runtime_class("Format")
    for fn in program.functions:
        name = symbol(fn)
        calls: dict[str, None] = {}
        values: dict[str, None] = {}
        for call in fn.calls:
            if isinstance(call.callee, FnInst):
                if call.node is None and not call.args and call.callee.decl is None:
                    made.formats.setdefault(name, []).append(symbol(call.callee))
                else:
                    calls[symbol(call.callee)] = None
                _declared(program, made, call.callee)
            elif isinstance(call.callee, FunctionValue):
                if _prints(program, call.callee):
                    made.prints.append(name)
                values |= dict.fromkeys(map(symbol, graph.values.targets(call.callee)))
            else:
                values |= dict.fromkeys(map(symbol, call.callee.members))
        made.calls[name], made.values[name] = list(calls), list(values)
        if any(p.ty is record for p in fn.params):
            made.takes.append(name)
        made.where[name] = f"{fn.module.source.shown}:{fn.line}"
        _declared(program, made, fn)
    for extern, given in graph.values.to_assembly.items():
        size = sum(_number(program, extern, d, "size") for d in _decorators(extern, "starts_stack"))
        made.entries += [Entry(symbol(fn), size, 0, False, made.where.get(symbol(fn), "")) for fn in given if size]
    if program.world.kind == "kernel":
        _check_exports(program, made)
    return made


def _prints(program: Any, value: FunctionValue) -> bool:
    """Whether this is the function in a `Format`."""
    params = value.sig.params
    return len(params) == 2 and params[1] is program.runtime_class("Sink") and params[0] is model.U64


def _declared(program: Any, made: Model, fn: FnInst) -> None:
    """What a function's marks say."""
    if fn.decl is None:
        return
    name, marks = symbol(fn), fn.decl.marks
    if is_end(fn) and name not in made.ends:
        made.ends.append(name)
    if is_unproven(fn) and name not in made.unproven:
        made.unproven.append(name)
    if "takes_user_fault" in marks and fn.external and name not in made.faults:
        made.faults.append(name)
    if "stack" in marks and fn.external:
        made.assembly[name] = _number(program, fn, _decorators(fn, "stack")[0], "bytes")
    if "recursion" in marks:
        made.recursion[name] = _number(program, fn, _decorators(fn, "recursion")[0], "depth")
    if "entry" in marks and all(e.name != name for e in made.entries):
        for decorator in _decorators(fn, "entry"):
            stack, used, masked = (_number(program, fn, decorator, keyword) for keyword in ("stack", "used", "masked"))
            made.entries.append(Entry(name, stack, used, bool(masked), f"{fn.module.source.shown}:{fn.line}"))


def _decorators(fn: FnInst, mark: str) -> list[ast.Call]:
    """Those of that name, which have arguments."""
    found = fn.decl.node.decorator_list if fn.decl is not None else []
    return [d for d in found if isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id == mark]


def _number(program: Any, fn: FnInst, decorator: ast.Call, keyword: str) -> int:
    """The value of a decorator's argument, by its name or the first; 0 if it is not given."""
    given = [*(k.value for k in decorator.keywords if k.arg == keyword), *decorator.args[:1]]
    if given:
        try:
            return int(evaluate(program, given[0], fn.module, {}))
        except CompileError as error:
            program.reporter.add(error.diagnostic)
    return 0


def _check_exports(program: Any, made: Model) -> None:
    called = {name for calls in made.calls.values() for name in calls} | {name for values in made.values.values() for name in values}
    known = {e.name for e in made.entries} | called
    for fn in program.functions:
        if fn.exported and fn.exported not in known and fn.decl is not None and not is_end(fn):
            text = f"assembly enters `{fn.decl.name}`, on which stack is not said"
            hint = "`@entry(stack=SIZE)`, or `@entry(used=BYTES)` for what comes on top of any other"
            program.reporter.add(Diagnostic("E1004", text, Span.of(fn.module.source, fn.decl.node), hint))
