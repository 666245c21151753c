# SPDX-License-Identifier: GPL-2.0-or-later
"""The order in which locks are taken: found over the call graph, and checked against the one that the sources declare.

A lock is told by the class and the field that hold it (`Proc.lock`: all processes' are one) or by its module and name
(`alloc.lock`); one that a function is given is told by its callers, each of which means the lock that it passes.
"B after A" is found where B is taken, directly or by what is called, while A is held: sections.py says where
that is. `ORDER = lock_order("alloc.lock", "Proc.lock", …)` declares that each comes after those before it. Of locks that no such
list orders the order must have no circle. What this cannot see: locks in locals, and what a call that is handed the
guard does while it still has the lock.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import Any

from compiler.diagnostics import Diagnostic, Label, Span, did_you_mean
from compiler.effects.graph import CallGraph, is_unproven, name
from compiler.types.decls import CallSite, FnInst, ModuleDecl, is_lock_order

Lock = str | int  # a lock's name, or the number of the parameter that it is


@dataclass(frozen=True)
class Step:
    """B is taken while A is held: where A was taken, and the calls from there to where B is. What a function is given is a number there."""

    first: Lock
    second: Lock
    module: ModuleDecl
    since: ast.AST
    node: ast.AST | None
    chain: tuple[Any, ...]
    taken: tuple[ModuleDecl, ast.AST]
    given: tuple[tuple[ModuleDecl, ast.AST, str], ...] = ()  # where a lock was passed that is taken as a parameter


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
            if isinstance(section.lock, str) and section.lock:
                found.taken[section.lock] = found.taken.get(section.lock, 0) + 1
    callers = _callers(graph)
    reach = _reachable_locks(graph, callers)
    for fn in program.functions:
        for call in fn.calls:
            for lock in _taken_by(graph, fn, call, reach):
                found.taken[lock] = found.taken.get(lock, 0) + 1
        if not is_unproven(fn):
            for step in _steps_of(graph, fn, reach):
                _note(found, callers, fn, step)
    _declared(program, found)
    _check_order(program, found)
    _check_circles(program, found)
    return found


UNKNOWN = CallSite(None, None)
# For each node: who calls it, and how (None: a group of methods or a function value, which hands on what it is given).
Callers = dict[Any, list[tuple[Any, CallSite | None]]]


def _callers(graph: CallGraph) -> Callers:
    found: Callers = {}
    for node in graph.nodes:
        if not isinstance(node, FnInst):
            for callee in graph.callees(node):
                found.setdefault(callee, []).append((node, None))
        elif graph.callees(node):
            for call in node.calls:
                for callee in graph.site_callees(node, call):
                    # A method of an object that is passed is called by the callee, with arguments that are not known here.
                    found.setdefault(callee, []).append((node, call if callee is call.callee else UNKNOWN))
    return found


def _passed(lock: Lock, call: CallSite | None) -> Lock:
    """The lock of a callee, as its caller knows it; empty if that cannot be told."""
    if isinstance(lock, str) or call is None:
        return lock
    return call.locks.get(lock, "")


# For each node: the locks that it may take, with the callee on the shortest way there and what that calls it (None: it takes it itself).
Reach = dict[Any, dict[Lock, tuple[Any, Lock] | None]]


def _reachable_locks(graph: CallGraph, callers: Callers) -> Reach:
    reach: Reach = {}
    pending: list[tuple[Any, Lock]] = []
    for node in graph.nodes:
        if isinstance(node, FnInst) and not is_unproven(node):
            for section, _ in node.acquired:
                if section.lock != "" and section.lock not in reach.setdefault(node, {}):
                    reach[node][section.lock] = None
                    pending.append((node, section.lock))
    while pending:
        following = []
        for node, lock in pending:
            for caller, call in callers.get(node, ()):
                known = _passed(lock, call)
                if known != "" and known not in reach.setdefault(caller, {}):
                    reach[caller][known] = node, lock
                    following.append((caller, known))
        pending = following
    return reach


def _steps_of(graph: CallGraph, fn: FnInst, reach: Reach) -> list[Step]:
    found = [
        Step(outer.lock, section.lock, fn.module, outer.node, section.node, (), (fn.module, section.node))
        for section, held in fn.acquired
        for outer in held
    ]
    for call in fn.calls:
        held = tuple(s for s in call.held if s.lock != "")
        for callee in graph.site_callees(fn, call) if held else []:
            for lock in reach.get(callee, ()):
                chain, last = [callee], lock
                while (following := reach[chain[-1]][last]) is not None:
                    chain.append(following[0])
                    last = following[1]
                taken = next((chain[-1].module, s.node) for s, _ in chain[-1].acquired if s.lock == last)
                found += [Step(outer.lock, _passed(lock, call), fn.module, outer.node, call.node, tuple(chain), taken) for outer in held]
    return [step for step in found if "" not in (step.first, step.second)]


def _taken_by(graph: CallGraph, fn: FnInst, call: CallSite, reach: Reach) -> set[str]:
    """The locks that a call passes to what takes them."""
    taken = {number for callee in graph.site_callees(fn, call) for number in reach.get(callee, ())} if call.locks else set()
    return {lock for number, lock in call.locks.items() if isinstance(lock, str) and number in taken}


def _note(found: LockOrder, callers: Callers, fn: FnInst, step: Step) -> None:
    """The step, or what it is for each caller of a function that is given one of the locks."""
    pending: list[tuple[Any, Step]] = [(fn, step)]
    seen = {(fn, step.first, step.second)}
    while pending:
        node, step = pending.pop()
        if isinstance(step.first, str) and isinstance(step.second, str):
            before = found.steps.get((step.first, step.second))
            if before is None or len(step.chain) < len(before.chain):
                found.steps[step.first, step.second] = step
            continue
        for caller, call in callers.get(node, ()):
            given = replace(step, first=_passed(step.first, call), second=_passed(step.second, call))
            if "" in (given.first, given.second) or (caller, given.first, given.second) in seen:
                continue
            seen.add((caller, given.first, given.second))
            changed = [new for new, old in ((given.first, step.first), (given.second, step.second)) if new != old and isinstance(new, str)]
            if call is not None and call.node is not None:
                given = replace(given, given=(*step.given, *((caller.module, call.node, lock) for lock in changed)))
            pending.append((caller, given))


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
    labels += [Label(Span.of(module.source, node), f"`{lock}` is passed here") for module, node, lock in step.given]
    return labels
