# SPDX-License-Identifier: GPL-2.0-or-later
"""The frame of the program generator: types, values, scopes, and rules that are chosen by weight.

A rule is a short function that a decorator registers: `@expression(Int, weight=3)` for values of a type, `@statement(…)`,
`@declaration(…)`. It draws from `g.rng` only, so that a seed is a program, and answers None if it does not apply at this
point, before it has written anything. What rules keep: each program is well typed, every loop is bounded, the work of a whole
program is bounded (`cost`), and no check fails in it except where `g.risky()` says that one may.

Integers carry the interval that they are known to lie in: a signed sum that might overflow gets its operands narrowed.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

WORK = 4000  # statements that one program may execute, roughly
DEEPEST = 3  # nesting of blocks
INDEX_DEPTH = 4  # elements whose index is found in an element


# -- types ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Type:
    """`name` is how an annotation spells it."""

    name: str


@dataclass(frozen=True)
class Int(Type):
    @property
    def bits(self) -> int:
        return int(self.name[1:])

    @property
    def signed(self) -> bool:
        return self.name[0] == "i"

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - self.signed)) - 1


@dataclass(frozen=True)
class Bool(Type): ...


@dataclass(frozen=True)
class Float(Type): ...


@dataclass(frozen=True)
class Str(Type): ...


@dataclass(frozen=True)
class Room(Type):
    """A `Text`."""


@dataclass(frozen=True)
class Optional(Type):
    of: Type


@dataclass(frozen=True)
class Tuple(Type):
    parts: tuple[Type, ...]


@dataclass(frozen=True)
class Array(Type):
    elem: Type
    length: int


@dataclass(frozen=True)
class Span(Type):
    """At least `length` long."""

    elem: Type
    length: int


@dataclass(frozen=True)
class AtomicOf(Type):
    of: Type


@dataclass(frozen=True, eq=False)
class Enumeration(Type):
    """`kind`: enum, int or flag. `storage` is its width."""

    kind: str
    storage: Int
    members: dict[str, int]


@dataclass(frozen=True, eq=False)
class Record(Type):
    """A struct, a polymorphic class, or a bit-field type (`bits`: their widths)."""

    fields: dict[str, Type]
    methods: dict[str, Function] = field(default_factory=dict)
    base: Record | None = None
    polymorphic: bool = False
    bits: dict[str, int] = field(default_factory=dict)
    raw: Int | None = None  # the integer under a bit-field type
    fixed: tuple[str, ...] = ()  # fields that only the class itself writes
    ordered: bool = False  # whether it has `__lt__` and `__eq__`


U8, U16, U32, U64, I8, I16, I32, I64 = INTS = tuple(Int(n) for n in ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"))
BOOL, F64, STR = Bool("bool"), Float("f64"), Str("str")


def optional(of: Type) -> Optional:
    return Optional(f"Ref[{of.name}] | None" if isinstance(of, Record) and not of.bits else f"{of.name} | None", of)


def tuple_of(*parts: Type) -> Tuple:
    return Tuple(f"tuple[{', '.join(p.name for p in parts)}]", parts)


def span_of(elem: Type, length: int) -> Span:
    return Span(f"Span[{elem.name}]", elem, length)


def array_of(elem: Type, length: int) -> Array:
    return Array(f"Array[{elem.name}]", elem, length)


@dataclass(eq=False)
class Function:
    """Something that a generated expression may call. `cost` is what one call executes."""

    name: str
    params: list[Type]
    result: Type | None
    raises: bool = False
    cost: int = 1
    typed: bool = False  # its parameters take their types from the arguments


# -- values and variables -------------------------------------------------------------------------------------------
@dataclass
class Value:
    """An expression. A `literal` has no type by itself; a `constant` is folded by the compiler."""

    text: str
    ty: Type
    low: int = 0
    high: int = 0
    literal: bool = False
    constant: bool = False

    @property
    def typed(self) -> str:
        """The text, with a type wherever it stands."""
        return f"{self.ty.name}({self.text})" if self.literal else self.text


def value(text: str, ty: Type) -> Value:
    """Anything of its type."""
    return Value(text, ty, ty.low, ty.high) if isinstance(ty, Int) else Value(text, ty)


@dataclass
class Variable:
    name: str
    ty: Type
    writable: bool = True
    low: int = 0
    high: int = 0
    constant: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.ty, Int) and self.low == self.high == 0:
            self.low, self.high = self.ty.low, self.ty.high


# -- rules ----------------------------------------------------------------------------------------------------------
Rule = Callable[..., Any]
EXPRESSIONS: dict[type, list[tuple[int, Rule]]] = {}
STATEMENTS: list[tuple[int, Rule]] = []
DECLARATIONS: list[tuple[int, Rule]] = []


def expression(kind: type, weight: int = 1) -> Callable[[Rule], Rule]:
    """A rule `rule(g, ty, depth) -> Value | None` for types of that kind."""

    def register(rule: Rule) -> Rule:
        EXPRESSIONS.setdefault(kind, []).append((weight, rule))
        return rule

    return register


def statement(weight: int = 1) -> Callable[[Rule], Rule]:
    """A rule `rule(g) -> bool | None` that writes a statement; None if it cannot here."""
    return lambda rule: (STATEMENTS.append((weight, rule)), rule)[1]


def declaration(weight: int = 1) -> Callable[[Rule], Rule]:
    """A rule `rule(p)` that adds something to the module."""
    return lambda rule: (DECLARATIONS.append((weight, rule)), rule)[1]


def rule_names() -> set[str]:
    """All rules, for the test that each is used."""
    tables = [*EXPRESSIONS.values(), STATEMENTS, DECLARATIONS]
    return {rule.__name__ for table in tables for _, rule in table}


# -- a module in the making -----------------------------------------------------------------------------------------
class Module:
    """Lines of source, and what its declarations gave the functions to come."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.risk = self.rng.choice([0, 0, 0, 0.02, 0.1])  # of a check that may fail, at each point where one could
        self.lines: list[str] = []
        self.used: Counter[str] = Counter()
        self.counter = 0
        self.types: list[Type] = []  # enums, records
        self.scope: list[Variable] = []  # globals
        self.functions: list[Function] = []
        self.errors = ["Error"]
        self.guards: list[tuple[str, Type, bool]] = []  # globals for `with`, what `as` gives, whether entering may raise
        self.globals: list[str] = []  # names that functions declare `global`
        self.constants: list[tuple[str, int]] = []  # without a type
        self.tables: list[tuple[str, list[str]]] = []  # of references, which `main` fills
        self.generics: list[Record] = []  # instances
        self.special: list[tuple[Record, Int]] = []  # with a property `seen` of that type
        self.words = ["", "a", "abc", "a b  c", " x ", "=", "key=value", "12", "007", "naïve", "Zebra", "aaaa", "it's"]
        self.finals: list[str] = []  # statements of `main` that show the final state

    def fresh(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}_{self.counter}"

    def put(self, *lines: str) -> None:
        self.lines += lines

    def of(self, kind: type, test: Callable[[Any], bool] = lambda _: True) -> list[Any]:
        """The declared types of a kind."""
        return [t for t in self.types if isinstance(t, kind) and test(t)]


class Body:
    """The function that is being written."""

    def __init__(self, module: Module, indent: int, params: list[Variable], result: Type | None, quiet: bool = False) -> None:
        self.module, self.rng = module, module.rng
        self.indent, self.scope = indent, [*module.scope, *params]
        self.result, self.quiet = result, quiet  # quiet: no error may leave it
        self.depth, self.loops, self.weight, self.cost = 0, 0, 1, 1
        self.leaves = True  # `return`, `break` and `continue` are possible
        self.indices = 0  # within one another, around this point
        self.caught = 0  # depth of `try` around this point
        self.raises = False  # whether an error may leave it

    # -- choices ----------------------------------------------------------------------------------------------------
    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def risky(self) -> bool:
        return self.chance(self.module.risk)

    def apply(self, table: list[tuple[int, Rule]], *args: Any) -> Any:
        """The first rule, in a random order by weight, that applies."""
        left = list(table)
        while left:
            total = self.rng.random() * sum(w for w, _ in left)
            for i, (weight, rule) in enumerate(left):  # noqa: B007  the index is used after the loop
                total -= weight
                if total < 0:
                    break
            rule = left.pop(i)[1]
            found = rule(self, *args)
            if found is not None:
                self.module.used[rule.__name__] += 1
                return found
        raise AssertionError(f"no rule gives a {args}")

    # -- statements -------------------------------------------------------------------------------------------------
    def put(self, line: str) -> None:
        self.module.lines.append("    " * self.indent + line)

    def fresh(self, prefix: str) -> str:
        return self.module.fresh(prefix)

    @contextlib.contextmanager
    def block(self, head: str, *variables: Variable, times: int = 1, loop: bool = False) -> Iterator[None]:
        """The lines of a block under `head`, with variables of its own; the body of a loop runs `times` times."""
        self.put(head)
        saved = self.scope, self.weight, self.loops
        self.scope, self.weight = [*self.scope, *variables], self.weight * max(times, 1)
        self.loops += loop
        self.indent += 1
        self.depth += 1
        yield
        self.depth -= 1
        self.indent -= 1
        self.scope, self.weight, self.loops = saved

    @contextlib.contextmanager
    def staying(self) -> Iterator[None]:
        """Where nothing may leave the block: `finally`, `__exit__`."""
        saved = self.leaves, self.quiet, self.loops
        self.leaves, self.quiet, self.loops = False, True, 0
        yield
        self.leaves, self.quiet, self.loops = saved

    def statements(self, most: int = 3) -> None:
        for _ in range(self.rng.randint(1, most if self.depth < DEEPEST else 2)):
            self.cost += self.weight
            self.apply(STATEMENTS)

    def call_or_expr(self, ty: Type) -> str:
        """A value of that type, by a call if there is a function for it."""
        function = self.callable(ty)
        return self.call(function, 1) if function else self.expr(ty).text

    @property
    def deep(self) -> bool:
        """Whether no further block should start here."""
        return self.depth >= DEEPEST or self.weight * 8 > WORK or self.cost > WORK

    def may_raise(self) -> bool:
        return not self.quiet or self.caught > 0

    def noted_raise(self) -> None:
        if not self.caught:
            self.raises = True

    def add(self, name: str, ty: Type, writable: bool = True, low: int = 0, high: int = 0) -> Variable:
        made = Variable(name, ty, writable, low, high)
        self.scope.append(made)
        return made

    def narrow(self, variable: Variable) -> Variable:
        """From here on it is known not to be None."""
        assert isinstance(variable.ty, Optional)
        made = Variable(variable.name, variable.ty.of, False)
        self.scope = [made if v is variable else v for v in self.scope]
        return made

    # -- expressions ------------------------------------------------------------------------------------------------
    def expr(self, ty: Type, depth: int = 2) -> Value:
        """A value of that type."""
        return self.apply(EXPRESSIONS[type(ty)], ty, depth)

    def number(self, ty: Int, low: int, high: int, depth: int = 1) -> Value:
        """An integer in a range: an index, an amount."""
        return self.fit(self.expr(ty, depth), low, high)

    def fit(self, v: Value, low: int, high: int) -> Value:
        """The value, brought into a range of its type where it might lie outside."""
        ty = v.ty
        assert isinstance(ty, Int)
        low, high = max(low, ty.low), min(high, ty.high)
        if low <= v.low and v.high <= high:
            return v
        if v.constant:
            picked = self.rng.randint(low, high)
            return Value(f"({picked})" if picked < 0 else str(picked), ty, picked, picked, True, True)
        forms = [Value(f"min(max({v.text}, {_shown(low)}), {_shown(high)})", ty, low, high)]
        if low <= 0 < high:
            mask = (1 << ((high + 1).bit_length() - 1)) - 1
            forms += [Value(f"({v.text} & {mask})", ty, 0, mask)] * 3
            if high < ty.high:
                forms += [Value(f"({v.text} % {high + 1})", ty, 0, high)] * 2
        return self.rng.choice(forms)

    def callable(self, result: Type | None) -> Function | None:
        """A function with that result that may be called here and now."""
        found = [
            f
            for f in self.module.functions
            if f.result == result and (self.may_raise() or not f.raises) and self.weight * f.cost + self.cost <= WORK
        ]
        return self.rng.choice(found) if found else None

    def call(self, function: Function, depth: int) -> str:
        """Its call, with arguments."""
        self.cost += self.weight * function.cost
        if function.raises:
            self.noted_raise()
        given = [self.expr(p, depth - 1) for p in function.params]
        return f"{function.name}({', '.join(v.typed if function.typed else v.text for v in given)})"

    # -- places -----------------------------------------------------------------------------------------------------
    def place(self, ty: Type, writable: bool = False) -> Value | None:
        """A variable, or a field or element reached from one."""
        roots = [v for v in self.scope if leads(v.ty, ty, writable) and (v.writable or not writable or v.ty != ty)]
        if not roots:
            return None
        root = self.rng.choice(roots)
        return self._descend(Value(root.name, root.ty, root.low, root.high, constant=root.constant), ty, writable)

    def _descend(self, at: Value, want: Type, writable: bool) -> Value:
        ty = at.ty
        if ty == want:
            return at
        if isinstance(ty, Record):
            name = self.rng.choice([n for n, t in ty.fields.items() if leads(t, want, writable) and n not in ty.fixed])
            inner = value(f"{at.text}.{name}", ty.fields[name])
            if name in ty.bits:
                inner.low, inner.high = 0, (1 << ty.bits[name]) - 1
            return self._descend(inner, want, writable)
        if isinstance(ty, (Array, Span)):
            return self._descend(value(f"{at.text}[{self.index(ty.length)}]", ty.elem), want, writable)
        if isinstance(ty, Tuple):
            number = self.rng.choice([i for i, t in enumerate(ty.parts) if leads(t, want)])
            return self._descend(value(f"{at.text}[{number}]", ty.parts[number]), want, writable)
        raise AssertionError(ty)

    def index(self, length: int) -> str:
        if self.indices == INDEX_DEPTH:
            return str(self.rng.randrange(length))
        self.indices += 1
        try:
            return self._index(length)
        finally:
            self.indices -= 1

    def _index(self, length: int) -> str:
        ty = self.rng.choice(INTS)
        wild = self.expr(ty, 0)
        if self.risky() and not wild.constant:
            return wild.text
        if self.chance(0.4):
            return str(self.rng.randrange(length))
        return self.number(ty, 0, length - 1, 0).text


def _shown(n: int) -> str:
    return f"({n})" if n < 0 else str(n)


def leads(have: Type, want: Type, writable: bool = False) -> bool:
    """Whether a value of one type holds one of another; to be written: not in a tuple, whose parts are values."""
    if have == want:
        return True
    if isinstance(have, Record):
        return any(n not in have.fixed and leads(t, want, writable) for n, t in have.fields.items())
    if isinstance(have, (Array, Span)):
        return leads(have.elem, want, writable)
    return isinstance(have, Tuple) and not writable and any(leads(t, want) for t in have.parts)
