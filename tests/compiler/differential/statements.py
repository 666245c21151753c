# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for statements that go straight on: declarations, assignments, output, storage."""

from __future__ import annotations

from tests.compiler.differential import specs
from tests.compiler.differential.grammar import (
    BOOL,
    F64,
    INTS,
    STR,
    U32,
    Array,
    AtomicOf,
    Body,
    Bool,
    Enumeration,
    Float,
    Int,
    Optional,
    Record,
    Room,
    Span,
    Str,
    Tuple,
    Type,
    Value,
    array_of,
    optional,
    span_of,
    statement,
    tuple_of,
)
from tests.compiler.differential.numbers import LARGEST_FLOAT
from tests.compiler.differential.texts import construct, field_value, text_value


def any_scalar(g: Body) -> Type:
    """A type for a variable; integers mostly."""
    choices: list[Type] = [*INTS, *INTS, BOOL, F64, STR]
    kinds = g.module.of(Enumeration)
    return g.rng.choice([*choices, *kinds, *kinds])


def kept(v: Value) -> str:
    """What a variable keeps: floats stay finite."""
    return f"min(max({v.text}, -{LARGEST_FLOAT}), {LARGEST_FLOAT})" if isinstance(v.ty, Float) else v.text


def stored(g: Body, target: Value, depth: int = 2) -> str:
    """A value for a place, which may be a bit-field and hold less than its type."""
    v = g.expr(target.ty, depth)
    return g.fit(v, target.low, target.high).text if isinstance(target.ty, Int) else kept(v)


# -- variables ------------------------------------------------------------------------------------------------------
@statement(8)
def declare(g: Body) -> bool:
    ty = any_scalar(g)
    v = g.expr(ty)
    name = g.fresh("v")
    g.put(f"{name}: {ty.name} = {kept(v)}" if v.constant or g.chance(0.5) else f"{name} = {kept(v)}")
    g.add(name, ty)
    return True


@statement(2)
def declare_in_both(g: Body) -> bool | None:
    """Assigned on every path, so defined after it."""
    if g.deep:
        return None
    ty, name = any_scalar(g), g.fresh("v")
    with g.block(f"if {g.expr(BOOL).text}:"):
        g.put(f"{name}: {ty.name} = {kept(g.expr(ty))}")
    with g.block("else:"):
        g.statements(1)
        g.put(f"{name} = {kept(g.expr(ty))}")
    g.add(name, ty)
    return True


@statement(3)
def declare_optional(g: Body) -> bool:
    records = g.module.of(Record, lambda r: not r.bits)
    of = g.rng.choice([*INTS, STR, *records])
    ty, name = optional(of), g.fresh("o")
    g.put(f"{name}: {ty.name} = {g.expr(ty).text}")
    g.add(name, ty)
    return True


@statement(4)
def declare_tuple(g: Body) -> bool | None:
    ty = tuple_of(*(any_scalar(g) for _ in range(g.rng.randint(2, 3))))
    results = [f.result for f in g.module.functions if isinstance(f.result, Tuple)]
    if results and g.chance(0.6):
        ty = g.rng.choice(results)
    v = g.call_or_expr(ty)
    if g.chance(0.5):
        names = [g.fresh("v") for _ in ty.parts]
        g.put(f"{', '.join(names)} = {v}")
        for name, part in zip(names, ty.parts, strict=True):
            g.add(name, part)
    else:
        name = g.fresh("t")
        g.put(f"{name} = {v}")
        g.add(name, ty)
    return True


@statement(2)
def declare_array(g: Body) -> bool:
    ty = array_of(g.rng.choice(INTS), g.rng.choice([1, 2, 4, 7]))
    name = g.fresh("a")
    g.put(f"{name} = array({ty.length}, {ty.elem.name})")
    g.add(name, ty, False)
    return True


@statement(2)
def declare_record(g: Body) -> bool | None:
    """Storage of its own, on the stack."""
    records = g.module.of(Record)
    if not records:
        return None
    ty, name = g.rng.choice(records), g.fresh("s")
    source = g.place(ty)
    if ty.bits:
        g.put(f"{name} = {g.expr(ty).text}")
    elif source and g.chance(0.4) and not ty.polymorphic:
        g.put(f"{name} = copy({source.text})")
    else:
        g.put(f"{name} = {construct(g, ty, 1)}")
    g.add(name, ty, bool(ty.bits))
    return True


@statement(2)
def refer(g: Body) -> bool | None:
    """Another name for the same record."""
    records = g.module.of(Record, lambda r: not r.bits)
    found = g.place(g.rng.choice(records)) if records else None
    if found is None:
        return None
    name = g.fresh("r")
    g.put(f"{name} = {found.text}")
    g.add(name, found.ty, False)
    return True


@statement(2)
def slice_of(g: Body) -> bool | None:
    found = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and v.ty.length > 1]
    if not found:
        return None
    v = g.rng.choice(found)
    assert isinstance(v.ty, (Array, Span))
    ty, name = span_of(v.ty.elem, g.rng.randint(1, v.ty.length - 1)), g.fresh("a")
    g.put(f"{name} = {v.name}[{v.ty.length - ty.length}:{v.ty.length}]")
    g.add(name, ty, False)
    return True


@statement(1)
def allocate(g: Body) -> bool | None:
    """From the heap, and given back."""
    if g.deep or g.quiet:
        return None
    ty, name = span_of(g.rng.choice(INTS), g.rng.randint(1, 6)), g.fresh("h")
    g.put(f"{name} = new(array({ty.length}, {ty.elem.name}))")
    g.noted_raise()
    with g.staying(), g.block("if True:"):
        g.add(name, ty, False)
        g.put(f"{name}[{g.index(ty.length)}] = {g.expr(ty.elem).text}")
        g.statements(2)
        show(g, Value(name, ty))
    g.put(f"free({name})")
    return True


# -- assignment -----------------------------------------------------------------------------------------------------
def some_place(g: Body) -> Value | None:
    for _ in range(4):
        found = g.place(any_scalar(g), writable=True)
        if found is not None:
            return found
    return None


@statement(8)
def assign(g: Body) -> bool | None:
    target = some_place(g)
    if target is None:
        return None
    g.put(f"{target.text} = {stored(g, target)}")
    return True


@statement(2)
def assign_optional(g: Body) -> bool | None:
    found = [v for v in g.scope if isinstance(v.ty, Optional) and v.writable]
    if not found:
        return None
    v = g.rng.choice(found)
    g.put(f"{v.name} = {g.expr(v.ty).text}")
    return True


@statement(2)
def assign_field_optional(g: Body) -> bool | None:
    records = [t for r in g.module.of(Record) for t in r.fields.values() if isinstance(t, Optional)]
    target = g.place(g.rng.choice(records), writable=True) if records else None
    if target is None:
        return None
    g.put(f"{target.text} = {g.expr(target.ty).text}")
    return True


@statement(5)
def augment(g: Body) -> bool | None:
    ty = g.rng.choice(INTS)
    target = g.place(ty, writable=True)
    if target is None or (target.low, target.high) != (ty.low, ty.high):
        return None
    op = g.rng.choice(["+", "-", "*", "&", "|", "^", "//", "%", "<<", ">>"])
    if op in ("<<", ">>"):
        right = str(g.rng.randrange(ty.bits))
    elif op in ("//", "%"):
        right = str(g.rng.choice([1, 3, 10]))
    elif ty.signed and op in "+-*" and not g.risky():  # the place may hold anything
        g.put(f"{target.text} = {g.fit(target, -8, 8).text}")
        right = g.number(ty, -8, 8).text
    else:
        right = g.expr(ty).text
    g.put(f"{target.text} {op}= {right}")
    return True


@statement(2)
def exchange(g: Body) -> bool | None:
    ty = any_scalar(g)
    a, b = g.place(ty, writable=True), g.place(ty, writable=True)
    whole = (ty.low, ty.high) if isinstance(ty, Int) else (0, 0)  # bit-fields are assigned alone
    if a is None or b is None or not (a.low, a.high) == (b.low, b.high) == whole:
        return None
    g.put(f"{a.text}, {b.text} = {g.rng.choice([b.text, stored(g, a, 1)])}, {a.text}")
    return True


@statement(1)
def assign_twice(g: Body) -> bool | None:
    ty = g.rng.choice(INTS)
    a, b = g.place(ty, writable=True), g.place(ty, writable=True)
    whole = (ty.low, ty.high)
    if a is None or b is None or not (a.low, a.high) == (b.low, b.high) == whole:
        return None
    g.put(f"{a.text} = {b.text} = {g.expr(ty).typed}")
    return True


@statement(2)
def copy_over(g: Body) -> bool | None:
    records = g.module.of(Record, lambda r: not r.bits and not r.polymorphic)
    if not records:
        return None
    ty = g.rng.choice(records)
    a, b = g.place(ty), g.place(ty)
    if a is None or b is None:
        return None
    g.put(f"assign({a.text}, {b.text})")
    return True


@statement(5)
def set_bits(g: Body) -> bool | None:
    records = g.module.of(Record, lambda r: bool(r.bits))
    if not records:
        return None
    ty = g.rng.choice(records)
    target = g.place(ty, writable=True)
    if target is None:
        return None
    name = g.rng.choice(list(ty.fields))
    g.put(f"{target.text}.{name} = {field_value(g, ty, name, 2)}")
    return True


@statement(2)
def set_property(g: Body) -> bool | None:
    if not g.module.special:
        return None
    record, ty = g.rng.choice(g.module.special)
    owner = g.place(record)
    if owner is None:
        return None
    op = "=" if ty.signed else g.rng.choice(["=", "+=", "^="])
    g.put(f"{owner.text}.seen {op} {g.expr(ty).text}")
    g.put(f'print("{g.fresh("p")}", {owner.text}.seen, {record.name}.LIMIT)')
    return True


@statement(1)
def fill(g: Body) -> bool | None:
    found = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and v.ty.elem in INTS and v.ty.length > 2]
    if not found:
        return None
    v = g.rng.choice(found)
    assert isinstance(v.ty, (Array, Span))
    n = v.ty.length // 2
    if v.ty.elem.name == "u8" and g.chance(0.5):
        g.put(f"memset({v.name}[0:{n}], {g.expr(v.ty.elem).text})")
    else:
        g.put(f"memcpy({v.name}[0:{n}], {v.name}[{n}:{2 * n}])")
    return True


@statement(2)
def store_atomic(g: Body) -> bool | None:
    ty = g.rng.choice(INTS)
    found = g.place(AtomicOf(f"Atomic[{ty.name}]", ty))
    if found is None:
        return None
    a, b = g.expr(ty, 1), g.expr(ty, 1)
    g.put(g.rng.choice([f"{found.text}.store({a.text})", f'print("cas", {found.text}.cas({a.text}, {b.text}))']))
    return True


# -- calls ----------------------------------------------------------------------------------------------------------
@statement(4)
def call(g: Body) -> bool | None:
    function = g.callable(None)
    if function is None:
        return None
    g.put(g.call(function, 2))
    return True


@statement(3)
def call_method(g: Body) -> bool | None:
    for record in g.rng.sample(g.module.of(Record), len(g.module.of(Record))):
        methods = [m for m in record.methods.values() if m.result is None and (g.may_raise() or not m.raises)]
        owner = g.place(record) if methods else None
        if owner is not None:
            method = g.rng.choice(methods)
            if g.weight * method.cost + g.cost > 4000:
                continue
            g.put(f"{owner.text}.{g.call(method, 2)}")
            return True
    return None


# -- output ---------------------------------------------------------------------------------------------------------
def replacement(g: Body, depth: int) -> str:
    """A replacement field of an f-string."""
    roll = g.rng.random()
    if depth > 0 and g.chance(0.06):  # CPython 3.11 asks for other quotes inside
        return _field(f'f"{_quoted_once(g)}"', g.rng.choice(["", ">12", "*^9", "7"]))
    if roll < 0.03:
        return _field(g.number(U32, 32, 126, depth).typed, specs.char_spec(g.rng.choice))
    if roll < 0.55:
        v, spec = g.expr(g.rng.choice(INTS), depth), specs.integer_spec(g.rng.choice)
    elif roll < 0.7:
        v, spec = g.expr(STR, depth), specs.text_spec(g.rng.choice)
        if g.chance(0.3):
            return _field(f"{v.text}!r", spec)
    elif roll < 0.8:
        v, spec = g.expr(F64, depth), specs.float_spec(g.rng.choice)
    elif roll < 0.9 and g.module.of(Enumeration):
        kind = g.rng.choice(g.module.of(Enumeration))
        v, spec = g.expr(kind, depth), g.rng.choice(["", ">9", "*^12", "d", "#x"])
    else:
        v, spec = g.expr(BOOL, depth), ""
    if spec[-1:].isdigit() and spec.isdigit() and not spec.startswith("0") and g.chance(0.3):
        spec = "{" + g.number(U32, 0, 40, 1).typed + "}"
        return f"{{{v.typed}:{spec}}}"
    return _field(v.typed, spec)


def _quoted_once(g: Body) -> str:
    """An f-string's inside that holds no quotes: two integers."""
    return "-".join(_field(_unquoted(g.number(U32, 0, 10**6, 0).typed), g.rng.choice(["", ",", "x", ">8"])) for _ in range(2))


def _unquoted(text: str) -> str:
    """An index may come from a string."""
    return "7" if {'"', "'"} & set(text) else text


def _field(text: str, spec: str) -> str:
    return f"{{{text}:{spec}}}" if spec else f"{{{text}}}"


def plain(ty: Type) -> bool:
    """Whether `print` shows the whole of a tuple or optional."""
    if isinstance(ty, Tuple):
        return all(plain(p) for p in ty.parts)
    return plain(ty.of) if isinstance(ty, Optional) else isinstance(ty, (Int, Float, Str, Bool))


def f_string(g: Body, depth: int = 1) -> str:
    """Quoted with three quotes: replacement fields may hold strings of their own."""
    parts = [g.rng.choice(["", "=", " ", "{{", "}}", "é"]) + replacement(g, depth) for _ in range(g.rng.randint(1, 3))]
    return f"f'''{'|'.join(parts)}'''"


@statement(6)
def print_values(g: Body) -> bool:
    values = [g.expr(any_scalar(g), 1).typed for _ in range(g.rng.randint(1, 3))]
    whole = [v.name for v in g.scope if isinstance(v.ty, (Tuple, Optional)) and plain(v.ty)]
    if whole and g.chance(0.4):
        values.append(g.rng.choice(whole))
    if g.chance(0.15):
        values.append(f"{f_string(g, 0)} if {g.expr(BOOL, 0).text} else {f_string(g, 0)}")
    end = g.rng.choice(["", "", "", ', sep="-"', ', end=";\\n"'])
    g.put(f'print("{g.fresh("p")}", {", ".join(values)}{end})')
    return True


@statement(6)
def print_formatted(g: Body) -> bool:
    g.put(f'print("{g.fresh("p")}", {f_string(g)})')
    return True


@statement(3)
def write_text(g: Body) -> bool:
    rooms = [v.name for v in g.scope if isinstance(v.ty, Room)]
    if not rooms or g.chance(0.4):
        name = g.fresh("t")
        g.put(f"{name} = text({g.rng.randint(1, 40)})")
        g.add(name, Room("Text"), False)
        rooms = [name]
    name = g.rng.choice(rooms)
    form = g.rng.randrange(5)
    if form <= 1:
        g.put(f"{name}.write({f_string(g)})")
    elif form == 2:
        g.put(f"{name}.append({g.expr(STR, 1).text})")
    else:
        g.put(f"{name}.clear()" if form == 3 else f"{name}.pop({g.rng.randrange(4)})")
    g.put(f'print("{g.fresh("p")}", {name}, {name}.len, {name}.truncated, {name}.view == {text_value(g, 1)})')
    return True


def show(g: Body, v: Value, whole: bool = True) -> None:
    """Print all of a value; of a record not as a `whole`, by the function that prints it, but field by field."""
    ty = v.ty
    if isinstance(ty, (Array, Span)):
        name = g.fresh("e")
        g.put(f"for {name} in {v.text}:")
        g.indent += 1
        show(g, Value(name, ty.elem))
        g.indent -= 1
    elif isinstance(ty, Record) and not ty.bits:
        if whole:
            g.put(f"show_{ty.name}({v.text})")
            return
        fields = [Value(f"{v.text}.{name}", part) for name, part in ty.fields.items()]
        compound = [f for f in fields if isinstance(f.ty, (Array, Span)) or isinstance(f.ty, Record) and not f.ty.bits]
        g.put(f'print("{ty.name}", {", ".join(shown(f) for f in fields if f not in compound)})')
        for f in compound:
            show(g, f)
    else:
        g.put(f'print("{v.text}", {shown(v)})')


def shown(v: Value) -> str:
    """What `print` takes to show a value without parts in storage."""
    ty, text = v.ty, v.text
    if isinstance(ty, Record):
        return f"{text}.raw"
    if isinstance(ty, AtomicOf):
        return f"{text}.load()"
    if isinstance(ty, Tuple):
        return ", ".join(shown(Value(f"{text}[{i}]", part)) for i, part in enumerate(ty.parts))
    if isinstance(ty, Optional) and isinstance(ty.of, Record):
        return f"{text} is None"
    if isinstance(ty, Optional):
        other = '"none"' if ty.of == STR else f"{ty.of.name}(77)"
        return f"{text} if {text} is not None else {other}"
    return text


@statement(2)
def show_variable(g: Body) -> bool | None:
    found = [v for v in g.scope if v not in g.module.scope]
    if not found or g.weight > 20:
        return None
    v = g.rng.choice(found)
    show(g, Value(v.name, v.ty))
    return True
