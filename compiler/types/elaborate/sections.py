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

LOCK, INTERRUPTS = "a spinlock is held", "interrupts are off"


class SectionMixin:
    def enter_section(self: Any, cls: ClassType, item: ast.withitem) -> Section | None:
        """What `with item` begins, if it is one of these."""
        found = self.program.layouts.find_method(cls, "__enter__")
        if found is None or "atomic_section" not in found[1].marks:
            return None
        guard = self.env.get(item.optional_vars.id) if isinstance(item.optional_vars, ast.Name) else None
        section = self._section(LOCK, item.context_expr)
        section.guard, section.is_block = guard, True
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
                    self.state.held = (*self.state.held, self._section(what, receiver))
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
        known = what == LOCK and isinstance(place, (ast.Name, ast.Attribute))
        return Section(what, (path_of(place) or "") if known else "", node, self._lock_name(place) if known else "")

    def _lock_name(self: Any, place: ast.expr) -> str:
        """`Proc.lock` for a field, with the fields that embed it (`Proc.child_cv.lock`); `alloc.lock` for a global."""
        meaning = self.meaning(place) if isinstance(place, (ast.Name, ast.Attribute)) else None
        if isinstance(meaning, GlobalDecl):
            return f"{meaning.module.name.split('.')[-1]}.{meaning.name}"
        if not isinstance(place, ast.Attribute):
            return ""
        owner = self.path_type(place.value)
        owner = owner.inner if isinstance(owner, model.OptionalType) else owner
        if not isinstance(owner, ClassType):
            return ""
        outer = self._lock_name(place.value) if self._is_embedded(place.value) else ""
        return f"{outer or owner.decl.name}.{place.attr}"

    def _is_embedded(self: Any, node: ast.expr) -> bool:
        """Whether this names storage within an object or a global, rather than following a reference."""
        meaning = self.meaning(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
        if isinstance(meaning, GlobalDecl):
            return meaning.ty is not None and meaning.ty.is_place
        if not isinstance(node, ast.Attribute):
            return False
        owner = self.path_type(node.value)
        owner = owner.inner if isinstance(owner, model.OptionalType) else owner
        field = self.program.layouts.complete(owner).fields.get(node.attr) if isinstance(owner, ClassType) else None
        return field is not None and isinstance(field.ty, ClassType)
