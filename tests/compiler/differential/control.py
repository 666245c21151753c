# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for control flow: branches, loops, `match`, errors, `with`, and leaving early."""

from __future__ import annotations

from tests.compiler.differential.grammar import (
    BOOL,
    I64,
    INTS,
    STR,
    U32,
    U64,
    Array,
    Body,
    Enumeration,
    Int,
    Optional,
    Record,
    Span,
    Value,
    Variable,
    optional,
    statement,
)
from tests.compiler.differential.numbers import exact, literal_of
from tests.compiler.differential.statements import f_string, stored
from tests.compiler.differential.texts import text_value


# -- branches -------------------------------------------------------------------------------------------------------
@statement(6)
def branch(g: Body) -> bool | None:
    if g.deep:
        return None
    with g.block(f"if {g.expr(BOOL).text}:"):
        g.statements()
    if g.chance(0.3):
        with g.block(f"elif {g.expr(BOOL).text}:"):
            g.statements(2)
    if g.chance(0.5):
        with g.block("else:"):
            g.statements(2)
    return True


@statement(1)
def branch_on_value(g: Body) -> bool | None:
    """The truth of an integer, a string, a walrus."""
    if g.deep:
        return None
    ty, name = g.rng.choice([*INTS, STR]), g.fresh("v")
    v = g.expr(ty)
    if v.constant or g.chance(0.4):
        v, test = (v, f"({name} := {v.typed})")
        g.put(f"if {test}:" if ty == STR else f"if {test} {g.rng.choice(['>', '!='])} 1:")
    else:
        name = ""
        g.put(f"if {v.text if ty != STR else text_value(g, 1)}:")
    with _body(g, *([Variable(name, ty, False)] if name else [])):
        g.statements(2)
    if name:
        g.add(name, ty)
    return True


def _body(g: Body, *variables: Variable):  # type: ignore[no-untyped-def]
    """A block whose head is written already."""
    head = g.module.lines.pop().strip()
    return g.block(head, *variables)


@statement(4)
def narrowed(g: Body) -> bool | None:
    """All the ways to know that something is not None."""
    found = [v for v in g.scope if isinstance(v.ty, Optional)]
    if not found or g.deep:
        return None
    v = g.rng.choice(found)
    assert isinstance(v.ty, Optional)
    known = Variable(v.name, v.ty.of, False)
    form = g.rng.randrange(5)
    if form == 0 and isinstance(v.ty.of, (Record, Int)):
        head = f"if {v.name}:" if isinstance(v.ty.of, Record) else f"if {v.name} is not None and {g.expr(BOOL).text}:"
        with g.block(head):
            _replace(g, v, known)
            g.statements()
    elif form <= 2:
        with g.block(f"if {v.name} is not None:"):
            _replace(g, v, known)
            g.statements()
        if g.chance(0.5):
            with g.block("else:"):
                g.statements(2)
    elif form == 3 and (g.leaves or g.loops):
        with g.block(f"if {v.name} is None:"):
            leave_now(g)
        _replace(g, v, known)
    else:
        with g.block(f"if {v.name} is None:"):
            g.statements(1)
        with g.block("else:"):
            _replace(g, v, known)
            g.statements()
    return True


def _replace(g: Body, old: Variable, new: Variable) -> None:
    g.scope = [new if v is old else v for v in g.scope]


# -- leaving --------------------------------------------------------------------------------------------------------
def leave_now(g: Body) -> None:
    ways = []
    if g.loops:
        ways += ["break", "continue"]
    if g.leaves:
        ways.append("return")
    if g.may_raise():
        ways.append("raise")
    way = g.rng.choice(ways)
    if way == "return":
        g.put("return" if g.result is None else f"return {g.expr(g.result).text}")
    elif way == "raise":
        raise_now(g)
    else:
        g.put(way)


@statement(3)
def leave(g: Body) -> bool | None:
    if g.deep or not (g.leaves or g.loops):
        return None
    with g.block(f"if {g.expr(BOOL).text}:"):
        leave_now(g)
    return True


# -- loops ----------------------------------------------------------------------------------------------------------
def loop(g: Body, head: str, *variables: Variable, times: int, first: str = "") -> None:
    """Its body, and perhaps an `else`."""
    g.cost += g.weight * times
    with g.block(head, *variables, times=times, loop=True):
        if first:
            g.put(first)
        g.statements()
    if g.chance(0.25):
        with g.block("else:"):
            g.statements(2)


@statement(3)
def while_loop(g: Body) -> bool | None:
    if g.deep:
        return None
    name, times = g.fresh("n"), g.rng.randint(0, 5)
    if g.chance(0.3):
        g.put(f"{name}: u64 = 0")
        loop(g, f"while ({name} := {name} + 1) < {times}:", Variable(name, U64, False, 0, times), times=times)
    else:
        g.put(f"{name}: u32 = {times}")
        test = f"{name} > 0" if g.chance(0.5) else f"{name} > 0 and {g.expr(BOOL).text}"
        loop(g, f"while {test}:", Variable(name, U32, False, 0, times), times=times, first=f"{name} -= 1")
    return True


@statement(1)
def endless_loop(g: Body) -> bool | None:
    if g.deep:
        return None
    name, times = g.fresh("n"), g.rng.randint(1, 4)
    g.put(f"{name}: u32 = 0")
    with g.block("while True:", Variable(name, U32, False, 0, times), times=times, loop=True):
        g.put(f"{name} += 1")
        g.statements(2)
        with g.block(f"if {name} > {times - 1}:"):
            g.put("break")
        g.statements(1)
    return True


@statement(5)
def for_range(g: Body) -> bool | None:
    """Often at the edge of its type."""
    if g.deep:
        return None
    ty, name = g.rng.choice(INTS), g.fresh("i")
    low = g.rng.choice([ty.low, 0, 1, ty.high - 9, g.rng.randrange(50)])
    step, count = g.rng.choice([1, 1, 2, 3, 7]), g.rng.randint(0, 5)
    high = min(low + step * count + g.rng.randint(0, step - 1), ty.high)
    times = max(0, -(-(high - low) // step))
    known = Variable(name, ty, False, low, max(low, high - 1))
    first = f"{ty.name}({low})"
    form = g.rng.randrange(5)
    if form == 0:
        head = f"range({first}, {_shown(high)})" if times <= 8 else f"range({ty.name}({min(8, ty.high)}))"
        times = times if times <= 8 else 8
        known = known if high - low <= 8 else Variable(name, ty, False, 0, 7)
    elif form == 1 and high - low <= 40:
        head = f"reversed(range({first}, {_shown(high)}, {step}))"
    elif form == 2 and high - step * count >= ty.low:
        head = f"range({ty.name}({high}), {_shown(low)}, {-step})"
        known.low, known.high = min(low + 1, high), high
    elif form == 3 and not ty.signed:
        amount = g.place(ty)
        by = g.fit(amount, 1, 1).text if amount and not amount.constant else f"{ty.name}({step})"
        step_text = by if step == 1 and amount else f"{ty.name}({step})"
        head = f"range({first}, {high}, {step_text})"
    else:
        head = f"range({first}, {_shown(high)}, {step})"
    loop(g, f"for {name} in {head}:", known, times=times)
    return True


def _shown(n: int) -> str:
    return f"({n})" if n < 0 else str(n)


@statement(2)
def for_place_range(g: Body) -> bool | None:
    """Ends that are found at run time."""
    if g.deep:
        return None
    ty, name = g.rng.choice(INTS), g.fresh("i")
    end = g.number(ty, 0, 6)
    head = f"range({end.typed})" if g.chance(0.5) else f"range({g.number(ty, 0, 3).typed}, {end.text})"
    loop(g, f"for {name} in {head}:", Variable(name, ty, False, 0, 6), times=6)
    return True


@statement(4)
def for_each(g: Body) -> bool | None:
    arrays = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and v.ty.length <= 8]
    if g.deep or not arrays:
        return None
    v = g.rng.choice(arrays)
    assert isinstance(v.ty, (Array, Span))
    times, ty = v.ty.length if isinstance(v.ty, Array) else 8, v.ty.elem
    item, at = Variable(g.fresh("e"), ty, False), Variable(g.fresh("i"), U64, False, 0, 1000)
    form = g.rng.randrange(4)
    if form == 0:
        loop(g, f"for {at.name}, {item.name} in enumerate({v.name}):", at, item, times=times)
    elif form == 1:
        loop(g, f"for {item.name} in reversed({v.name}):", item, times=times)
    elif form == 2:
        other = g.rng.choice(arrays)
        assert isinstance(other.ty, (Array, Span))
        second = Variable(g.fresh("e"), other.ty.elem, False)
        loop(g, f"for {item.name}, {second.name} in zip({v.name}, {other.name}):", item, second, times=times)
    else:
        loop(g, f"for {item.name} in {v.name}:", item, times=times)
    return True


@statement(2)
def for_member(g: Body) -> bool | None:
    """All members of an enumeration."""
    kinds = g.module.of(Enumeration)
    if g.deep or not kinds:
        return None
    kind = g.rng.choice(kinds)
    item, at = Variable(g.fresh("k"), kind, False), Variable(g.fresh("i"), U64, False, 0, len(kind.members))
    head = f"for {item.name} in {kind.name}:" if g.chance(0.6) else f"for {at.name}, {item.name} in enumerate({kind.name}):"
    loop(g, head, *([item] if at.name not in head else [at, item]), times=len(kind.members))
    return True


@statement(1)
def for_pairs(g: Body) -> bool | None:
    arrays = [v for v in g.scope if isinstance(v.ty, (Array, Span)) and v.ty.length <= 8]
    if g.deep or not arrays:
        return None
    v, other = g.rng.choice(arrays), g.rng.choice(arrays)
    assert isinstance(v.ty, (Array, Span)) and isinstance(other.ty, (Array, Span))
    a, b, at = Variable(g.fresh("e"), v.ty.elem, False), Variable(g.fresh("e"), other.ty.elem, False), g.fresh("i")
    head = f"for {at}, ({a.name}, {b.name}) in enumerate(zip({v.name}, {other.name})):"
    loop(g, head, Variable(at, U64, False, 0, 100), a, b, times=8)
    return True


@statement(1)
def for_tuple(g: Body) -> bool | None:
    """Unrolled."""
    if g.deep:
        return None
    name = g.fresh("i")
    items = [g.rng.randrange(-9, 99) for _ in range(g.rng.randint(1, 4))]
    body = Variable(name, I64, False, min(items), max(items))
    loop(g, f"for {name} in ({', '.join(map(str, items))},):", body, times=len(items))
    return True


@statement(1)
def for_text(g: Body) -> bool | None:
    if g.deep:
        return None
    name = g.fresh("b")
    word = g.rng.choice(g.module.words)
    loop(g, f"for {name} in {word!r}:", Variable(name, INTS[0], False), times=len(word.encode()))
    return True


# -- match ----------------------------------------------------------------------------------------------------------
def case(g: Body, pattern: str, *variables: Variable) -> None:
    with g.block(f"case {pattern}:", *variables):
        g.statements(2)


@statement(3)
def match_member(g: Body) -> bool | None:
    """All members, or some and `_`."""
    kinds = g.module.of(Enumeration, lambda e: e.kind != "flag")
    if g.deep or not kinds:
        return None
    kind = g.rng.choice(kinds)
    subject = g.expr(kind)
    if subject.constant:
        return None
    names = [f"{kind.name}.{n}" for n in kind.members]
    g.rng.shuffle(names)
    with g.block(f"match {subject.text}:"):
        g.depth -= 1
        left = len(names)
        while names:
            count = min(g.rng.randint(1, 2), len(names))
            pattern, names = " | ".join(names[:count]), names[count:]
            if g.chance(0.2):
                case(g, f"{pattern} if {g.expr(BOOL).text}")
            else:
                case(g, pattern)
                left -= count
            if g.chance(0.2):
                break
        if left:
            case(g, "_")
        g.depth += 1
    return True


@statement(3)
def match_integer(g: Body) -> bool | None:
    if g.deep:
        return None
    ty = g.rng.choice(INTS)
    subject = g.expr(ty)
    if subject.constant:
        return None
    small = g.fit(subject, 0, 7) if g.chance(0.7) else subject
    numbers = g.rng.sample(range(8), 5) if small is not subject else [literal_of(g, ty) for _ in range(5)]
    patterns = [str(n) for n in dict.fromkeys(numbers)]
    with g.block(f"match {small.text}:"):
        g.depth -= 1
        case(g, patterns[0])
        if len(patterns) > 3:
            case(g, " | ".join(patterns[1:3]))
            if g.chance(0.5):
                case(g, f"{patterns[3]} if {g.expr(BOOL).text}")
        name = g.fresh("m")
        bound = Variable(name, ty, False, small.low, small.high)
        if g.chance(0.5):
            case(g, f"{name} if {name} {g.rng.choice(['<', '>', '!='])} {exact(literal_of(g, ty), ty).text}", bound)
        if g.chance(0.5):
            case(g, "_")
        g.depth += 1
    return True


@statement(2)
def match_text(g: Body) -> bool | None:
    if g.deep:
        return None
    words = [w for w in dict.fromkeys(g.rng.sample(g.module.words, 4))]
    with g.block(f"match {text_value(g, 2)}:"):
        g.depth -= 1
        case(g, repr(words[0]))
        case(g, " | ".join(repr(w) for w in words[1:3]))
        if g.chance(0.5):
            case(g, "_")
        g.depth += 1
    return True


@statement(3)
def match_optional(g: Body) -> bool | None:
    found = [v for v in g.scope if isinstance(v.ty, Optional) and isinstance(v.ty.of, Int)]
    if g.deep or not found:
        return None
    v = g.rng.choice(found)
    assert isinstance(v.ty, Optional) and isinstance(v.ty.of, Int)
    test = g.place(BOOL)  # what was assigned to `v` may be known not to be None
    if test is None or test.constant:
        return None
    with g.block(f"match {v.name} if {test.text} else None:"):
        g.depth -= 1
        case(g, "None")
        case(g, str(g.rng.randrange(9)))
        case(g, "_")
        g.depth += 1
    return True


# -- errors ---------------------------------------------------------------------------------------------------------
ERRNOS = ["EINVAL", "ENOENT", "EDOM", "ERANGE", "EBUSY"]


def raise_now(g: Body) -> None:
    g.noted_raise()
    message = f_string(g) if g.chance(0.5) else repr(g.rng.choice(g.module.words))
    g.put(f"raise {g.rng.choice(g.module.errors)}(Errno.{g.rng.choice(ERRNOS)}, {message})")


@statement(2)
def raise_error(g: Body) -> bool | None:
    if g.deep or not g.may_raise():
        return None
    with g.block(f"if {g.expr(BOOL).text}:"):
        raise_now(g)
    return True


@statement(3)
def try_block(g: Body) -> bool | None:
    if g.deep:
        return None
    handlers = [k for k in g.module.errors[1:] if g.chance(0.4)] + (["Error"] if g.chance(0.8) else [])
    ends = not handlers or g.chance(0.4)
    everything = "Error" in handlers
    g.caught += everything
    with g.block("try:"):
        for _ in range(g.rng.randint(1, 2)):
            g.statements(2)
            if g.may_raise() and g.chance(0.6):
                raise_error(g)
    g.caught -= everything
    for kind in handlers:
        with g.block(f"except {kind} as e:" if g.chance(0.8) else f"except {kind}:"):
            if g.module.lines[-1].endswith(" as e:"):
                g.put(f'print("{g.fresh("p")}", e.errno, e.message)')
            g.statements(2)
            if g.may_raise() and g.chance(0.2):
                g.noted_raise()
                g.put("raise")
    if handlers and g.chance(0.3):
        with g.block("else:"):
            g.statements(2)
    if ends:
        with g.staying(), g.block("finally:"):
            g.statements(2)
    return True


@statement(3)
def with_block(g: Body) -> bool | None:
    guards = [x for x in g.module.guards if g.may_raise() or not x[2]]
    if g.deep or not guards:
        return None
    items, variables = [], []
    for guard, gives, raises in g.rng.sample(guards, g.rng.randint(1, min(2, len(guards)))):
        if raises:
            g.noted_raise()
        name = g.fresh("g")
        items.append(f"{guard} as {name}" if g.chance(0.7) else guard)
        if items[-1] != guard:
            variables.append(Variable(name, gives, False))
    with g.block(f"with {', '.join(items)}:", *variables):
        g.statements()
    return True


@statement(1)
def asserted(g: Body) -> bool | None:
    """One that holds, or may not."""
    if g.risky():
        g.put(f'assert {g.expr(BOOL).text}, "{g.fresh("assertion")}"')
        return True
    found = g.place(g.rng.choice(INTS))
    if found is None:
        return None
    g.put(f"assert {found.text} == {found.text}")
    return True


@statement(2)
def give_up(g: Body) -> bool | None:
    if not g.module.risk or g.deep or g.chance(0.7):
        return None
    with g.block(f"if {g.expr(BOOL).text}:"):
        g.put(f"panic({f_string(g)})")
    return True


@statement(3)
def walrus_loop(g: Body) -> bool | None:
    """`while (x := f()) is not None`, ended by a count."""
    functions = [
        f
        for f in g.module.functions
        if isinstance(f.result, Optional) and f.cost * g.weight * 3 + g.cost < 4000 and (g.may_raise() or not f.raises)
    ]
    if g.deep or not functions:
        return None
    function = g.rng.choice(functions)
    assert isinstance(function.result, Optional)
    name, count = g.fresh("o"), g.fresh("n")
    g.put(f"{count}: u32 = 0")
    known = Variable(name, function.result.of, False)
    with g.block(f"while ({name} := {g.call(function, 1)}) is not None:", known, times=3, loop=True):
        g.put(f"{count} += 1")
        with g.block(f"if {count} == 3:"):
            g.put("break")
        g.statements(2)
    return True


__all__ = ["Value", "optional", "stored"]
