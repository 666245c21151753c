# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for integers and floats."""

from __future__ import annotations

from math import isqrt

from tests.compiler.differential.grammar import (
    BOOL,
    F64,
    I64,
    INTS,
    U8,
    U64,
    Array,
    AtomicOf,
    Body,
    Bool,
    Enumeration,
    Float,
    Int,
    Optional,
    Record,
    Span,
    Type,
    Value,
    expression,
    value,
)
from tests.compiler.differential.texts import text_value

LARGEST_FLOAT = "1e12"  # what variables keep; products of a few of them stay finite


def literal_of(g: Body, ty: Int) -> int:
    edges = [0, 1, 2, 3, 5, 7, 10, 63, 100, ty.high, ty.high - 1, ty.high // 2, ty.low, ty.low + 1, -1, -2]
    return g.rng.choice([n for n in edges if ty.low <= n <= ty.high] + [g.rng.randint(ty.low, ty.high), g.rng.randrange(100)])


def exact(n: int, ty: Int) -> Value:
    return Value(f"({n})" if n < 0 else str(n), ty, n, n, True, True)


def unary_type(ty: Int, text: str) -> Value:
    return value(text, ty)


# -- leaves ---------------------------------------------------------------------------------------------------------
@expression(Int, 3)
def integer_literal(g: Body, ty: Int, depth: int) -> Value:
    return exact(literal_of(g, ty), ty)


@expression(Int, 8)
def integer_place(g: Body, ty: Int, depth: int) -> Value | None:
    return g.place(ty)


@expression(Int, 1)
def untyped_constant(g: Body, ty: Int, depth: int) -> Value | None:
    """A module constant without a type takes its context's."""
    found = [(n, v) for n, v in g.module.constants if ty.low <= v <= ty.high]
    if not found:
        return None
    name, known = g.rng.choice(found)
    return Value(name, ty, known, known, True, True)


# -- arithmetic -----------------------------------------------------------------------------------------------------
def operands(g: Body, ty: Int, depth: int) -> tuple[Value, Value] | None:
    """Two sides, at most one of which is a constant: two would be folded, or not take the type."""
    a, b = g.expr(ty, depth - 1), g.expr(ty, depth - 1)
    if a.constant and b.constant:
        a = g.place(ty) or b
        if a.constant:
            return None
    return a, b


@expression(Int, 9)
def arithmetic(g: Body, ty: Int, depth: int) -> Value | None:
    both = operands(g, ty, depth) if depth > 0 else None
    if both is None:
        return None
    op = g.rng.choice("+-*")
    result = _interval(op, *both)
    if ty.signed and not _fits(ty, result) and not g.risky():
        limit = isqrt(ty.high) if op == "*" else ty.high // 2
        both = tuple(g.fit(v, -limit, limit) for v in both)  # type: ignore[assignment]
        result = _interval(op, *both)
    if not _fits(ty, result):
        result = ty.low, ty.high
    return Value(f"({both[0].text} {op} {both[1].text})", ty, *result)


def _interval(op: str, a: Value, b: Value) -> tuple[int, int]:
    if op == "+":
        return a.low + b.low, a.high + b.high
    if op == "-":
        return a.low - b.high, a.high - b.low
    ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(ends), max(ends)


def _fits(ty: Int, interval: tuple[int, int]) -> bool:
    return ty.low <= interval[0] and interval[1] <= ty.high


@expression(Int, 2)
def power(g: Body, ty: Int, depth: int) -> Value | None:
    base = g.expr(ty, depth - 1) if depth > 0 else None
    if base is None or base.constant:
        return None
    if g.chance(0.5):
        by = exact(g.rng.choice([0, 1, 2, 3, 4, 7]), ty)
    else:
        by = g.expr(ty, depth - 1)
        if by.constant:
            return None
        by = by if g.risky() else g.fit(by, 0, min(ty.high, g.rng.choice([3, 9, 100])))
    largest = max(abs(base.low), abs(base.high))
    if ty.signed and not g.risky() and largest > 1:
        room = max(1, int(ty.high ** (1 / max(1, by.high))) - 1)
        base = g.fit(base, -room, room)
    return value(f"({base.text} ** {by.text})", ty)


@expression(Int, 3)
def division(g: Body, ty: Int, depth: int) -> Value | None:
    both = operands(g, ty, depth) if depth > 0 else None
    if both is None:
        return None
    a, b = both
    op = g.rng.choice(["//", "%"])
    if b.low <= 0 <= b.high and (b.constant or not g.risky()):
        b = exact(g.rng.choice([1, 2, 3, 7, 10, 100]), ty) if b.constant or g.chance(0.4) else value(f"({b.text} | 1)", ty)
        if a.constant and b.constant:
            return None
    found = value(f"({a.text} {op} {b.text})", ty)
    if b.low >= 1:
        found.low, found.high = (min(a.low, 0), max(a.high, 0)) if op == "//" else (0, b.high - 1)
    return found


@expression(Int, 3)
def bitwise(g: Body, ty: Int, depth: int) -> Value | None:
    both = operands(g, ty, depth) if depth > 0 else None
    if both is None:
        return None
    a, b = both
    op = g.rng.choice("&|^")
    found = value(f"({a.text} {op} {b.text})", ty)
    least = [v.high for v in both if v.low >= 0]
    if op == "&" and least:
        found.low, found.high = 0, min(least)
    return found


@expression(Int, 2)
def shift(g: Body, ty: Int, depth: int) -> Value | None:
    if depth <= 0:
        return None
    a = g.expr(ty, depth - 1)
    folded = a.constant
    if folded:
        a = value(a.typed, ty)
    if g.chance(0.4):
        amount = str(g.rng.randrange(ty.bits))
    else:
        by = g.expr(g.rng.choice(INTS), depth - 1)
        folded = folded and by.constant
        amount = by.typed if g.risky() and not by.constant else g.fit(by, 0, ty.bits - 1).text
    found = value(f"({a.text} {g.rng.choice(['<<', '>>'])} {amount})", ty)
    found.constant = folded
    return found


@expression(Int, 2)
def sign(g: Body, ty: Int, depth: int) -> Value | None:
    if depth <= 0:
        return None
    a = g.expr(ty, depth - 1)
    if a.constant:
        return None
    op = g.rng.choice(["-", "~", "abs"])
    if op != "~" and ty.signed and a.low == ty.low and not g.risky():
        a = g.fit(a, ty.low + 1, ty.high)
    return value(f"abs({a.text})" if op == "abs" else f"({op}{a.text})", ty)


@expression(Int, 2)
def count_bits(g: Body, ty: Int, depth: int) -> Value | None:
    a = g.expr(ty, depth - 1) if depth > 0 else None
    if a is None:
        return None
    name = g.rng.choice(["popcount", "clz", "ctz", "bswap"])
    found = value(f"{name}({a.typed})", ty)
    if name != "bswap" and ty.bits > 8 or name == "clz" and a.low >= 0 and not a.constant:
        found.low, found.high = 0, ty.bits
    return found


@expression(Int, 2)
def extreme(g: Body, ty: Int, depth: int) -> Value | None:
    both = operands(g, ty, depth) if depth > 0 else None
    if both is None:
        return None
    a, b = both
    name = g.rng.choice(["min", "max"])
    pick = min if name == "min" else max
    return Value(f"{name}({a.text}, {b.text})", ty, pick(a.low, b.low), pick(a.high, b.high))


@expression(Int, 1)
def extreme_of_three(g: Body, ty: Int, depth: int) -> Value | None:
    both = operands(g, ty, depth) if depth > 0 else None
    third = g.place(ty)
    if both is None or third is None:
        return None
    return value(f"{g.rng.choice(['min', 'max'])}({both[0].text}, {third.text}, {both[1].text})", ty)


@expression(Int, 1)
def quotient_or_remainder(g: Body, ty: Int, depth: int) -> Value | None:
    if depth <= 0:
        return None
    a, b = g.expr(ty, depth - 1), g.expr(ty, depth - 1)
    return None if a.constant or b.constant else value(f"divmod({a.text}, ({b.text} | 1))[{g.rng.randrange(2)}]", ty)


@expression(Int, 1)
def named(g: Body, ty: Int, depth: int) -> Value | None:
    """A walrus, used at once."""
    if depth <= 0 or g.indent < 1:
        return None
    a, name = g.expr(ty, depth - 1), g.fresh("w")
    if a.constant:
        return None
    test = f"({name} := {a.text}) {g.rng.choice(['<', '>', '=='])} {exact(literal_of(g, ty), ty).text}"
    return value(f"({g.expr(ty, 0).typed} if {test} else {name})", ty)


@expression(Int, 2)
def upper_half(g: Body, ty: Int, depth: int) -> Value | None:
    if ty != U64 or depth <= 0:
        return None
    return value(f"mul_high({g.expr(U64, depth - 1).text}, {g.expr(U64, depth - 1).text})", ty)


# -- from other types -----------------------------------------------------------------------------------------------
@expression(Int, 3)
def conversion(g: Body, ty: Int, depth: int) -> Value | None:
    if depth <= 0:
        return None
    source = g.rng.choice(INTS)
    a = g.expr(source, depth - 1)
    if a.constant:
        return None
    if g.chance(0.5):
        return value(f"wrap({ty.name}, {a.text})", ty)
    low, high = max(ty.low, source.low), min(ty.high, source.high)
    if not g.risky():
        a = g.fit(a, low, high)
    return Value(f"{ty.name}({a.text})", ty, max(a.low, low), min(a.high, high))


@expression(Int, 1)
def from_bool(g: Body, ty: Int, depth: int) -> Value | None:
    return Value(f"{ty.name}({g.expr(BOOL, depth - 1).text})", ty, 0, 1) if depth > 0 else None


@expression(Int, 1)
def from_enumeration(g: Body, ty: Int, depth: int) -> Value | None:
    kinds = g.module.of(Enumeration, lambda e: max(e.members.values()) <= ty.high)
    if depth <= 0 or not kinds:
        return None
    kind = g.rng.choice(kinds)
    a = g.expr(kind, depth - 1)
    known = kind.members.values()
    return Value(f"{ty.name}({a.text})", ty, 0, sum(known) if kind.kind == "flag" else max(known)) if not a.constant else None


@expression(Int, 1)
def from_float(g: Body, ty: Int, depth: int) -> Value | None:
    if depth <= 0:
        return None
    low, high = (-100, 100) if ty.signed else (0, 200)
    a = g.expr(F64, depth - 1)
    return Value(f"{ty.name}(min(max({a.text}, {float(low)}), {float(high)}))", ty, low, high)


@expression(Int, 1)
def length_of(g: Body, ty: Int, depth: int) -> Value | None:
    if ty != U64:
        return None
    found = [v for v in g.scope if isinstance(v.ty, (Array, Span))]
    if found and g.chance(0.6):
        v = g.rng.choice(found)
        assert isinstance(v.ty, (Array, Span))
        known = isinstance(v.ty, Array)
        return Value(f"len({v.name})", ty, v.ty.length, v.ty.length if known else 1000, constant=known)
    return Value(f"len({text_value(g, 1)})", ty, 0, 1000, constant=True)


@expression(Int, 1)
def search_text(g: Body, ty: Int, depth: int) -> Value | None:
    if ty != I64 or depth <= 0:
        return None
    return Value(f"{text_value(g, 1)}.{g.rng.choice(['find', 'rfind'])}({text_value(g, 0)})", ty, -1, 1000)


@expression(Int, 1)
def byte_of_text(g: Body, ty: Int, depth: int) -> Value | None:
    if ty != U8:
        return None
    if g.chance(0.5):
        return Value(f'ord("{g.rng.choice("aZ0 ~")}")', ty, 32, 126, True, True)
    word = g.rng.choice([w for w in g.module.words if w])
    return value(f'"{word}"[{g.index(len(word.encode()))}]', ty)


@expression(Int, 1)
def parsed(g: Body, ty: Int, depth: int) -> Value | None:
    """Raises for what is no number."""
    if ty.bits != 64 or not g.may_raise() or depth <= 0:
        return None
    g.noted_raise()
    number = g.rng.choice(["0", "-1", "+7", "007", "", "-", "1_0", " 1", "x", str(ty.high), str(ty.high + 1), str(ty.low), str(ty.low - 1)])
    return value(f"{ty.name}({text_value(g, 0)})" if g.chance(0.3) else f'{ty.name}("{number}")', ty)


@expression(Int, 2)
def known_optional(g: Body, ty: Int, depth: int) -> Value | None:
    return choice_of_optional(g, ty, depth)


def choice_of_optional(g: Body, ty: Type, depth: int) -> Value | None:
    """`x if x is not None else y`."""
    found = [v for v in g.scope if isinstance(v.ty, Optional) and v.ty.of == ty]
    if not found or depth <= 0:
        return None
    name, other = g.rng.choice(found).name, g.expr(ty, depth - 1)
    form = g.rng.choice([f"({name} if {name} is not None else {other.typed})", f"({other.typed} if {name} is None else {name})"])
    return value(form, ty)


@expression(Int, 2)
def atomic_operation(g: Body, ty: Int, depth: int) -> Value | None:
    """Each gives the old value."""
    found = g.place(AtomicOf(f"Atomic[{ty.name}]", ty))
    if found is None or depth <= 0:
        return None
    name = g.rng.choice(["load", "swap", "add", "sub", "or_", "and_", "xor"])
    operand = "" if name == "load" else g.expr(ty, depth - 1).text
    return value(f"{found.text}.{name}({operand})", ty)


@expression(Int, 2)
def reduction(g: Body, ty: Int, depth: int) -> Value | None:
    """A generator expression: a loop inside an expression."""
    arrays = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and v.ty.elem == ty and v.ty.length > 0]
    if not arrays or depth <= 0:
        return None
    array, name = g.rng.choice(arrays), g.fresh("x")
    ty_of = array.ty
    assert isinstance(ty_of, (Array, Span))
    test = f" if {name} {g.rng.choice(['<', '>=', '!='])} {exact(literal_of(g, ty), ty).text}" if g.chance(0.5) else ""
    if g.chance(0.2):
        start = exact(literal_of(g, ty) & 7, ty).typed
        form = g.rng.choice(
            [
                f"sum(({name} & 3 for {name} in {array.name}{test}), {start})",
                f"max(({name} for {name} in {array.name}{test}), default={start})",
            ]
        )
        return value(form, ty)
    if g.chance(0.5) or test:
        item = f"({name} & 7)" if ty.signed else g.rng.choice([name, f"({name} * 3)"])
        # The sum of nothing is a literal 0 under CPython: the conversion says of what type.
        return value(f"{ty.name}(sum({item} for {name} in {array.name}{test}))", ty)
    if g.chance(0.3):
        other = g.place(ty) or exact(1, ty)
        return value(f"{g.rng.choice(['min', 'max'])}({array.name}, key=lambda {name}: {name} ^ {other.text})", ty)
    return value(f"{g.rng.choice(['min', 'max'])}({array.name})", ty)


# -- for every type -------------------------------------------------------------------------------------------------
def choose(g: Body, ty: Type, depth: int) -> Value | None:
    if depth <= 0:
        return None
    a, b = g.expr(ty, depth - 1), g.expr(ty, depth - 1)
    test = g.expr(BOOL, depth - 1)
    return Value(
        f"({a.typed} if {test.text} else {b.typed})", ty, min(a.low, b.low), max(a.high, b.high), constant=a.constant and b.constant
    )


def called(g: Body, ty: Type, depth: int) -> Value | None:
    function = g.callable(ty)
    return value(g.call(function, depth), ty) if function and depth > 0 else None


def method_called(g: Body, ty: Type, depth: int) -> Value | None:
    """A method of some record in reach; of a polymorphic one, whichever its object has."""
    if depth <= 0:
        return None
    found = []
    for record in g.module.of(Record):
        for method in record.methods.values():
            if method.result == ty and (g.may_raise() or not method.raises) and g.weight * method.cost + g.cost <= 4000:
                found.append((record, method))
    g.rng.shuffle(found)
    for record, method in found:
        owner = g.place(record)
        if owner is not None:
            return value(f"{owner.text}.{g.call(method, depth)}", ty)
    return None


for _kind in (Int, Bool, Float):
    expression(_kind, 2)(choose)
    expression(_kind, 3)(called)
    expression(_kind, 3)(method_called)


# -- floats ---------------------------------------------------------------------------------------------------------
@expression(Float, 2)
def float_literal(g: Body, ty: Float, depth: int) -> Value:
    number = g.rng.choice([0.0, 1.0, 0.5, 2.25, 1e-9, 3.0, 1e6, round(g.rng.uniform(-1000, 1000), 3)])
    return Value(f"({number!r})" if number < 0 else repr(number), ty, constant=True)


@expression(Float, 4)
def float_place(g: Body, ty: Float, depth: int) -> Value | None:
    return g.place(ty)


@expression(Float, 4)
def float_arithmetic(g: Body, ty: Float, depth: int) -> Value | None:
    if depth <= 0:
        return None
    a, b = g.expr(F64, depth - 1), g.expr(F64, depth - 1)
    op = g.rng.choice(["+", "-", "*", "/", "//", "%"])
    right = b.text if op in "+-*" else f"(abs({b.text}) + 0.5)"
    return Value(f"({a.text} {op} {right})", ty, constant=a.constant and b.constant)


@expression(Float, 2)
def float_of_integer(g: Body, ty: Float, depth: int) -> Value | None:
    if depth <= 0:
        return None
    a = g.expr(g.rng.choice(INTS), depth - 1)
    return None if a.constant else value(f"f64({a.text})", ty)


@expression(Float, 2)
def float_function(g: Body, ty: Float, depth: int) -> Value | None:
    if depth <= 0:
        return None
    a = g.expr(F64, depth - 1).text
    other = g.expr(F64, 0).text
    return value(g.rng.choice([f"abs({a})", f"(-{a})", f"sqrt(abs({a}))", f"min({a}, {other})", f"max({a}, {other})"]), ty)
