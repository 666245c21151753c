# SPDX-License-Identifier: GPL-2.0-or-later
"""Strategies for typed expressions. An expression is source text that is right by the language's rules for its type."""

from hypothesis import strategies as st

WIDTHS = {
    "u8": (8, False),
    "u16": (16, False),
    "u32": (32, False),
    "u64": (64, False),
    "i8": (8, True),
    "i16": (16, True),
    "i32": (32, True),
    "i64": (64, True),
}
TYPES = sorted(WIDTHS)
NAMES = {t: [f"{t}_a", f"{t}_b"] for t in TYPES}


def limits(ty):
    bits, signed = WIDTHS[ty]
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


@st.composite
def values(draw, ty):
    """Numbers of a type; its edges more often than not."""
    low, high = limits(ty)
    edges = sorted({v for v in (low, low + 1, -1, 0, 1, 2, 7, 63, 100, high // 2, high - 1, high) if low <= v <= high})
    return draw(st.sampled_from(edges) | st.integers(low, high))


@st.composite
def literals(draw, ty):
    value = draw(values(ty))
    return f"({value})" if value < 0 else str(value)


@st.composite
def integers(draw, ty, depth=3, names=None):
    """An expression of that integer type."""
    if depth == 0:
        return draw(st.sampled_from((names or NAMES)[ty]))
    kind = draw(
        st.sampled_from(
            ["binary", "binary", "binary", "literal", "shift", "unary", "convert", "wrap", "choose", "extreme", "bits", "of_bool", "name"]
        )
    )

    def inner(want):
        return draw(integers(want, depth - 1, names))

    if kind == "binary":
        op = draw(st.sampled_from(["+", "-", "*", "//", "%", "&", "|", "^"]))
        return f"({inner(ty)} {op} {inner(ty)})"
    if kind == "literal":
        op = draw(st.sampled_from(["+", "-", "*", "&", "|", "^", "//", "%"]))
        literal = draw(literals(ty))
        if op in ("//", "%"):
            return f"({inner(ty)} {op} {literal if literal != '0' else '3'})"
        return f"({inner(ty)} {op} {literal})" if draw(st.booleans()) else f"({literal} {op} {inner(ty)})"
    if kind == "shift":
        amount = draw(st.sampled_from(TYPES))
        op = draw(st.sampled_from(["<<", ">>"]))
        return f"({inner(ty)} {op} ({inner(amount)} & {draw(st.sampled_from([1, 3, 7]))}))"
    if kind == "unary":
        return f"({draw(st.sampled_from(['-', '~']))}{inner(ty)})"
    if kind == "convert":
        source = draw(st.sampled_from(TYPES))
        return f"{ty}({inner(source)} & {min(127, limits(source)[1])})"
    if kind == "wrap":
        return f"wrap({ty}, {inner(draw(st.sampled_from(TYPES)))})"
    if kind == "choose":
        return f"({inner(ty)} if {draw(conditions(depth - 1, names))} else {inner(ty)})"
    if kind == "extreme":
        return f"{draw(st.sampled_from(['min', 'max']))}({inner(ty)}, {inner(ty)})"
    if kind == "bits":
        return f"{draw(st.sampled_from(['popcount', 'clz', 'ctz', 'abs']))}({inner(ty)})"
    if kind == "of_bool":
        return f"{ty}({draw(conditions(depth - 1, names))})"
    return draw(st.sampled_from((names or NAMES)[ty]))


@st.composite
def conditions(draw, depth=2, names=None):
    """A bool expression."""
    ty = draw(st.sampled_from(TYPES))

    def number():
        return draw(integers(ty, max(depth - 1, 0), names))

    kind = (
        draw(st.sampled_from(["compare", "compare", "chain", "and", "or", "not", "literal", "truth", "member"])) if depth > 0 else "compare"
    )
    compare = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    if kind == "chain":
        return f"({number()} {draw(compare)} {number()} {draw(compare)} {number()})"
    if kind in ("and", "or"):
        return f"({draw(conditions(depth - 1, names))} {kind} {draw(conditions(depth - 1, names))})"
    if kind == "not":
        return f"(not {draw(conditions(depth - 1, names))})"
    if kind == "literal":
        return f"({number()} {draw(compare)} {draw(literals(ty))})"
    if kind == "truth":
        return f"({number()} != 0)"
    if kind == "member":
        return f"({number()} in ({draw(literals(ty))}, {draw(literals(ty))}))"
    return f"({number()} {draw(compare)} {number()})"


def parameters():
    return ", ".join(f"{n}: {t}" for t in TYPES for n in NAMES[t])


@st.composite
def arguments(draw):
    return [draw(values(t)) for t in TYPES for _ in NAMES[t]]
