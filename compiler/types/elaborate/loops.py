# SPDX-License-Identifier: GPL-2.0-or-later
"""Loops: `for` over ranges, spans, texts, tuples, registries and their combinations, and reductions over generators.

What can be iterated is described by an `Iteration`; `enumerate`, `zip` and `reversed` put others together.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import hir, model
from compiler.types.decls import GlobalDecl
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.flow import State, assigned_names, merge
from compiler.types.hir import Bin, Break, Cmp, Const, Expr, If, Loop, LoopTag, Part, Seq, SetVar, VarGet
from compiler.types.model import BOOL, U64, UNTYPED, ArrayType, ClassType, IntType, NewType, RegistryType, SpanType, TupleType, Type


class Iteration:
    """`setup`, then while `more`: bind `items`, run the body, `step`; `trips` times if that is known, else 0."""

    def __init__(self, setup: list[Any], more: Expr, items: list[Expr], step: list[Any], trips: int = 0) -> None:
        self.setup, self.more, self.items, self.step, self.trips = setup, more, items, step, trips


class LoopContext:
    """What `break` and `continue` mean in the loop being elaborated."""

    def __init__(self, tag: LoopTag, continue_by_break: LoopTag | None = None) -> None:
        self.tag, self.continue_by_break = tag, continue_by_break
        self.break_states: list[State] = []
        self.back_states: list[State] = []  # where the loop is entered again from
        self.held: tuple[Any, ...] = ()  # the atomic sections that the body begins in


class LoopMixin:
    # -- what can be iterated -----------------------------------------------------------------------------------
    def iteration(self: Any, node: ast.expr) -> Iteration:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in self.module.scope:
            if node.func.id == "range":
                return self._range(node)
            if node.func.id == "enumerate":
                return self._enumerate(node)
            if node.func.id == "zip":
                parts = [self.iteration(a) for a in node.args]
                more = parts[0].more
                for part in parts[1:]:
                    more = hir.Logic(BOOL, "and", more, part.more)
                return Iteration(
                    sum((p.setup for p in parts), []), more, [i for p in parts for i in p.items], sum((p.step for p in parts), [])
                )
            if node.func.id == "reversed":
                inner = node.args[0]
                if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "range":
                    return self._range(inner, backwards=True)
                return self._elements(self.expr(inner), inner, backwards=True)
        kind = self.type_meant(node)
        if isinstance(kind, model.EnumType):
            return self._elements(self.members_table(kind, node), node)
        return self._elements(self.expr(node), node)

    def _range(self: Any, node: ast.Call, backwards: bool = False) -> Iteration:
        if not 1 <= len(node.args) <= 3 or node.keywords:
            raise self.error("E0801", node, "`range` takes one to three numbers")
        raw = [self.expr(a) for a in node.args[:2]]
        stride = self.expr(node.args[2]) if len(node.args) == 3 else None
        typed = next((r for r in [*raw, *([stride] if stride is not None else [])] if r.ty is not UNTYPED), None)
        ty = typed.ty if typed is not None else model.I64
        if isinstance(ty, model.EnumType) and ty.kind != "enum":
            ty = ty.storage
        if not isinstance(ty, (IntType, NewType)):
            raise self.error("E0327", node, f"`range` counts integers, not `{ty.name}`")
        base: Any = model.underlying(ty)
        ends = [
            Const(ty, self.coerce(r, base, a).value) if r.ty is UNTYPED else self.coerce(r, ty, a, "the other end")
            for r, a in zip(raw, node.args, strict=False)
        ]
        start, stop = (Const(ty, 0), ends[0]) if len(ends) == 1 else (ends[0], ends[1])
        step = 1
        if stride is not None:
            if not isinstance(stride, Const):
                return self._dynamic_range(node, ty, start, stop, self.coerce(stride, base, node.args[2]))
            step = int(stride.value)
            if step == 0:
                raise self.error("E0403", node.args[2], "the step of a range must not be zero")
        if backwards:
            return self._countdown(ty, start, stop) if step == 1 else self._backwards(ty, start, stop, step)
        set_stop, stop = self.temp(stop)
        counter = self.variable("", ty)
        at = VarGet(ty, counter)
        signed = base.signed
        pred = ("s" if signed else "u") + ("lt" if step > 0 else "gt")
        forward = Bin(ty, "add.wrap", at, Const(ty, base.wrap(step)))
        if abs(step) > 1:
            forward = self._stride(at, stop, Const(ty, base.wrap(abs(step))), forward, step > 0)
        known = isinstance(start, Const) and isinstance(ends[-1], Const)
        trips = len(range(start.value, ends[-1].value, step)) if known else 0
        return Iteration([SetVar(counter, start), set_stop], Cmp(BOOL, pred, at, stop), [at], [SetVar(counter, forward)], trips)

    @staticmethod
    def _stride(at: Expr, stop: Expr, size: Expr, forward: Expr, upwards: bool) -> Expr:
        """The next number of a range, or its end: the last stride must not wrap around the type's limit."""
        ty = at.ty
        left = Bin(ty, "sub.wrap", stop, at) if upwards else Bin(ty, "sub.wrap", at, stop)
        return hir.Cond(ty, Cmp(BOOL, "ugt", left, size), forward, stop)

    def _dynamic_range(self: Any, node: ast.Call, ty: Type, start: Expr, stop: Expr, step: Expr) -> Iteration:
        """A step known only at run time: unsigned, so upwards."""
        base: Any = model.underlying(ty)
        if base.signed:
            raise self.error("E0402", node.args[2], "a step that is not constant needs an unsigned range")
        set_stop, stop = self.temp(stop)
        set_step, step = self.temp(step)
        counter = self.variable("", ty)
        at = VarGet(ty, counter)
        setup = [SetVar(counter, start), set_stop, set_step]
        if self.checked:
            setup.append(self.check(Cmp(BOOL, "ne", step, Const(ty, 0)), "the step of a range is 0", node))
        forward = self._stride(at, stop, step, Bin(ty, "add.wrap", at, step), True)
        return Iteration(setup, Cmp(BOOL, "ult", at, stop), [at], [SetVar(counter, forward)])

    def _countdown(self: Any, ty: Type, start: Expr, stop: Expr) -> Iteration:
        set_start, start = self.temp(start)
        counter = self.variable("", ty)
        at = VarGet(ty, counter)
        base: Any = model.underlying(ty)
        current = Bin(ty, "sub.wrap", at, Const(ty, 1))
        return Iteration(
            [set_start, SetVar(counter, stop)], Cmp(BOOL, "sgt" if base.signed else "ugt", at, start), [current], [SetVar(counter, current)]
        )

    def _backwards(self: Any, ty: Type, start: Expr, stop: Expr, step: int) -> Iteration:
        """`reversed(range(start, stop, step))`: how many there are is counted first, without overflow."""
        base: Any = model.underlying(ty)
        wide: Any = {8: model.U8, 16: model.U16, 32: model.U32, 64: U64}[base.bits]
        set_start, start = self.temp(start)
        set_stop, stop = self.temp(stop)
        low, high = (start, stop) if step > 0 else (stop, start)
        span = Bin(wide, "sub.wrap", same(high, wide), same(low, wide))
        whole = Bin(wide, "floordiv", Bin(wide, "sub.wrap", span, Const(wide, 1)), Const(wide, abs(step)))
        some = Bin(wide, "add.wrap", whole, Const(wide, 1))
        left = self.variable("", wide)
        at = VarGet(wide, left)
        empty = Cmp(BOOL, ("s" if base.signed else "u") + "ge", low, high)
        count = SetVar(left, hir.Cond(wide, empty, Const(wide, 0), some))
        fewer = Bin(wide, "sub.wrap", at, Const(wide, 1))
        item = Bin(wide, "add.wrap", same(start, wide), Bin(wide, "mul.wrap", fewer, Const(wide, wide.wrap(step))))
        return Iteration([set_start, set_stop, count], Cmp(BOOL, "ne", at, Const(wide, 0)), [same(item, ty)], [SetVar(left, fewer)])

    def _enumerate(self: Any, node: ast.Call) -> Iteration:
        inner = self.iteration(node.args[0])
        counter = self.variable("", U64)
        at = VarGet(U64, counter)
        first = (
            self.value(node.args[1], U64)
            if len(node.args) > 1
            else self.value(node.keywords[0].value, U64)
            if node.keywords
            else hir.u64(0)
        )
        items = inner.items if len(inner.items) == 1 else [hir.Make(model.intern(TupleType, tuple(i.ty for i in inner.items)), inner.items)]
        step = [*inner.step, SetVar(counter, Bin(U64, "add.wrap", at, hir.u64(1)))]
        return Iteration([*inner.setup, SetVar(counter, first)], inner.more, [at, *items], step)

    def _elements(self: Any, base: Expr, node: ast.expr, backwards: bool = False) -> Iteration:
        ty = base.ty
        if isinstance(ty, RegistryType):
            set_base, start = self.temp(self.registry_start(base))
            set_length, length = self.temp(self.registry_length(base))
            setup, elem = [set_base, set_length], model.storage_of(ty.elem)
        elif isinstance(ty, (SpanType, ArrayType)) or self.is_text(ty):
            set_base, span = self.temp(self.as_span(base, node))
            setup, elem = [set_base], span.ty.elem
            start, length = Part(U64, span, 0), Part(U64, span, 1)
        elif isinstance(ty, ClassType) and self.program.layouts.find_method(ty, "__next__"):
            return self._protocol(base, node)
        elif isinstance(ty, ClassType) and self.program.layouts.find_method(ty, "__iter__"):
            return self._protocol(self.call_method(base, "__iter__", [], node), node)
        else:
            raise self.error("E0326", node, f"a `{ty.name}` cannot be iterated over")
        counter = self.variable("", U64)
        at = VarGet(U64, counter)
        if backwards:
            current = Bin(U64, "sub.wrap", at, hir.u64(1))
            item = self.read(self._indexed(start, current, elem), elem)
            return Iteration([*setup, SetVar(counter, length)], Cmp(BOOL, "ne", at, hir.u64(0)), [item], [SetVar(counter, current)])
        item = self.read(self._indexed(start, at, elem), elem)
        return Iteration(
            [*setup, SetVar(counter, hir.u64(0))],
            Cmp(BOOL, "ult", at, length),
            [item],
            [SetVar(counter, Bin(U64, "add.wrap", at, hir.u64(1)))],
        )

    def members_table(self: Any, ty: model.EnumType, node: ast.AST) -> Expr:
        """The members of an enum in the order written, without aliases; of flags, the single bits."""
        values = list(dict.fromkeys(v for v in ty.members.values() if ty.kind != "flag" or v.bit_count() == 1))
        module = ty.decl.module
        found = next((g for g in module.globals if g.symbol == f"{module.name}.{ty.decl.name}.members"), None)
        if found is None:
            found = GlobalDecl(f"{ty.decl.name}.members", module, ty.decl.node, None, None)
            found.symbol, found.state = f"{module.name}.{found.name}", "done"
            found.ty = model.intern(ArrayType, ty, len(values))
            found.init = [(i * ty.size, ty, Const(ty, v)) for i, v in enumerate(values)]
            found.entries = ["constant"]
            module.globals.append(found)
        self.program.globals_used[found] = None
        return hir.GlobalAddr(found.ty, found)

    def _protocol(self: Any, base: Expr, node: ast.expr) -> Iteration:
        """A class whose `__next__` gives the next item, or None at the end."""
        set_base, base = self.temp(base)
        found = self.call_method(base, "__next__", [], node)
        if not isinstance(found.ty, model.OptionalType):
            raise self.error("E0703", node, "`__next__` gives `T | None`: None ends the loop")
        var = self.variable("", found.ty)
        item = VarGet(found.ty, var)
        more = Seq(BOOL, [SetVar(var, found)], hir.Not(BOOL, self.is_none(item, node)))
        return Iteration([set_base], more, [self.unwrap(item, found.ty.inner)], [])

    # -- statements ---------------------------------------------------------------------------------------------
    def stmt_For(self: Any, node: ast.For) -> None:
        if (
            isinstance(node.iter, ast.Tuple)
            or isinstance(node.iter, (ast.Name, ast.Attribute))
            and self._constant_tuple(node.iter) is not None
        ):
            self._unrolled(node)
            return
        plan = self.iteration(node.iter)
        self.out += plan.setup
        self._loop(node.body, lambda: self._for(node, plan))

    def _for(self: Any, node: ast.For, plan: Iteration) -> list[State]:
        tag = LoopTag(plan.trips)
        context = LoopContext(tag)
        before = self.state.copy()
        body: list[Any] = []
        with self.block(body):
            self.bind_items(node.target, plan.items, node)
            self._loop_body(node.body, context)
        done: list[Any] = []
        self.state = before
        with self.block(done):
            self.statements(node.orelse)
        after_else = self.state
        done.append(Break(tag))
        self.out.append(hir.at_line(Loop(tag, [If(plan.more, [], done), *body], plan.step), node.lineno))
        self.state = merge([after_else, *context.break_states])
        return context.back_states

    def _loop(self: Any, body: list[ast.stmt], run: Any) -> None:
        """The body may run again after itself: what it can change is not known at its start.

        A name that is narrowed before the loop may well stay so: that is tried first, and undone if some way round loses it.
        """
        names = assigned_names(body)
        kept = {k: t for k, t in self.state.narrowed.items() if k in names}
        for name in names:
            self.forget(name)
        self.forget_memory()
        if kept:
            start, env, out, loops = self.state.copy(), dict(self.env), len(self.out), list(self.loops)
            reported = self.program.reporter.mark()
            self.state.narrowed |= kept
            if all(s.narrowed.get(k) is t for s in run() if s.reached for k, t in kept.items()):
                return
            self.state, self.env, self.loops = start, env, loops
            del self.out[out:]
            self.program.reporter.back_to(reported)
        run()

    def _loop_body(self: Any, body: list[ast.stmt], context: LoopContext) -> None:
        context.held = self.state.held
        self.loops.append(context)
        self.statements(body)
        self.loops.pop()
        context.back_states.append(self.state.copy())

    def stmt_While(self: Any, node: ast.While) -> None:
        self._loop([*node.body, ast.Expr(node.test)], lambda: self._while(node))

    def _while(self: Any, node: ast.While) -> list[State]:
        tag = LoopTag()
        context = LoopContext(tag)
        body: list[Any] = []
        with self.block(body):
            test = self.condition(node.test)
            yes, no = self.facts(node.test)
            forever = isinstance(test, Const) and bool(test.value)
            before = self.state.copy()
            done: list[Any] = []
            if not forever:
                self.learn(no)
                with self.block(done):
                    self.statements(node.orelse)
                done.append(Break(tag))
                body.append(hir.at_line(If(test, [], done), node.lineno))
            after_else = self.state
            self.state = before.copy()
            self.learn(yes)
            self._loop_body(node.body, context)
        self.out.append(hir.at_line(Loop(tag, body, []), node.lineno))
        ends = [*context.break_states] if forever else [after_else, *context.break_states]
        self.state = merge(ends) if ends else State(before.assigned, {}, False, before.held)
        return context.back_states

    def leaving(self: Any, context: LoopContext) -> State:
        """What is known where a `break` or `continue` goes: the `with` blocks of the body are left."""
        state = self.state.copy()
        state.held = tuple(s for s in state.held if not s.is_block or s in context.held)
        return state

    def stmt_Break(self: Any, node: ast.Break) -> None:
        if not self.loops:
            raise self.error("E0607", node, "`break` outside a loop")
        context = self.loops[-1]
        context.break_states.append(self.leaving(context))
        self.out.append(Break(context.tag))
        self.state.reached = False

    def stmt_Continue(self: Any, node: ast.Continue) -> None:
        if not self.loops:
            raise self.error("E0607", node, "`continue` outside a loop")
        context = self.loops[-1]
        context.back_states.append(self.leaving(context))
        self.out.append(Break(context.continue_by_break) if context.continue_by_break is not None else hir.Continue(context.tag))
        self.state.reached = False

    def bind_items(self: Any, target: ast.expr, items: list[Expr], node: ast.AST) -> None:
        """Assign what an iteration gives to the loop's target; each loop has variables of its own."""
        if isinstance(target, ast.Name):
            item = items[0] if len(items) == 1 else hir.Make(model.intern(TupleType, tuple(i.ty for i in items)), items)
            item = self.settle(item)
            var = self.env.get(target.id)
            if var is None or var.ty is not item.ty:
                var = self.env[target.id] = self.variable(target.id, item.ty)
            self.note_stack(var, item)
            self.out.append(SetVar(var, item))
            self.forget(target.id)
            self.state.assigned.add(target.id)
            return
        if not isinstance(target, ast.Tuple):
            raise self.error("E0608", target, "a loop assigns names")
        if len(items) == 1 and isinstance(items[0].ty, TupleType):
            setter, whole = self.temp(items[0])
            self.out.append(setter)
            items = [Part(t, whole, i) for i, t in enumerate(whole.ty.elems)]
        if len(items) != len(target.elts):
            raise self.error("E0314", target, f"{len(target.elts)} names for {len(items)} values")
        for name, item in zip(target.elts, items, strict=True):
            self.bind_items(name, [item], node)

    # -- tuples: unrolled ---------------------------------------------------------------------------------------
    def _constant_tuple(self: Any, node: ast.expr) -> list[Expr] | None:
        """The parts of a constant tuple, or None."""
        from compiler.types.decls import GlobalDecl

        meaning = self.meaning(node)
        if isinstance(meaning, GlobalDecl):
            self.program.resolve_global(meaning)
            if isinstance(meaning.const, hir.Make):
                return list(meaning.const.parts)
        return None

    def _unrolled(self: Any, node: ast.For) -> None:
        """`for x in (a, b, c)`: the body once for each, so that each may have its own type."""
        tag = LoopTag()
        parts: list[Any] = list(node.iter.elts) if isinstance(node.iter, ast.Tuple) else self._constant_tuple(node.iter) or []
        body: list[Any] = []
        breaks: list[State] = []
        with self.block(body):
            for part in parts:
                if not self.state.reached:
                    break
                once = LoopTag()
                context = LoopContext(tag, once)
                inner: list[Any] = []
                with self.block(inner):
                    item = part if isinstance(part, Expr) else self.settled(part)
                    self.bind_items(node.target, [self.settle(item)], node)
                    self._loop_body(node.body, context)
                breaks += context.break_states
                self.state = merge(context.back_states)
                body.append(Loop(once, [*inner, Break(once)], []))
            self.statements(node.orelse)
        body.append(Break(tag))
        self.out.append(Loop(tag, body, []))
        self.state = merge([self.state, *breaks])
