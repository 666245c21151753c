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

from compiler.types import hir, model
from compiler.types.decls import FnInst, GlobalDecl, Section
from compiler.types.elaborate.flow import OUTSIDE, path_of
from compiler.types.hir import Expr
from compiler.types.model import ClassType

LOCK, INTERRUPTS, SLEEPING = "a spinlock is held", "interrupts are off", "a sleeping lock is held"
MARKS = {"atomic_section": LOCK, "sleeping_section": SLEEPING}


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

    def _lock_name(self: Any, place: Any) -> str:
        """`Proc.lock` for a field, whichever object's; `alloc.lock` for a global."""
        meaning = self.meaning(place) if isinstance(place, (ast.Name, ast.Attribute)) else None
        if isinstance(meaning, GlobalDecl):
            return f"{meaning.module.name.split('.')[-1]}.{meaning.name}"
        owner = self.path_type(place.value) if isinstance(place, ast.Attribute) else None
        owner = owner.inner if isinstance(owner, model.OptionalType) else owner
        return f"{owner.decl.name}.{place.attr}" if isinstance(owner, ClassType) else ""
