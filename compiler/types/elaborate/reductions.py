# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers: `abs`, `divmod`; and what makes one value of many: `min`, `max`, `sum`, `any`, `all`, which are loops."""

from __future__ import annotations

import ast
from typing import Any

from compiler.syntax.walk import walk
from compiler.types import hir, model
from compiler.types.hir import Break, Cmp, Cond, Const, Expr, If, Intrinsic, Loop, LoopTag, Make, Seq, SetVar, Var, VarGet
from compiler.types.model import BOOL, UNTYPED, FloatType, IntType, Type


class Reduction:
    """One loop that makes a value: `kind` is what it does with each item, `first` where it starts, `key` what min and max go by."""

    def __init__(self, kind: str, call: ast.Call, want: Type | None, first: ast.expr | None = None, key: ast.expr | None = None) -> None:
        self.kind, self.call, self.want, self.first, self.key = kind, call, want, first, key
        self.tag = LoopTag()
        self.var: Any = None  # the result so far
        self.start: Any = None  # what it is before the first item
        self.seen: Var | None = None  # whether there was one yet (min, max)
        self.collected: Any = None  # the type of the items of a table


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


class NumberMixin:
    # -- numbers ------------------------------------------------------------------------------------------------
    def call_abs(self: Any, node: ast.Call, want: Type | None) -> Expr:
        value = self.settled(self.exactly(node, 1)[0], want)
        if isinstance(value.ty, FloatType):
            return Intrinsic(value.ty, "fabs", [value])
        setter, value = self.temp(value)
        if not (isinstance(value.ty, IntType) and value.ty.signed):
            return Seq(value.ty, [setter], value)
        negative = Cmp(BOOL, "slt", value, Const(value.ty, 0))
        return Seq(value.ty, [setter], Cond(value.ty, negative, self.integer("sub", Const(value.ty, 0), value, node), value))

    def call_divmod(self: Any, node: ast.Call, want: Type | None) -> Expr:
        a, b = self.exactly(node, 2)
        left = self.expr(a)
        right = self.expr(b, left.ty)
        left, right = self._meet(self.settle(left) if right.ty is UNTYPED else left, right, node)
        if left.ty is not right.ty or not isinstance(left.ty, (model.IntType, model.FloatType)):
            raise self.no_operator("floordiv", left, right, node)
        set_left, left = self.temp(left)
        set_right, right = self.temp(right)
        divide = self.integer if isinstance(left.ty, model.IntType) else self._float
        quotient, rest = divide("floordiv", left, right, node), divide("floormod", left, right, node)
        ty = model.intern(model.TupleType, (left.ty, left.ty))
        return Seq(ty, [set_left, set_right], Make(ty, [quotient, rest]))

    def _extreme(self: Any, node: ast.Call, want: Type | None, kind: str) -> Expr:
        default, key = keyword(node, "default"), keyword(node, "key")
        if len(node.args) == 1:
            return self._reduce(node.args[0], Reduction(kind, node, want, default, key))
        if default is not None:
            raise self.error("E0803", node.keywords[0], "`default` is for one argument that may be empty")
        values = [self.expr(a, want) for a in node.args]
        typed = next((v for v in values if v.ty is not UNTYPED), None)
        if typed is None and key is None:
            return Const(UNTYPED, min(v.value for v in values) if kind == "min" else max(v.value for v in values))
        ty = typed.ty if typed is not None else model.I64
        body: list[Any] = []
        best: Expr | None = None
        with self.block(body):
            for argument, value in zip(node.args, values, strict=True):
                value = self.kept(self._adapt(value, ty, argument) if value.ty is UNTYPED else value)
                score = self.kept(self._key_of(key, value)) if key is not None else value
                if best is None:
                    best, best_score = value, score
                    continue
                better = self.kept(self.compare("lt" if kind == "min" else "gt", score, best_score, node))
                best = self.kept(Cond(ty, better, value, best))
                best_score = self.kept(Cond(score.ty, better, score, best_score)) if key is not None else best
        assert best is not None
        return Seq(best.ty, body, best)

    def _key_of(self: Any, key: ast.expr, item: Expr) -> Expr:
        """`key(item)`: a lambda's expression stands where it is wanted, so nothing is called."""
        env, assigned = dict(self.env), set(self.state.assigned)
        if isinstance(key, ast.Lambda) and len(key.args.args) == 1:
            name, call = key.args.args[0].arg, key.body
            shown = name
        else:
            name, shown = "(item)", ""
            call = ast.copy_location(ast.Call(key, [ast.copy_location(ast.Name(name, ast.Load()), key)], []), key)
        self.env[name] = self.variable(shown, item.ty)
        self.out.append(SetVar(self.env[name], item))
        self.state.assigned.add(name)
        found: Expr = self.settled(call)
        self.env, self.state.assigned = env, assigned
        return found

    def call_min(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._extreme(node, want, "min")

    def call_max(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._extreme(node, want, "max")

    def call_sum(self: Any, node: ast.Call, want: Type | None) -> Expr:
        start = keyword(node, "start")
        if len(node.args) == 2 and start is None:
            start = node.args[1]
        elif len(node.args) != 1:
            self.exactly(node, 1)
        return self._reduce(node.args[0], Reduction("sum", node, want, start))

    def call_any(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._reduce(self.exactly(node, 1)[0], Reduction("any", node, want))

    def call_all(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._reduce(self.exactly(node, 1)[0], Reduction("all", node, want))

    # -- loops --------------------------------------------------------------------------------------------------
    def _reduce(self: Any, node: ast.expr, reduction: Reduction) -> Expr:
        """`sum(f(x) for x in xs if p(x))` and its kin, as a loop; `sum(numbers)` as over a generator of its elements."""
        if not isinstance(node, ast.GeneratorExp):
            reduction.want = None
            name, target = ast.Name("_item", ast.Load()), ast.Name("_item", ast.Store())
            made = ast.GeneratorExp(name, [ast.comprehension(target, node, [], 0)])
            for part in (made, name, target):
                ast.copy_location(part, node)
            node = made
        outer_env, before = dict(self.env), self.state.copy()
        collected: list[Any] = []
        self.forget_memory()
        with self.block(collected):
            self._generator_loops(node.generators, node.elt, reduction)
        self.env, self.state = outer_env, before
        self.forget_memory()
        var, first = reduction.var, reduction.first
        start = [SetVar(var, self.value(first, var.ty) if first is not None else reduction.start)]
        if reduction.seen is not None:
            start.append(SetVar(reduction.seen, Const(BOOL, False)))
            if self.checked and first is None:
                collected.append(self.check(VarGet(BOOL, reduction.seen), f"{reduction.kind} of nothing", reduction.call))
        return Seq(var.ty, [*start, Loop(reduction.tag, [*collected, Break(reduction.tag)], [])], VarGet(var.ty, var))

    def _generator_loops(self: Any, generators: list[ast.comprehension], elt: ast.expr, reduction: Reduction) -> None:
        if not generators:
            self._accumulate(elt, reduction)
            return
        first = generators[0]
        plan = self.iteration(first.iter)
        self.out += plan.setup
        inner_tag = LoopTag()
        body: list[Any] = []
        with self.block(body):
            self.assigned_later |= {n.id for n in walk(first.target) if isinstance(n, ast.Name)}
            self.bind_items(first.target, plan.items, reduction.call)
            for test in first.ifs:
                self.out.append(If(self.condition(test), [], [hir.Continue(inner_tag)]))
                self.learn(self.facts(test)[0])
            self._generator_loops(generators[1:], elt, reduction)
        self.out.append(Loop(inner_tag, [If(plan.more, [], [Break(inner_tag)]), *body], plan.step))

    def _accumulate(self: Any, elt: ast.expr, reduction: Reduction) -> None:
        """What the innermost loop does with one item."""
        kind, want = reduction.kind, reduction.want
        if kind in ("any", "all"):
            var = reduction.var = self.variable("", BOOL)
            reduction.start = Const(BOOL, kind == "all")
            test = self.condition(elt)
            stop = [SetVar(var, Const(BOOL, kind == "any")), Break(reduction.tag)]
            self.out.append(If(test, stop, []) if kind == "any" else If(test, [], stop))
            return
        if kind == "collect":
            item = self.value(elt, want) if want is not None else self.settled(elt)
            reduction.collected = item.ty
            self.out.append(hir.Do(Intrinsic(model.VOID, "collect", [item])))
            return
        item = self.expr(elt, want)
        if item.ty is UNTYPED:
            item = self.coerce(item, want if isinstance(want, IntType) else model.I64, elt)
        if item.ty is BOOL and reduction.key is None:
            item = hir.Conv(model.I64, "zext", item)
        var = reduction.var = self.variable("", item.ty)
        reduction.start = Const(item.ty, 0) if not model.is_pointer(item.ty) else Const(item.ty, None)
        if kind == "sum":
            self.out.append(SetVar(var, self.binary("add", VarGet(item.ty, var), item, reduction.call)))
        else:
            self._keep_extreme(item, reduction)

    def _keep_extreme(self: Any, item: Expr, reduction: Reduction) -> None:
        """The item becomes the result if it is the first, or less (more) than the best so far; of equal ones the first stays."""
        seen = reduction.seen = self.variable("", BOOL)
        item = self.kept(item)
        score, best, update = item, reduction.var, [SetVar(reduction.var, item), SetVar(seen, hir.true())]
        if reduction.key is not None:
            score = self.kept(self._key_of(reduction.key, item))
            best = self.variable("", score.ty)
            update.append(SetVar(best, score))
        better = self.compare("lt" if reduction.kind == "min" else "gt", score, VarGet(score.ty, best), reduction.call)
        self.out.append(If(hir.Logic(BOOL, "or", hir.Not(BOOL, VarGet(BOOL, seen)), better), update, []))

    def kept(self: Any, value: Expr) -> Expr:
        """The value, computed once and here."""
        setter, value = self.temp(value)
        self.out.append(setter)
        return value

    def table_body(self: Any, call: ast.Call, elem: Type | None) -> tuple[list[Any], Type]:
        """The loops of `tuple(f(n) for n in …)`, which hand each item to `collect`, and the type of the items."""
        if len(call.args) != 1 or not isinstance(call.args[0], ast.GeneratorExp):
            raise self.error("E1302", call, "a table is written `tuple(f(n) for n in range(…))`")
        generator = call.args[0]
        body: list[Any] = []
        reduction = Reduction("collect", call, model.value_of(elem) if elem is not None else None)
        with self.block(body):
            self._generator_loops(generator.generators, generator.elt, reduction)
        return body, reduction.collected
