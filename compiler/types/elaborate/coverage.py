# SPDX-License-Identifier: GPL-2.0-or-later
"""Which values the cases of a `match` cover: an example that none takes, and cases that can take nothing more.

Patterns are rows of a matrix with a column for each value looked at; both questions split the first column by its constructors
(Maranget, "Warnings for pattern matching", JFP 2007). Integers and strings have more constructors than anyone writes.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

from compiler.types import model
from compiler.types.model import BOOL, ClassType, EnumType, OptionalType, TupleType, Type


class Pat(NamedTuple):
    """A constructor with the patterns of its parts; `key` None: anything."""

    key: Any
    parts: tuple[Any, ...] = ()


ANY = Pat(None)
Row = list[Pat]


class Shape(NamedTuple):
    """A constructor of a type: its parts' types, and how a value of it is written."""

    parts: tuple[Type, ...]
    shown: str


def shapes(ty: Type, fields: dict[Type, list[str]]) -> dict[Any, Shape] | None:
    """All constructors of a type; None if there is no end to them. `fields`: those of a class that patterns look at."""
    if isinstance(ty, EnumType) and ty.kind != "flag":
        return {v: Shape((), f"{ty.name}.{n}") for n, v in reversed(ty.members.items())}
    if ty is BOOL:
        return {1: Shape((), "True"), 0: Shape((), "False")}
    if isinstance(ty, OptionalType):
        return {"none": Shape((), "None"), "some": Shape((ty.inner,), "{}")}
    if isinstance(ty, TupleType):
        return {"tuple": Shape(ty.elems, "(" + ", ".join(["{}"] * len(ty.elems)) + ")")}
    if isinstance(ty, ClassType):
        names = fields.get(ty, [])
        parts = tuple(model.value_of(ty.fields[n].ty) for n in names)
        return {"class": Shape(parts, f"{ty.decl.name}({', '.join(n + '={}' for n in names)})")}
    return None


def alternatives(pat: Pat) -> list[Pat]:
    """The pattern without `|` in it, as several."""
    if pat.key == "or":
        return [one for part in pat.parts for one in alternatives(part)]
    return [Pat(pat.key, parts) for parts in product(*map(alternatives, pat.parts))]


def must_cover(ty: Type) -> bool:
    """Whether a match over this type has to cover it all: wherever an enum is part of it."""
    if isinstance(ty, TupleType):
        return any(must_cover(e) for e in ty.elems)
    if isinstance(ty, OptionalType):
        return must_cover(ty.inner)
    return isinstance(ty, EnumType) and ty.kind != "flag"


def _specialise(row: Row, key: Any, count: int) -> Row | None:
    """The row for values made by this constructor; None if it takes none of them."""
    first = row[0]
    if first.key is None:
        return [ANY] * count + row[1:]
    return [*first.parts, *row[1:]] if first.key == key else None


def _only(rows: list[Row], key: Any, count: int) -> list[Row]:
    found = [_specialise(r, key, count) for r in rows]
    return [r for r in found if r is not None]


def missing(rows: list[Row], types: list[Type], fields: dict[Type, list[str]]) -> list[str] | None:
    """An example, one text a column, of what no row takes; None if everything is taken."""
    if not types:
        return None if rows else []
    known = shapes(types[0], fields)
    heads = {r[0].key for r in rows} - {None}
    if known is not None and heads >= set(known):
        for key, shape in reversed(known.items()):
            count = len(shape.parts)
            found = missing(_only(rows, key, count), [*shape.parts, *types[1:]], fields)
            if found is not None:
                return [shape.shown.format(*found[:count]), *found[count:]]
        return None
    found = missing([r[1:] for r in rows if r[0].key is None], types[1:], fields)
    if found is None:
        return None
    free = next((s for k, s in reversed(known.items()) if k not in heads), None) if known and heads else None
    return [free.shown.format(*["_"] * len(free.parts)) if free else "_", *found]


def useful(rows: list[Row], row: Row, types: list[Type], fields: dict[Type, list[str]]) -> bool:
    """Whether the row takes something that the rows before it leave."""
    if not types:
        return not rows
    known = shapes(types[0], fields)
    if row[0].key == "error":
        return True
    if row[0].key is not None:
        shape = known.get(row[0].key, Shape((), "")) if known is not None else Shape((), "")
        taken = _specialise(row, row[0].key, len(shape.parts))
        assert taken is not None
        return useful(_only(rows, row[0].key, len(shape.parts)), taken, [*shape.parts, *types[1:]], fields)
    heads = {r[0].key for r in rows} - {None}
    if known is not None and heads >= set(known):
        for key, shape in known.items():
            count = len(shape.parts)
            if useful(_only(rows, key, count), [ANY] * count + row[1:], [*shape.parts, *types[1:]], fields):
                return True
        return False
    return useful([r[1:] for r in rows if r[0].key is None], row[1:], types[1:], fields)
