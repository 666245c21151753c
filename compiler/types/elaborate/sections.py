# SPDX-License-Identifier: GPL-2.0-or-later
"""Atomic sections: where in a function a spinlock is held or interrupts are off, and so nothing may block.

They are facts of the flow (`State.held`): begun by `with` on a class whose `__enter__` is marked `@atomic_section`, or by a call of
a function marked `@begins_atomic`; ended with the block, or by `@ends_atomic` on the same lock. Where two ways meet, what is
held on either counts as held. A call that is handed the guard (`with lock as held: park(thread, releasing=held)`) may end
the section itself, so it does not count as standing in it.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.syntax.walk import walk
from compiler.types import hir, model
from compiler.types.decls import FnInst, GlobalDecl, Section
from compiler.types.elaborate.flow import OUTSIDE, path_of
from compiler.types.hir import Expr
from compiler.types.model import ClassType

LOCK, INTERRUPTS, SLEEPING = "a spinlock is held", "interrupts are off", "a sleeping lock is held"
MARKS = {"atomic_section": LOCK, "sleeping_section": SLEEPING}
TAKES = {*MARKS, "begins_atomic"}


class SectionMixin:
    def enter_section(self: Any, cls: ClassType, item: ast.withitem) -> Section | None:
        """What `with item` begins, if it is one of these."""
        found = self.program.layouts.find_method(cls, "__enter__")
        what = next((what for mark, what in MARKS.items() if found is not None and mark in found[1].marks), None)
        if what is None:
            return None
        guard = self.env.get(item.optional_vars.id) if isinstance(item.optional_vars, ast.Name) else None
        section = self._section(what, item.context_expr)
        section.guard, section.is_block = guard, True
        self.fn.acquired.append((section, self.state.held))
        self.state.held = (*self.state.held, section)
        return section

    def leave_section(self: Any, section: Section | None) -> None:
        self.state.held = tuple(s for s in self.state.held if s is not section)

    def held_beside(self: Any, args: list[Expr]) -> tuple[Section, ...]:
        """The sections that a call with these arguments cannot end."""
        if not self.state.held:
            return ()
        given = [a.var for a in args if isinstance(a, hir.VarGet)]
        return tuple(s for s in self.state.held if s.guard is None or s.guard not in given)

    def contexts_left(self: Any) -> frozenset[str]:
        """The contexts that a test of `@tells_context` has excluded here."""
        return frozenset(k[len(OUTSIDE) :] for k in self.state.narrowed if k.startswith(OUTSIDE))

    def cross_section(self: Any, callee: Any, node: Any) -> None:
        """A call may itself begin or end one."""
        marks = callee.decl.marks if isinstance(callee, FnInst) and callee.decl is not None else {}
        for mark in ("begins_atomic", "ends_atomic"):
            if mark in marks:
                what = INTERRUPTS if marks[mark] == "interrupts" else LOCK
                receiver = node.func.value if what == LOCK and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else node
                if mark == "begins_atomic":
                    section = self._section(what, receiver)
                    if callee.result is not model.BOOL:  # who only tries does not wait, in whatever order
                        self.fn.acquired.append((section, self.state.held))
                    self.state.held = (*self.state.held, section)
                else:
                    self._end(what, path_of(receiver) if what == LOCK else "")

    def _end(self: Any, what: str, path: str | None) -> None:
        for section in reversed(self.state.held):
            if section.what == what and (what == INTERRUPTS or path in (section.path, section.guard.name if section.guard else None)):
                self.state.held = tuple(s for s in self.state.held if s is not section)
                return

    def _section(self: Any, what: str, node: ast.AST) -> Section:
        place: Any = node
        while isinstance(place, ast.Call) and isinstance(place.func, ast.Attribute):
            place = place.func.value  # `lock.irqs_off()` is a view of `lock`
        known = what != INTERRUPTS and isinstance(place, (ast.Name, ast.Attribute))
        return Section(what, (path_of(place) or "") if known else "", node, self._lock_name(place) if known else "")

    def _lock_name(self: Any, place: Any) -> str | int:
        """`Proc.lock` for a field, whichever object's; `alloc.lock` for a global; the number of a parameter that is passed a lock."""
        meaning = self.meaning(place) if isinstance(place, (ast.Name, ast.Attribute)) else None
        if isinstance(meaning, GlobalDecl):
            return _global_lock(meaning)
        if isinstance(place, ast.Name):
            var = self.env.get(place.id)
            return self._lock_variable(var) if var is not None else ""
        owner = self.path_type(place.value) if isinstance(place, ast.Attribute) else None
        owner = owner.inner if isinstance(owner, model.OptionalType) else owner
        if not isinstance(owner, ClassType):
            return ""
        return self._lock_name(place.value) if self._is_view(owner) else f"{owner.decl.name}.{place.attr}"

    # -- locks as arguments -------------------------------------------------------------------------------------
    def locks_passed(self: Any, args: list[Expr]) -> dict[int, str | int]:
        """Which of a call's arguments are locks, and which locks they are."""
        found = {i: self._lock_passed(a) for i, a in enumerate(args) if isinstance(a.ty, ClassType) and self._is_lock(a.ty)}
        return {i: lock for i, lock in found.items() if lock != ""}

    def _is_lock(self: Any, cls: ClassType) -> bool:
        return any(not TAKES.isdisjoint(m.marks) for m in cls.decl.methods.values())

    def _is_view(self: Any, cls: ClassType) -> bool:
        """A lock whose only field is a lock: another way to take that one."""
        fields = list(self.program.layouts.complete(cls).fields.values())
        return self._is_lock(cls) and len(fields) == 1 and isinstance(fields[0].ty, ClassType) and self._is_lock(fields[0].ty)

    def _lock_variable(self: Any, var: hir.Var) -> str | int:
        for section in self.state.held:
            if section.guard is var:
                return section.lock
        # What `self` of a lock's own method is, is told where it is taken: `with p.lock`.
        own = self.fn.decl is not None and self.fn.decl.owner is not None and not self.fn.decl.is_static
        number = next((i for i, p in enumerate(self.fn.params) if p is var), -1)
        return number if number >= own and var.name not in self._stored_names() else ""

    def _stored_names(self: Any) -> set[str]:
        """Names that this function assigns: a parameter among them may be another lock by now."""
        body = self.fn.decl.node if self.fn.decl is not None else ast.Pass()
        return {n.id for n in walk(body) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}

    def _lock_passed(self: Any, arg: Expr) -> str | int:
        cls = arg.ty
        while isinstance(arg, hir.Conv) and arg.op == "same" and not (isinstance(arg.operand.ty, ClassType) and arg.operand.ty is not cls):
            arg = arg.operand
        if isinstance(arg, hir.VarGet):
            return self._lock_variable(arg.var)
        if isinstance(arg, hir.GlobalAddr):
            return _global_lock(arg.glob)
        holder, offset = arg, -1
        if isinstance(arg, hir.Offset):
            holder, offset = arg.base, arg.offset
        elif isinstance(arg, hir.Conv):
            holder, offset = arg.operand, 0
        if not isinstance(holder.ty, ClassType):
            return ""
        return next((f"{holder.ty.decl.name}.{f.name}" for f in holder.ty.fields.values() if f.offset == offset and f.ty is cls), "")


def _global_lock(glob: GlobalDecl) -> str:
    return f"{glob.module.name.split('.')[-1]}.{glob.name}"
