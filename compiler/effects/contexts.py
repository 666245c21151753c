# SPDX-License-Identifier: GPL-2.0-or-later
"""What may not happen where: blocking, allocating and touching user memory, checked over the whole call graph.

A primitive declares its effect (`@blocks`, `@allocates`, `@takes_user_fault`; the hooks `allocate` and `release` allocate by
nature), callers inherit it, through virtual methods and function values too. An abstract method that declares an effect has it
whatever its members do. Where an effect is forbidden:

| context | blocks | allocates | takes a user fault |
|---|---|---|---|
| `@interrupt_context`, and all that it calls | no | no | no |
| `@vcore_context` | no | no | |
| `@never_blocks` | no | | |
| a spinlock is held (sections.py) | no | | no |
| interrupts are off | no | | |

The error shows the chain of calls, and where a function value in it was given. A mark on an abstract method holds for its members.
"""

from __future__ import annotations

from typing import Any

from compiler.diagnostics import Diagnostic, Label, Span
from compiler.effects.graph import CallGraph, is_end, is_unproven, name
from compiler.types.decls import FnInst, FunctionValue
from compiler.types.elaborate.sections import INTERRUPTS, LOCK, SLEEPING

EFFECTS = {"blocks": "may block", "allocates": "allocates", "takes_user_fault": "may take a fault on user memory"}
CONTEXTS = {
    "vcore_context": ("in vcore context", {"blocks", "allocates"}),
    "interrupt_context": ("in an interrupt handler", set(EFFECTS)),
    "never_blocks": ("in a function that never blocks", {"blocks"}),
}
SECTIONS: dict[str, set[str]] = {LOCK: {"blocks", "takes_user_fault"}, INTERRUPTS: {"blocks"}, SLEEPING: set()}
HINTS = {
    LOCK: "drop the lock first, or hand over the guard to what releases it",
    INTERRUPTS: "turn them on first: whoever blocks may come back on another core",
}


def check(program: Any) -> CallGraph:
    """Report every context that reaches an effect which it forbids."""
    if program.world.kind == "kernel":
        for fn in program.functions:
            _refuse_floats(program, fn)
    graph = CallGraph(program)
    everywhere = graph.callers()
    marked = [(fn, mark) for fn in program.functions if fn.decl is not None for mark in sorted(_marks(program, fn))]
    left = {c for fn in program.functions for call in fn.calls for c in call.outside}
    for effect in EFFECTS:
        toward = _inherit(graph, everywhere, effect)
        for fn in program.functions:
            _check_sections(graph, fn, toward, effect)
        for context, (_, forbidden) in CONTEXTS.items():
            if effect in forbidden:
                here = _inherit(graph, graph.callers(context), effect) if context in left else toward
                for fn in [fn for fn, mark in marked if mark == context]:
                    _check_context(graph, fn, here, effect, context)
    return graph


def _refuse_floats(program: Any, fn: FnInst) -> None:
    if fn.float_node is not None:
        text = "the kernel has no floating point: its registers belong to the program that was interrupted"
        program.reporter.add(Diagnostic("E1003", text, Span.of(fn.module.source, fn.float_node), "count in integers, of a smaller unit"))


def _declares(node: Any, effect: str) -> bool:
    decl = node.decl if isinstance(node, FnInst) else getattr(getattr(node, "signature", None), "decl", None)
    if decl is None:
        return False
    return effect in decl.marks or effect == "allocates" and "hook" in decl.marks and decl.name in ("allocate", "release")


def _inherit(graph: CallGraph, callers: dict[Any, list[Any]], effect: str) -> dict[Any, Any]:
    """For each node with the effect, the callee through which it has it (None: it declares it)."""
    toward: dict[Any, Any] = {n: None for n in graph.nodes if _declares(n, effect)}
    pending = list(toward)
    while pending:
        following = []
        for node in pending:
            for caller in callers.get(node, []):
                if caller not in toward:
                    toward[caller] = node
                    following.append(caller)
        pending = following
    return toward


def chain(node: Any, toward: dict[Any, Any]) -> list[Any]:
    """The nodes from `node` down to the one that declares the effect."""
    nodes: list[Any] = []
    while node is not None:
        nodes.append(node)
        node = toward[node]
    return nodes


def shown(nodes: list[Any]) -> str:
    names: list[str] = []
    for node in nodes:
        if not names or names[-1] != name(node):
            names.append(name(node))
    return " -> ".join(names)


def _given(graph: CallGraph, nodes: list[Any]) -> list[Label]:
    """Where the functions were given that the chain calls through a value."""
    labels = []
    for value, target in zip(nodes, nodes[1:], strict=False):
        place = graph.values.origin(value, target) if isinstance(value, FunctionValue) else None
        if place is not None:
            text = f"`{name(target)}` is given here, and may be what `{value.shown}` calls"
            labels.append(Label(Span.of(place[0].source, place[1]), text))
    return labels


def _marks(program: Any, fn: FnInst) -> set[str]:
    """The contexts of a function: its own marks, and those of what it overrides."""
    marks = set(fn.decl.marks) if fn.decl is not None else set()
    base = program.layouts.complete(fn.self_type).base if fn.self_type is not None else None
    while base is not None and fn.decl is not None:
        method = base.decl.methods.get(fn.decl.name)
        marks |= set(method.marks) if method is not None else set()
        base = base.base
    return marks & CONTEXTS.keys()


def _check_context(graph: CallGraph, fn: FnInst, toward: dict[Any, Any], effect: str, context: str) -> None:
    if fn not in toward:
        return
    assert fn.decl is not None
    nodes = chain(fn, toward)
    first = next((c.node for c in fn.calls if c.node is not None and toward[fn] in graph.site_callees(fn, c)), fn.decl.node)
    text = f"{shown(nodes)}: {EFFECTS[effect]} {CONTEXTS[context][0]}"
    graph.program.reporter.add(Diagnostic("E1001", text, Span.of(fn.module.source, first), "", _given(graph, nodes)))


def _check_sections(graph: CallGraph, fn: FnInst, toward: dict[Any, Any], effect: str) -> None:
    for call in [] if is_unproven(fn) else fn.calls:
        if not call.held:
            continue
        section = next((s for s in reversed(call.held) if effect in SECTIONS[s.what]), None)
        callee = next((c for c in graph.site_callees(fn, call) if c in toward), None) if section is not None else None
        if section is None or callee is None or is_end(callee):
            continue
        nodes = chain(callee, toward)
        span = Span.of(fn.module.source, call.node) if call.node is not None else None
        labels = [Label(Span.of(fn.module.source, section.node), "since here"), *_given(graph, nodes)]
        text = f"{shown(nodes)}: {EFFECTS[effect]} while {section.what}"
        graph.program.reporter.add(Diagnostic("E1002", text, span, HINTS[section.what], labels))
