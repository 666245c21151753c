# SPDX-License-Identifier: GPL-2.0-or-later
"""What may not happen where: blocking and allocating, checked over the whole call graph.

A primitive declares its effect (`@blocks`, `@allocates`; the hooks `allocate` and `release` have it by nature), callers
inherit it. Forbidden:
- in a function marked `@vcore_context` or `@interrupt_context`, and in all that it calls: blocking and allocating;
- in the body of `with lock:` where the lock's `__enter__` is marked `@atomic_section`: blocking. A call that is handed the
  guard (`with lock.irqs_off() as held: park(thread, releasing=held)`) may give the lock up first, so it is allowed.
The error shows the chain of calls. Calls through function values are not followed.
"""

from __future__ import annotations

from typing import Any

from compiler.diagnostics import Diagnostic, Span
from compiler.types.decls import FnInst

EFFECTS = {"blocks": "may block", "allocates": "allocates"}
CONTEXTS = {"vcore_context": "vcore context", "interrupt_context": "an interrupt handler"}


def check(program: Any) -> None:
    """Report every context that reaches an effect which it forbids."""
    nodes = _nodes(program)
    for effect, verb in EFFECTS.items():
        toward = _inherit(nodes, effect)
        for fn in program.functions:
            _check_context(program, fn, toward, verb)
            if effect == "blocks":
                _check_sections(program, fn, toward)


def _nodes(program: Any) -> list[Any]:
    """Functions and virtual groups: those compiled here, and the `@extern` ones they call."""
    known: dict[int, Any] = {}
    for fn in program.functions:
        known[id(fn)] = fn
        for call in fn.calls:
            known[id(call.callee)] = call.callee
    return list(known.values())


def _callees(node: Any) -> list[Any]:
    return [c.callee for c in node.calls] if isinstance(node, FnInst) else list(node.members)


def _declares(node: Any, effect: str) -> bool:
    if not isinstance(node, FnInst) or node.decl is None:
        return False
    marks = node.decl.marks
    return effect in marks or effect == "allocates" and "hook" in marks and node.decl.name in ("allocate", "release")


def _inherit(nodes: list[Any], effect: str) -> dict[int, Any]:
    """For each node with the effect, the callee through which it has it (None: it declares it)."""
    callers: dict[int, list[Any]] = {}
    for node in nodes:
        for callee in _callees(node):
            callers.setdefault(id(callee), []).append(node)
    toward: dict[int, Any] = {id(n): None for n in nodes if _declares(n, effect)}
    pending = [n for n in nodes if id(n) in toward]
    while pending:
        node = pending.pop(0)
        for caller in callers.get(id(node), []):
            if id(caller) not in toward:
                toward[id(caller)] = node
                pending.append(caller)
    return toward


def chain(node: Any, toward: dict[int, Any]) -> str:
    """`a -> b -> c`, down to the function that declares the effect."""
    names: list[str] = []
    while node is not None:
        name = _short(node)
        if not names or names[-1] != name:
            names.append(name)
        node = toward.get(id(node))
    return " -> ".join(names)


def _short(node: Any) -> str:
    if isinstance(node, FnInst) and node.decl is not None:
        owner = node.self_type.name + "." if node.self_type is not None else ""
        return owner + node.decl.name
    return node.shown.split(".")[-1] if isinstance(node, FnInst) else ".".join(node.shown.split(".")[-2:])


def _check_context(program: Any, fn: FnInst, toward: dict[int, Any], verb: str) -> None:
    if fn.decl is None or id(fn) not in toward:
        return
    for mark, where in CONTEXTS.items():
        if mark in fn.decl.marks:
            span = Span.of(fn.module.source, fn.decl.node)
            program.reporter.add(Diagnostic("E1001", f"{chain(fn, toward)}: {verb} in {where}", span))


def _check_sections(program: Any, fn: FnInst, toward: dict[int, Any]) -> None:
    for call in fn.calls:
        if call.atomic and id(call.callee) in toward:
            span = Span.of(fn.module.source, call.node) if call.node is not None else None
            text = f"{chain(call.callee, toward)}: may block while a spinlock is held"
            program.reporter.add(Diagnostic("E1002", text, span, "drop the lock first, or hand over the guard to what releases it"))
