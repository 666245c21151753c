# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for strings, and for what else is passed around as a whole: enumerations, optionals, tuples, records."""

from __future__ import annotations

from tests.compiler.differential.grammar import (
    BOOL,
    STR,
    U32,
    Array,
    AtomicOf,
    Body,
    Enumeration,
    Optional,
    Record,
    Room,
    Span,
    Str,
    Tuple,
    Value,
    expression,
    value,
)


def text_value(g: Body, depth: int) -> str:
    """A string, or the view of a text: only good for the moment, since the text may change."""
    rooms = [v.name for v in g.scope if isinstance(v.ty, Room)]
    return f"{g.rng.choice(rooms)}.view" if rooms and g.chance(0.3) else g.expr(STR, depth).text


# -- strings --------------------------------------------------------------------------------------------------------
@expression(Str, 3)
def string_literal(g: Body, ty: Str, depth: int) -> Value:
    return value(f"{g.rng.choice(g.module.words)!r}", STR)


@expression(Str, 4)
def string_place(g: Body, ty: Str, depth: int) -> Value | None:
    return g.place(STR)


@expression(Str, 1)
def string_slice(g: Body, ty: Str, depth: int) -> Value:
    """Of ASCII, where a character is a byte."""
    word = g.rng.choice([w for w in g.module.words if w.isascii()])
    start = g.rng.randint(0, len(word))
    stop = g.rng.randint(start, len(word))
    first, last = g.rng.choice([(str(start), str(stop)), ("", str(stop)), (str(start), "")])
    return value(f"{word!r}[{first}:{last}]", STR)


@expression(Str, 1)
def string_stripped(g: Body, ty: Str, depth: int) -> Value | None:
    return value(f"{g.expr(STR, depth - 1).text}.{g.rng.choice(['strip', 'lstrip', 'rstrip'])}()", STR) if depth > 0 else None


@expression(Str, 1)
def string_split(g: Body, ty: Str, depth: int) -> Value | None:
    if depth <= 0:
        return None
    return value(f'{g.expr(STR, depth - 1).text}.split1("{g.rng.choice([" ", "a", "=", "bc"])}")[{g.rng.randrange(2)}]', STR)


@expression(Str, 1)
def member_name(g: Body, ty: Str, depth: int) -> Value | None:
    kinds = g.module.of(Enumeration, lambda e: e.kind != "flag")
    return value(f"{g.expr(g.rng.choice(kinds), depth - 1).text}.name", STR) if kinds and depth > 0 else None


# -- enumerations ---------------------------------------------------------------------------------------------------
@expression(Enumeration, 2)
def member(g: Body, ty: Enumeration, depth: int) -> Value:
    return Value(f"{ty.name}.{g.rng.choice(list(ty.members))}", ty, constant=True)


@expression(Enumeration, 4)
def enumeration_place(g: Body, ty: Enumeration, depth: int) -> Value | None:
    return g.place(ty)


@expression(Enumeration, 2)
def enumeration_of_integer(g: Body, ty: Enumeration, depth: int) -> Value | None:
    """Its values are consecutive, or powers of two."""
    if depth <= 0:
        return None
    values = list(ty.members.values())
    a = g.expr(ty.storage, depth - 1)
    if a.constant:
        return None
    if ty.kind == "flag":
        return value(f"{ty.name}({a.text} & {sum(values)})", ty)
    if g.risky():
        return value(f"{ty.name}({a.text})", ty)
    return value(f"{ty.name}({a.text} % {len(values)} + {min(values)})", ty)


@expression(Enumeration, 3)
def flags_together(g: Body, ty: Enumeration, depth: int) -> Value | None:
    if ty.kind != "flag" or depth <= 0:
        return None
    a, b = g.expr(ty, depth - 1), g.expr(ty, depth - 1)
    return value(g.rng.choice([f"({a.text} {op} {b.text})" for op in "|&^"] + [f"(~{a.text})"]), ty)


# -- optionals and tuples -------------------------------------------------------------------------------------------
@expression(Optional, 1)
def nothing(g: Body, ty: Optional, depth: int) -> Value:
    return value("None", ty)


@expression(Optional, 4)
def optional_place(g: Body, ty: Optional, depth: int) -> Value | None:
    return g.place(ty)


@expression(Optional, 4)
def something(g: Body, ty: Optional, depth: int) -> Value | None:
    """A reference that outlives the function: a global, or an element of one."""
    if isinstance(ty.of, Record):
        found = lasting(g, ty.of)
        return value(found.text, ty) if found else None
    return value(g.expr(ty.of, depth - 1).text, ty) if depth > 0 else None


def lasting(g: Body, ty: Record) -> Value | None:
    """A record in static storage."""
    saved, g.scope = g.scope, g.module.scope
    found = g.place(ty)
    g.scope = saved
    return found


@expression(Tuple, 2)
def tuple_display(g: Body, ty: Tuple, depth: int) -> Value:
    return value(f"({', '.join(g.expr(p, depth - 1).typed for p in ty.parts)})", ty)


@expression(Tuple, 4)
def tuple_place(g: Body, ty: Tuple, depth: int) -> Value | None:
    return g.place(ty)


# -- records --------------------------------------------------------------------------------------------------------
@expression(Record, 5)
def record_place(g: Body, ty: Record, depth: int) -> Value | None:
    return g.place(ty)


@expression(Record, 1)
def bit_fields(g: Body, ty: Record, depth: int) -> Value | None:
    """A value of a bit-field type: from its parts, or from the whole."""
    if not ty.bits:
        return None
    if g.chance(0.4):
        return value(f"{ty.name}.from_raw({g.expr(ty.raw, depth - 1).text})", ty)
    picked = [n for n in ty.fields if g.chance(0.5)]
    return value(f"{ty.name}({', '.join(f'{n}={field_value(g, ty, n, depth - 1)}' for n in picked)})", ty)


def field_value(g: Body, ty: Record, name: str, depth: int) -> str:
    """What may be stored in a field: for a bit-field, what fits."""
    found = g.expr(ty.fields[name], depth)
    return g.fit(found, 0, (1 << ty.bits[name]) - 1).text if name in ty.bits and ty.fields[name] == ty.raw else found.text


def construct(g: Body, ty: Record, depth: int) -> str:
    """A call of the constructor, with some fields by keyword."""
    simple = [n for n, t in ty.fields.items() if not isinstance(t, (Array, AtomicOf, Record)) and n not in ty.fixed]
    picked = [n for n in simple if g.chance(0.4)]
    return f"{ty.name}({', '.join(f'{n}={g.expr(ty.fields[n], depth).text}' for n in picked)})"


@expression(Span, 3)
def span_of_array(g: Body, ty: Span, depth: int) -> Value | None:
    """An array or a span, whole or a slice."""
    found = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and v.ty.elem == ty.elem and v.ty.length >= ty.length]
    if not found:
        return None
    picked = g.rng.choice(found)
    assert isinstance(picked.ty, (Array, Span))
    spare = picked.ty.length - ty.length
    if g.chance(0.3):
        return value(picked.name, ty)
    if g.risky():
        return value(f"{picked.name}[{g.expr(U32, 1).typed}:{g.expr(U32, 1).typed}]", ty)
    start = g.number(U32, 0, spare, 1).text if g.chance(0.5) else str(g.rng.randint(0, spare))
    return value(g.rng.choice([f"{picked.name}[{start}:]", f"{picked.name}[{start}:{picked.ty.length}]"]), ty)


__all__ = ["BOOL"]
