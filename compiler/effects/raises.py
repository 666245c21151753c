# SPDX-License-Identifier: GPL-2.0-or-later
"""Which functions may raise, and which may catch.

A function raises if it says so outside a `try` that catches, or calls one that does. All members of a virtual group share one
calling convention, so one that raises makes them all. Then: a function whose caller cannot see an error (a function
value, an exported symbol, `__exit__`) must not raise; the diagnostic shows the chain of calls.
"""

from __future__ import annotations

from typing import Any

from compiler.diagnostics import Diagnostic, Label, Span
from compiler.types.decls import FnInst


def infer(program: Any) -> None:
    """Set `raises` on every function and virtual group, `catches` on every function."""
    _infer_catches(program)
    callers: dict[int, list[Any]] = {}
    groups = list(program.groups.values())
    member_groups: dict[int, list[Any]] = {}
    for group in groups:
        for member in group.members:
            member_groups.setdefault(id(member), []).append(group)
    for fn in program.functions:
        for callee in fn.may_raise_from:
            callers.setdefault(id(callee), []).append(fn)
    pending: list[Any] = [f for f in program.functions if f.raises]
    while pending:
        item = pending.pop()
        for caller in callers.get(id(item), []):
            if not caller.raises:
                caller.raises = True
                pending.append(caller)
        if isinstance(item, FnInst):
            for group in member_groups.get(id(item), []):
                if not group.raises:
                    group.raises = True
                    pending.append(group)
        else:
            for member in item.members:
                if not member.raises:
                    member.raises = True
                    pending.append(member)
            if not item.signature.raises:
                item.signature.raises = True
                pending.append(item.signature)
    _check(program)


def _infer_catches(program: Any) -> None:
    """What a call by value reaches is not looked for: it may catch."""
    callers: dict[Any, list[FnInst]] = {}
    for fn in program.functions:
        for call in fn.calls:
            if isinstance(call.callee, FnInst):
                callers.setdefault(call.callee, []).append(fn)
            else:
                fn.catches = True
    pending = [f for f in program.functions if f.catches]
    while pending:
        for caller in callers.get(pending.pop(), []):
            if not caller.catches:
                caller.catches = True
                pending.append(caller)


def _check(program: Any) -> None:
    for fn in program.functions:
        if not fn.raises:
            continue
        name = fn.decl.name if fn.decl is not None else fn.symbol
        where = _span(fn)
        if fn.exported:
            message = f"`{name}` is called by assembly, so no error may leave it"
            hint = "catch it here, or before"
            program.reporter.add(Diagnostic("E0901", message, where, hint, raised(fn), notes=chain(fn)))
        elif name == "__exit__":
            message = "`__exit__` must not raise"
            hint = "catch it here, or before"
            program.reporter.add(Diagnostic("E0903", message, where, hint, raised(fn), notes=chain(fn)))
        for user, node in fn.must_not_raise:
            span = Span.of(user.module.source, node)
            message = f"`{name}` may raise, and its caller here could not see the error"
            hint = "catch it inside, or make the type `Callable[[…], Raises[…]]`"
            program.reporter.add(Diagnostic("E0902", message, span, hint, raised(fn), notes=chain(fn)))


def _span(fn: FnInst) -> Span | None:
    return Span.of(fn.module.source, fn.decl.node) if fn.decl is not None else None


def _short(fn: FnInst) -> str:
    owner = f"{fn.self_type.name}." if fn.self_type is not None else ""
    return owner + fn.decl.name if fn.decl is not None else fn.symbol


def chain(fn: FnInst) -> list[str]:
    """The shortest chain of calls to where the error is raised, as a note; none if it is raised right here."""
    path = _path(fn)[0]
    return [f"it comes from here: {' -> '.join(path)}"] if len(path) > 1 else []


def raised(fn: FnInst) -> list[Label]:
    """The `raise` at the end of that chain."""
    end = _path(fn)[1]
    if end is None or end.raise_node is None:
        return []
    return [Label(Span.of(end.module.source, end.raise_node), "raised here")]


def _path(fn: FnInst) -> tuple[list[str], FnInst | None]:
    seen = {id(fn)}
    queue: list[tuple[Any, list[str]]] = [(fn, [_short(fn)])]
    while queue:
        item, path = queue.pop(0)
        if isinstance(item, FnInst):
            if item.raise_node is not None or not item.may_raise_from:
                return path, item
            following = [c for c in item.may_raise_from if c.raises]
        else:
            following = [m for m in item.members if m.raises]
        for callee in following:
            if id(callee) not in seen:
                seen.add(id(callee))
                queue.append((callee, [*path, _short(callee)] if isinstance(callee, FnInst) else path))
    return [_short(fn)], None
