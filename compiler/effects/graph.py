# SPDX-License-Identifier: GPL-2.0-or-later
"""The call graph of a world: direct calls, virtual methods, and calls through function values (values.py).

A node is a function, a group of virtual methods, or one place that calls through a function value. What a panic does is no
part of it: the machine (or the process) ends there.
A virtual call on one's own parameter (`sink.put(…)` in what prints to any Sink) is *left to the callers*: whoever passes an object
that he knows has the edge to that object's method. So a Text in vcore context is not blamed for what a file's `put` does.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.effects.values import FunctionValues
from compiler.types import hir
from compiler.types.decls import CallSite, FnInst, FunctionValue
from compiler.types.elaborate.sections import SLEEPING

EFFECTS = ("blocks", "allocates", "takes_user_fault")
CONTEXTS = ("vcore_context", "interrupt_context", "never_blocks")
MARKED = {*EFFECTS, *CONTEXTS}
ENDS = {"panic_with", "check_failed", "frame_overrun"}  # hooks that never come back


class CallGraph:
    def __init__(self, program: Any) -> None:
        self.program = program
        self.values = FunctionValues(program)
        self.left: dict[tuple[Any, int], dict[Any, None]] = {}  # (function, parameter) -> groups called on it, left to the callers
        self.own: dict[FnInst, dict[Any, int]] = {}  # parameters that keep the value that they came with
        self._leave_to_callers()
        self.sites: dict[FnInst, list[tuple[frozenset[str], list[Any]]]] = {}
        self.nodes: dict[Any, None] = {}
        pending: list[Any] = list(program.functions)
        while pending:
            node = pending.pop()
            if node not in self.nodes:
                self.nodes[node] = None
                pending += self.callees(node)

    def callees(self, node: Any, context: str = "") -> list[Any]:
        """Those that a run in `context` (a mark) can reach."""
        if not isinstance(node, FnInst):
            return self.values.targets(node) if isinstance(node, FunctionValue) else list(node.members)
        if is_end(node) or is_unproven(node):
            return []
        sites = self.sites.get(node)
        if sites is None:
            sites = self.sites[node] = [(call.outside, self.site_callees(node, call)) for call in node.calls]
        return [callee for outside, callees in sites if context not in outside for callee in callees]

    def callers(self, context: str = "") -> dict[Any, list[Any]]:
        found: dict[Any, list[Any]] = {}
        for node in self.nodes:
            for callee in self.callees(node, context):
                found.setdefault(callee, []).append(node)
        return found

    def site_callees(self, fn: FnInst, call: CallSite) -> list[Any]:
        """What one call may run: its callee, and what the callee leaves to it."""
        found: list[Any] = []
        if not _is_group(call.callee) or self.parameter(fn, call, call.args[0]) is None:
            found.append(call.callee)
        for index, argument in enumerate(call.args):
            if self.parameter(fn, call, argument) is None:
                for group in self._left(call.callee, index):
                    found += self._members(group, argument)
        return found

    # -- calls left to the callers ------------------------------------------------------------------------------
    def parameter(self, fn: FnInst, call: CallSite, argument: Any) -> int | None:
        """Which of the function's own parameters an argument passes on, if it is an object with virtual methods.

        In a section or a marked function nothing is left to the callers, who do not stand in it.
        """
        while isinstance(argument, hir.Conv) and argument.op == "same":
            argument = argument.operand
        if not isinstance(argument, hir.VarGet) or not getattr(argument.ty, "polymorphic", False):
            return None
        if any(s.what != SLEEPING for s in call.held) or fn.decl is not None and not MARKED.isdisjoint(fn.decl.marks):
            return None
        if _is_group(call.callee) and not MARKED.isdisjoint(call.callee.signature.decl.marks):
            return None
        own = self.own.get(fn)
        if own is None:
            body = fn.decl.node if fn.decl is not None else ast.Pass()
            stored = {n.id for n in ast.walk(body) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            own = self.own[fn] = {p: i for i, p in enumerate(fn.params) if p.name not in stored}
        return own.get(argument.var)

    def _leave_to_callers(self) -> None:
        passed = [
            (fn, call, index, own)
            for fn in self.program.functions
            for call in fn.calls
            for index, argument in enumerate(call.args)
            if (own := self.parameter(fn, call, argument)) is not None
        ]
        changed = True
        while changed:
            changed = False
            for fn, call, index, own in passed:
                groups = self._left(call.callee, index)
                if index == 0 and _is_group(call.callee):
                    groups = groups | {call.callee: None}
                known = self.left.get((fn, own), {})
                if groups.keys() - known.keys():
                    self.left[fn, own] = known | groups
                    changed = True

    def _left(self, callee: Any, index: int) -> dict[Any, None]:
        if isinstance(callee, FnInst):
            return self.left.get((callee, index), {})
        if isinstance(callee, FunctionValue):
            prints = self._prints(callee, index)
            targets = self.values.targets(callee)
        else:
            prints, targets = {}, callee.members
        return prints | {group: None for target in targets for group in self.left.get((target, index), ())}

    def _prints(self, value: FunctionValue, index: int) -> dict[Any, None]:
        """The function in a `Format` prints to its sink, whichever f-string it is. (What else it does counts where it was made.)"""
        sink = self.program.runtime_class("Sink")
        if index != 1 or len(value.sig.params) != 2 or value.sig.params[1] is not sink:
            return {}
        return {group: None for group in self.program.groups.values() if group.signature.self_type is sink}

    def _members(self, group: Any, argument: Any) -> list[Any]:
        """The methods that a group means for an object of the argument's type."""
        while isinstance(argument, hir.Conv) and argument.op == "same" and hasattr(argument.operand.ty, "derives_from"):
            argument = argument.operand
        cls = argument.ty
        if not hasattr(cls, "derives_from") or cls is group.signature.self_type:
            return [group]
        found = [m for m in group.members if m.self_type.derives_from(cls)]
        base = cls
        while base is not None:  # its own, or the one that it inherits
            own = [m for m in group.members if m.self_type is base]
            if own:
                return list(dict.fromkeys([*own, *found]))
            base = base.base
        return found


def _is_group(callee: Any) -> bool:
    return not isinstance(callee, (FnInst, FunctionValue))


def is_end(node: Any) -> bool:
    return isinstance(node, FnInst) and node.decl is not None and "hook" in node.decl.marks and node.decl.name in ENDS


def is_unproven(node: Any) -> bool:
    """`@unproven("why")`: nothing is proved about what it does, and nothing held against who calls it."""
    return isinstance(node, FnInst) and node.decl is not None and "unproven" in node.decl.marks


def name(node: Any) -> str:
    """`Semaphore.down`, `Node.read`, `(alarm.handler)`: how a chain of calls names a node."""
    if isinstance(node, FunctionValue):
        return f"({node.shown})"
    if isinstance(node, FnInst):
        if node.decl is None:
            return ".".join(node.symbol.split(".")[-2:])
        return f"{node.self_type.name}.{node.decl.name}" if node.self_type is not None else node.decl.name
    return ".".join(node.shown.split(".")[-2:])
