# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for conditions."""

from __future__ import annotations

from tests.compiler.differential.grammar import (
    BOOL,
    F64,
    INTS,
    STR,
    Array,
    Body,
    Bool,
    Enumeration,
    Int,
    Optional,
    Record,
    Span,
    Str,
    Tuple,
    Value,
    expression,
    value,
)
from tests.compiler.differential.numbers import exact, literal_of
from tests.compiler.differential.texts import text_value

COMPARISONS = ["<", "<=", ">", ">=", "==", "!="]


def yes_or_no(text: str) -> Value:
    return value(f"({text})", BOOL)


@expression(Bool, 1)
def truth_literal(g: Body, ty: Bool, depth: int) -> Value:
    return Value(g.rng.choice(["True", "False"]), BOOL, constant=True)


@expression(Bool, 4)
def bool_place(g: Body, ty: Bool, depth: int) -> Value | None:
    return g.place(BOOL)


@expression(Bool, 8)
def compared(g: Body, ty: Bool, depth: int) -> Value | None:
    kind = g.rng.choice(INTS)
    a = g.place(kind) or g.expr(kind, depth - 1)
    b = g.expr(kind, depth - 1)
    if a.constant:
        return None if b.constant else yes_or_no(f"{a.text} {g.rng.choice(COMPARISONS)} {b.text}")
    return yes_or_no(f"{a.text} {g.rng.choice(COMPARISONS)} {b.text}")


@expression(Bool, 2)
def chained(g: Body, ty: Bool, depth: int) -> Value | None:
    kind = g.rng.choice(INTS)
    middle = g.place(kind)
    if middle is None:
        return None
    a, b = g.expr(kind, depth - 1), g.expr(kind, depth - 1)
    ops = g.rng.choice(COMPARISONS), g.rng.choice(COMPARISONS)
    return yes_or_no(f"{a.typed} {ops[0]} {middle.text} {ops[1]} {b.text}")


@expression(Bool, 3)
def joined(g: Body, ty: Bool, depth: int) -> Value | None:
    if depth <= 0:
        return None
    a, b = g.expr(BOOL, depth - 1).text, g.expr(BOOL, depth - 1).text
    return yes_or_no(f"{a} {g.rng.choice(['and', 'or'])} {b}")


@expression(Bool, 2)
def negated(g: Body, ty: Bool, depth: int) -> Value | None:
    return yes_or_no(f"not {g.expr(BOOL, depth - 1).text}") if depth > 0 else None


@expression(Bool, 2)
def integer_member(g: Body, ty: Bool, depth: int) -> Value | None:
    kind = g.rng.choice(INTS)
    item = g.place(kind)
    if item is None:
        return None
    few = [exact(literal_of(g, kind), kind).text for _ in range(g.rng.randint(2, 4))]
    low = g.rng.randrange(50)
    where = g.rng.choice([f"({', '.join(few)})", f"range({low}, {g.rng.randrange(low, 101)})"])
    return yes_or_no(f"{item.text} {g.rng.choice(['in', 'not in'])} {where}")


@expression(Bool, 2)
def element_member(g: Body, ty: Bool, depth: int) -> Value | None:
    found = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and isinstance(v.ty.elem, Int)]
    if not found:
        return None
    array = g.rng.choice(found)
    assert isinstance(array.ty, (Array, Span))
    return yes_or_no(f"{g.expr(array.ty.elem, depth - 1).text} in {array.name}")


@expression(Bool, 2)
def some_or_all(g: Body, ty: Bool, depth: int) -> Value | None:
    found = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and isinstance(v.ty.elem, Int)]
    if not found or depth <= 0:
        return None
    array, name = g.rng.choice(found), g.fresh("x")
    assert isinstance(array.ty, (Array, Span)) and isinstance(array.ty.elem, Int)
    other = exact(literal_of(g, array.ty.elem), array.ty.elem).text
    return value(f"{g.rng.choice(['any', 'all'])}({name} {g.rng.choice(COMPARISONS)} {other} for {name} in {array.name})", BOOL)


@expression(Bool, 2)
def spans_equal(g: Body, ty: Bool, depth: int) -> Value | None:
    found = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and isinstance(v.ty.elem, Int) and v.ty.length > 1]
    if not found:
        return None
    array = g.rng.choice(found)
    assert isinstance(array.ty, (Array, Span))
    return yes_or_no(f"{array.name}[0:1] {g.rng.choice(['==', '!='])} {array.name}[{array.ty.length - 1}:{array.ty.length}]")


@expression(Bool, 3)
def text_test(g: Body, ty: Bool, depth: int) -> Value:
    a, b = text_value(g, 1), text_value(g, 0)
    forms = [f"{a} {g.rng.choice([*COMPARISONS, 'in', 'not in'])} {b}", f"{a}.startswith({b})", f"{a}.endswith({b})", f"{a}.isdigit()"]
    return yes_or_no(g.rng.choice(forms))


@expression(Bool, 2)
def float_compared(g: Body, ty: Bool, depth: int) -> Value | None:
    a, b = g.expr(F64, depth - 1), g.expr(F64, depth - 1)
    return None if a.constant and b.constant else yes_or_no(f"{a.text} {g.rng.choice(COMPARISONS)} {b.text}")


@expression(Bool, 2)
def is_none(g: Body, ty: Bool, depth: int) -> Value | None:
    found = [v for v in g.scope if isinstance(v.ty, Optional)]
    if not found:
        return None
    return yes_or_no(f"{g.rng.choice(found).name} {g.rng.choice(['is', 'is not'])} None")


@expression(Bool, 2)
def optional_test(g: Body, ty: Bool, depth: int) -> Value | None:
    """Narrowed by the test before."""
    found = [v for v in g.scope if isinstance(v.ty, Optional) and isinstance(v.ty.of, Int)]
    if not found:
        return None
    v = g.rng.choice(found)
    assert isinstance(v.ty, Optional)
    other = g.expr(v.ty.of, depth - 1).text
    if g.chance(0.3):
        return yes_or_no(f"{v.name} {g.rng.choice(['==', '!='])} {other}")
    word, joint = g.rng.choice([("is not", "and"), ("is", "or")])
    return yes_or_no(f"{v.name} {word} None {joint} {v.name} {g.rng.choice(COMPARISONS)} {other}")


@expression(Bool, 2)
def member_test(g: Body, ty: Bool, depth: int) -> Value | None:
    kinds = g.module.of(Enumeration)
    if not kinds:
        return None
    kind = g.rng.choice(kinds)
    a, b = g.expr(kind, depth - 1), g.expr(kind, depth - 1)
    if a.constant and b.constant:
        return None
    ops = {"enum": ["==", "!=", "is"], "int": COMPARISONS, "flag": ["==", "!=", "in", "not in"]}[kind.kind]
    return yes_or_no(f"{a.text} {g.rng.choice(ops)} {b.text}")


@expression(Bool, 1)
def valid_member(g: Body, ty: Bool, depth: int) -> Value | None:
    kinds = g.module.of(Enumeration)
    if not kinds:
        return None
    kind = g.rng.choice(kinds)
    a = g.expr(kind.storage, depth - 1)
    return None if a.constant else value(f"valid({kind.name}, {a.text})", BOOL)


@expression(Bool, 4)
def tuples_equal(g: Body, ty: Bool, depth: int) -> Value | None:
    found = [v for v in g.scope if isinstance(v.ty, Tuple)]
    if not found:
        return None
    v = g.rng.choice(found)
    assert isinstance(v.ty, Tuple)
    ordered = all(isinstance(p, (Int, Str)) for p in v.ty.parts)
    return yes_or_no(f"{v.name} {g.rng.choice(COMPARISONS if ordered else ['==', '!='])} {g.expr(v.ty, 1).text}")


@expression(Bool, 2)
def records_compared(g: Body, ty: Bool, depth: int) -> Value | None:
    """By the methods that they define."""
    records = g.module.of(Record, lambda r: r.ordered)
    if not records:
        return None
    record = g.rng.choice(records)
    a, b = g.place(record), g.place(record)
    return yes_or_no(f"{a.text} {g.rng.choice(['<', '>', '==', '!='])} {b.text}") if a and b else None


@expression(Bool, 1)
def same_object(g: Body, ty: Bool, depth: int) -> Value | None:
    records = g.module.of(Record, lambda r: not r.bits)
    if not records:
        return None
    record = g.rng.choice(records)
    a, b = g.place(record), g.place(record)
    return yes_or_no(f"{a.text} {g.rng.choice(['is', 'is not'])} {b.text}") if a and b else None


@expression(Bool, 3)
def bits_equal(g: Body, ty: Bool, depth: int) -> Value | None:
    records = g.module.of(Record, lambda r: bool(r.bits))
    if not records:
        return None
    record = g.rng.choice(records)
    a = g.place(record)
    return yes_or_no(f"{a.text} {g.rng.choice(['==', '!='])} {g.expr(record, depth - 1).text}") if a else None


__all__ = ["STR"]
