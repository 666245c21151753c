# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole programs: `program(seed)` is the source of one, always the same."""

from __future__ import annotations

from tests.compiler.differential import conditions, control, numbers, statements, texts
from tests.compiler.differential import declarations as declared
from tests.compiler.differential.grammar import DECLARATIONS, Array, Body, Module, Value
from tests.compiler.differential.statements import show

RULES = (conditions, control, numbers, statements, texts, declared)  # importing a module registers its rules
HEAD = '''# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated program {seed}."""

from abc import ABC, abstractmethod
from enum import Enum, IntEnum, IntFlag, auto
from typing import Callable, Generic, TypeVar

from lang import (
    Array, Atomic, Bits, Errno, Error, Ref, Registry, Span, array, assign, bit, bits, bswap, clz, copy, ctz, f64, free, i8, i16,
    i32, i64, inline, memcpy, memset, mul_high, new, noinline, panic, popcount, sqrt, struct, text, u8, u16, u32, u64, valid,
    wrap,
)

T = TypeVar("T")
'''
END = '\n\nif __name__ == "__main__":\n    raise SystemExit(main())\n'


def make(seed: int) -> Module:
    """The module, with the counts of the rules that it used."""
    m = Module(seed)
    m.put(*HEAD.format(seed=seed).splitlines())
    declared.enumeration(m)
    declared.record(m)
    declared.global_array(m)
    declared.global_variable(m)
    weights, rules = [w for w, _ in DECLARATIONS], [r for _, r in DECLARATIONS]
    for rule in m.rng.choices(rules, weights, k=m.rng.randint(1, 4)):
        rule(m)
        m.used[rule.__name__] += 1
    declared.function(m)
    _main(m)
    return m


def program(seed: int) -> str:
    return "\n".join(make(seed).lines) + END


def _main(m: Module) -> None:
    """Calls what there is, and prints all that is left."""
    m.put("", "", "def main() -> i32:")
    g = Body(m, 1, [], None)
    declared.globals_line(m, g)
    for table, instances in m.tables:
        for i, name in enumerate(instances):
            g.put(f"{table}[{i}] = {name}")
    budget = 6000
    for function in m.rng.sample(m.functions, min(len(m.functions), 5)):
        for _ in range(m.rng.randint(1, 2)):
            budget -= function.cost
            if budget > 0:
                _try_call(g, function)
    for v in m.scope:
        if v.name in m.globals or isinstance(v.ty, Array):
            show(g, Value(v.name, v.ty))
    for line in m.finals:
        g.put(line)
    g.put("return 0")


def _try_call(g: Body, function) -> None:  # type: ignore[no-untyped-def]
    call = g.call(function, 2)
    name = g.fresh("got")
    with g.block("try:"):
        if function.result is None:
            g.put(call)
            g.put(f'print("{function.name}")')
        else:
            g.put(f"{name} = {call}")
            show(g, Value(name, function.result))
    with g.block("except Error as e:"):
        g.put('print("left", e.errno, e.message)')
