# SPDX-License-Identifier: GPL-2.0-or-later
"""The order in which locks are taken: found over the call graph, and checked against the one that the sources declare.

A lock is told by the class and the field that hold it (`Proc.lock`: all processes' are one) or by its module and name
(`alloc.lock`). "B after A" is found where B is taken, directly or by what is called, while A is held: sections.py says where
that is. `ORDER = lock_order("alloc.lock", "Proc.lock", …)` declares that each comes after those before it. Of locks that no such
list orders the order must have no circle. What this cannot see: locks in parameters, and what a call that is handed the
guard does while it still has the lock.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from compiler.diagnostics import Diagnostic, Label, Span, did_you_mean
from compiler.effects.graph import CallGraph, is_unproven, name
from compiler.types.decls import FnInst, ModuleDecl, Section, is_lock_order


@dataclass
class Step:
    """B is taken while A is held: where A was taken, and the calls from there to where B is."""

    first: str
    second: str
    module: ModuleDecl
    since: ast.AST
    node: ast.AST | None
    chain: list[Any]
    taken: tuple[ModuleDecl, ast.AST]


@dataclass
class LockOrder:
    declared: list[list[str]] = field(default_factory=list)  # each `lock_order` of the sources
    steps: dict[tuple[str, str], Step] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)  # lock -> places in the sources that take it


def check(program: Any, graph: CallGraph) -> LockOrder:
    """Report steps against the declared order, and circles."""
    found = LockOrder()
    for fn in program.functions:
        for section, _ in [] if is_unproven(fn) else fn.acquired:
            found.taken[section.lock] = found.taken.get(section.lock, 0) + (section.lock != "")
    found.taken.pop("", None)
    reach = _reachable_locks(graph)
    for fn in program.functions:
        if not is_unproven(fn):
            _steps_of(found, graph, fn, reach)
    _declared(program, found)
    _check_order(program, found)
    _check_circles(program, found)
    return found


# For each node: the locks that it may take, with the callee on the shortest way there (None: it takes it itself).
Reach = dict[Any, dict[str, Any]]


def _reachable_locks(graph: CallGraph) -> Reach:
    callers = graph.callers()
    reach: Reach = {}
    pending: list[tuple[Any, str]] = []
    for node in graph.nodes:
        if isinstance(node, FnInst) and not is_unproven(node):
            for section, _ in node.acquired:
                if section.lock and section.lock not in reach.setdefault(node, {}):
                    reach[node][section.lock] = None
                    pending.append((node, section.lock))
    while pending:
        following = []
        for node, lock in pending:
            for caller in callers.get(node, ()):
                if lock not in reach.setdefault(caller, {}):
                    reach[caller][lock] = node
                    following.append((caller, lock))
        pending = following
    return reach


def _steps_of(found: LockOrder, graph: CallGraph, fn: FnInst, reach: Reach) -> None:
    for section, held in fn.acquired:
        for outer in held:
            _step(found, fn, outer, section.lock, section.node, [], (fn.module, section.node))
    for call in fn.calls:
        held = tuple(s for s in call.held if s.lock)
        for callee in graph.site_callees(fn, call) if held else []:
            for lock in reach.get(callee, ()):
                chain = [callee]
                while (following := reach[chain[-1]][lock]) is not None:
                    chain.append(following)
                last = chain[-1]
                taken = next((last.module, s.node) for s, _ in last.acquired if s.lock == lock)
                for outer in held:
                    _step(found, fn, outer, lock, call.node, chain, taken)


def _step(found: LockOrder, fn: FnInst, outer: Section, lock: str, node: Any, chain: list[Any], taken: tuple[Any, Any]) -> None:
    if outer.lock and lock:
        step = Step(outer.lock, lock, fn.module, outer.node, node, chain, taken)
        before = found.steps.get((outer.lock, lock))
        if before is None or len(chain) < len(before.chain):
            found.steps[outer.lock, lock] = step


def _declared(program: Any, found: LockOrder) -> None:
    """The lists of the sources; a name that no lock has is an error."""
    for module in program.modules.values():
        for glob in module.globals:
            if is_lock_order(glob.value):
                found.declared.append([])
                for word in glob.value.args:
                    if not (isinstance(word, ast.Constant) and isinstance(word.value, str)):
                        _report(program, "E1009", "`lock_order` takes names of locks", module, word, '`"Class.field"` or `"module.name"`')
                    elif word.value not in found.taken:
                        hint = did_you_mean(word.value, found.taken)
                        _report(program, "E1009", f"no lock is called `{word.value}`", module, word, hint)
                    else:
                        found.declared[-1].append(word.value)


def _report(program: Any, code: str, text: str, module: ModuleDecl, node: ast.AST, hint: str = "", labels: Any = ()) -> None:
    program.reporter.add(Diagnostic(code, text, Span.of(module.source, node), hint, list(labels)))


def _check_order(program: Any, found: LockOrder) -> None:
    for (first, second), step in found.steps.items():
        if first == second:
            text = f"{_shown(step)}`{second}` is taken while another one of it, or the same, is held"
        elif any(first in order and second in order and order.index(second) < order.index(first) for order in found.declared):
            text = f"{_shown(step)}`{second}` is taken while `{first}` is held, and comes before it"
        else:
            continue
        hint = "drop the first, take them the other way round, or change the order declared"
        _report(program, "E1007", text, step.module, step.node or step.since, hint, _labels(step))


def _check_circles(program: Any, found: LockOrder) -> None:
    after: dict[str, list[str]] = {}
    for first, second in found.steps:
        if first != second and not any({first, second} <= set(order) for order in found.declared):  # those have been checked
            after.setdefault(first, []).append(second)
    for order in found.declared:
        for lock, following in zip(order, order[1:], strict=False):
            after.setdefault(lock, []).append(following)
    circle = _circle(after)
    if circle:
        steps = [found.steps[pair] for pair in zip(circle, circle[1:], strict=False) if pair in found.steps]
        text = f"locks are taken in a circle: {' -> '.join(circle)}"
        labels = [label for step in steps for label in _labels(step)]
        _report(program, "E1008", text, steps[0].module, steps[0].node or steps[0].since, "", labels)


def _circle(after: dict[str, list[str]]) -> list[str]:
    """The shortest circle, its first lock at the end again; empty if there is none."""
    best: list[str] = []
    for root in sorted(after):
        came: dict[str, str] = {}
        pending = [root]
        while pending and root not in came:
            lock = pending.pop(0)
            for following in after.get(lock, ()):
                if following not in came:
                    came[following] = lock
                    pending.append(following)
        if root in came:
            way = [root]
            while (lock := came[way[-1]]) != root:
                way.append(lock)
            way = [root, *reversed(way[1:]), root] if len(way) > 1 else [root, root]
            if not best or len(way) < len(best):
                best = way
    return best


def _shown(step: Step) -> str:
    names: list[str] = []
    for node in step.chain:
        if not names or names[-1] != name(node):
            names.append(name(node))
    return " -> ".join(names) + (": " if names else "")


def _labels(step: Step) -> list[Label]:
    labels = [Label(Span.of(step.module.source, step.since), f"`{step.first}` is taken here")]
    if step.chain:
        labels.append(Label(Span.of(step.taken[0].source, step.taken[1]), f"`{step.second}` is taken here"))
    return labels
