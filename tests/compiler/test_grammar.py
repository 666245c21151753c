# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of expression and statement of Python's grammar in every place where one may stand: understood or refused, never a traceback.

A case is one small function, class or global; hundreds make a module, which is analysed once. Those without errors are compiled
together, and LLVM verifies them. By default it is a sample of the cases; `GRAMMAR=n` runs all of them, and n seeds of expressions within
expressions.
"""

import ast
import itertools
import os
import random

import llvmlite.binding as llvm
import pytest

from compiler.frontend import World, analyse, lower

SEEDS = int(os.environ.get("GRAMMAR", "0"))
A_MODULE = 150  # cases
SAMPLE = 3  # modules of a run without GRAMMAR
PRELUDE = """\
import sys
from abc import ABC, abstractmethod
from enum import Enum, IntFlag
from typing import Callable, Final, Generic, NewType, NoReturn, TypeVar

from lang import (
    ACQUIRE, Array, Atomic, Bits, CHECKED, Errno, Error, Ptr, Raises, Ref, Registry, Span, Text, addr_of, array, as_bytes, assign, at, bit,
    bits, cast, copy, f64, free, i32, i64, new, offsetof, panic, popcount, sizeof, span_of, struct, text, u8, u16, u32, u64, valid, wrap,
)

T = TypeVar("T")
Frame = NewType("Frame", u64)
LIMIT = 40
NAME = "name"
count: u64 = 0
table = array(4, u64)
hooks = Registry[Callable[[], None]]()


class Kind(Enum):
    FILE = 1
    FOLDER = 2


class Mode(IntFlag):
    READ = 1
    WRITE = 2


class Pte(Bits[u64]):
    present = bit(0)
    frame = bits(12, 51)


class Problem(Error):
    pass


@struct
class Point:
    x: u64
    y: u64
    data: Array[u8] = array(8)
    hits: Atomic[u64]

    MAX = 9

    def move(self, by: u64) -> u64:
        self.x += by
        return self.x

    @property
    def sum(self) -> u64:
        return self.x + self.y

    @staticmethod
    def zero() -> u64:
        return 0

    def __enter__(self) -> "Point":
        return self

    def __exit__(self) -> None:
        pass

    def __iter__(self) -> "Point":
        return self

    def __next__(self) -> u64 | None:
        return None


@struct
class Box(Generic[T]):
    item: T


class Shape(ABC):
    @abstractmethod
    def area(self) -> u64: ...


class Square(Shape):
    side: u64

    def area(self) -> u64:
        return self.side * self.side


def take(a: u64, b: u64 = 1) -> u64:
    return a + b


def same(x: T) -> T:
    return x


def fails(n: u64) -> u64:
    if n > 3:
        raise Error(Errno.EINVAL, "no")
    return n


def stop() -> NoReturn:
    panic("stop")
"""
PARAMETERS = (
    "n: u64, small: u8, i: i64, flag: bool, s: str, f: f64, items: Span[u64], p: Point, maybe: u64 | None, node: Ref[Point] | None, "
    "kind: Kind, mode: Mode, pte: Pte, pair: tuple[u64, str], fn: Callable[[u64], u64], line: Text, shape: Shape, box: Box[u64], "
    "raw: Ptr[u64], frame: Frame"
)
NAMES = [p.split(":")[0].strip() for p in PARAMETERS.split(", ") if ":" in p]
GLOBALS = ["Point", "u64", "take", "same", "sys", "LIMIT", "table", "Kind", "missing", "Box", "Error", "T", "hooks", "Span", "CHECKED"]
LEAVES = [*NAMES, *GLOBALS]
CONSTANTS = ["0", "1", "-1", "300", "1 << 70", "2.5", "'text'", "b'bytes'", "None", "True", "...", "3j", "''"]

# `A`, `B` and `C` are filled with simpler expressions.
EXPRESSIONS = [
    "A + B", "A // B", "A / B", "A % B", "A ** B", "A << B", "A >> B", "A & B", "A | B", "A ^ B", "A @ B", "A - B",
    "A * B", "-A", "+A", "~A", "not A", "A and B", "A or B", "A if B else C", "lambda q: A", "(q := A)", "await A",
    "(yield A)", "(yield from A)", "(yield)", "A == B", "A < B", "A is B", "A is not None", "A in B", "A not in B",
    "A < B < C", "A in (B, C)", "A in range(B)", "A(B)", "A()", "A(*B)", "A(**B)", "A(a=B)", "A(B, b=C)", "A.x",
    "A.move(B)", "A.FILE", "A.name", "A.load()", "A.ptr", "A.zero()", "A.sum", "A.MAX", "A[B]", "A[B:C]", "A[::B]",
    "A[-1]", "A[B, C]", "A[B:C, 1]", "A[...]", "(A, B)", "[A, B]", "{A, B}", "{A: B}", "()", "[]", "{}", "(A, *B)",
    "[A for q in B]", "{A for q in B}", "{A: q for q in B}", "(A for q in B)", "sum(A for q in B)",
    "any(q == A for q in B if C)", "max(A for q in B for r in C)", "all(q async for q in A)", "f'{A}'", "f'{A!r:>{B}}'",
    "f'{A=}'", "f'{A:.2f} {B!a}'", "f'{A:zz}'", "super()", "super().move(A)", "type(A)", "isinstance(A, B)",
    "getattr(A, 'x')", "getattr(A, B)", "print(A)", "print(A, sep=B)", "len(A)", "range(A)", "min(A, B)", "abs(A)",
    "divmod(A, B)", "sum(A)", "enumerate(A)", "zip(A, B)", "reversed(A)", "ord(A)", "u64(A)", "u8(A)", "str(A)",
    "bool(A)", "f64(A)", "wrap(u8, A)", "new(A)", "new(Point, x=A)", "new(array(A, B))", "array(A, B)", "text(A)",
    "Point(A)", "Point(x=A, z=B)", "Kind(A)", "Mode(A)", "Pte(present=A)", "Box[A]", "Box[u64](A)", "cast(A, B)",
    "at(A, B)", "addr_of(A)", "sizeof(A)", "offsetof(A, 'x')", "copy(A)", "assign(A, B)", "free(A)", "span_of(A, B)",
    "as_bytes(A)", "valid(A, B)", "popcount(A)", "Frame(A)", "same(A)", "take(A, B)", "fails(A)", "Error(A, B)",
    "panic(A)", "Square(side=A)", "Shape()", "A.area()", "Shape.area(A)", "Atomic[u64](A)", "raw[A]", "Span[u8](A, B)",
    "Callable[[A], B]", "A | None",
]  # fmt: skip
PLACES = [
    "E", "v = E", "v: u64 = E", "v: E = n", "n += E", "p.x = E", "items[E] = n", "p.x: u64 = E", "table[E] += 1",
    "E += 1", "return E", "take(E)", "take(a=E)", "print(E)", "print(f'{E}')", "print(f'{E:>4}')", "line.write(E)",
    "v = (E,)", "a, b = E", "a, *b = E", "(a, b), c = E", "a = b = E", "v = p.E", "if E:\n    print(n)",
    "while E:\n    break", "for v in E:\n    print(v)", "for v, w in enumerate(E):\n    pass",
    "for p.x in E:\n    pass", "assert E", "assert E, 'message'", "assert flag, E", "raise E", "raise E from n",
    "raise Error(E, s)", "raise Error(Errno.EIO, E)", "del E", "with E:\n    pass", "with E as v:\n    print(v)",
    "with p as E:\n    pass", "try:\n    v = E\nexcept Error as e:\n    print(e.message)",
    "try:\n    fails(n)\nexcept E:\n    pass", "try:\n    fails(n)\nexcept (Error, E):\n    pass",
    "try:\n    return\nfinally:\n    v = E", "match E:\n    case 1:\n        pass\n    case _:\n        pass",
    "match n:\n    case v if E:\n        pass\n    case _:\n        pass", "v = n + E", "v = E if flag else n",
    "v = n if E else n", "v = E[0]", "v = items[E:]", "v = E.x", "v = E()", "v = -E", "v = not E", "v = E in (1, 2)",
    "v = n < E", "v = E is None", "v = flag and E", "v = sum(E for q in items)", "v = sum(q for q in E)",
    "v = sum(q for q in items if E)", "def inner(a: u64 = E) -> u64:\n    return a", "class Inner(E):\n    pass",
    "async def inner() -> None:\n    await E", "v = lambda: E", "global count; count = E", "import E", "v = [*E]",
    "v = take(*E)", "E = n", "E.x = n", "E[0] = n", "v = array(E, u64)", "v = new(array(E, u64))", "v = max(n, E)",
    "if node is not None and E:\n    print(node.x)", "while node is not None:\n    node = None\n    v = E",
    "for v in range(E):\n    n += v\nelse:\n    n = 3",
]  # fmt: skip
OUTER = [
    "g_N = E", "g_N: u64 = E", "g_N: E = 3", "g_N, h_N = E", "g_N = h_N = E",
    "def d_N(a: u64 = E) -> u64:\n    return a", "def d_N(a: E) -> None:\n    pass", "def d_N() -> E:\n    pass",
    "@E\ndef d_N() -> None:\n    pass", "@struct\nclass C_N:\n    x: u64 = E", "@struct\nclass C_N:\n    x: E",
    "@struct\nclass C_N:\n    x: Array[u64] = array(E)", "class C_N:\n    LIMIT = E", "class C_N(E):\n    x: u64",
    "@E\nclass C_N:\n    x: u64", "@struct(size=E)\nclass C_N:\n    x: u64", "class C_N(Enum):\n    A = E",
    "class C_N(Bits[u64]):\n    a = E", "class C_N(Generic[E]):\n    x: u64", "class C_N(metaclass=E):\n    x: u64",
    "@struct\nclass C_N:\n    x: u64\n    E", "T_N = TypeVar('T_N', E)", "N_N = NewType('N_N', E)",
    "if E:\n    import os", "for v in E:\n    pass", "E", "from E import x",
    "def d_N(*a: E, **k: E) -> None:\n    pass", "r_N = Registry[E]()", "class C_N(Error):\n    x: u64 = E",
    "def d_N(a: u64, /, b: u64 = E, *, c: u64 = E) -> u64:\n    return a",
    "class C_N(Shape):\n    def area(self) -> E:\n        return 1",
]  # fmt: skip
STATEMENTS = [
    "pass", "break", "continue", "return", "return n", "nonlocal n", "global n", "global count", "del n", "import os",
    "from os import *", "import sys as y", "x: u64", "x: u64 = 3", "x = 1", "x += 1", "class Q:\n    pass",
    "def q() -> None:\n    pass", "async def q() -> None:\n    pass", "yield n", "await n", "with p:\n    pass",
    "with p as a, p as b:\n    pass", "for x in range(3):\n    pass", "async for x in y:\n    pass",
    "async with p:\n    pass", "while True:\n    pass", "try:\n    pass\nexcept Error:\n    pass",
    "try:\n    pass\nexcept* Error:\n    pass", "try:\n    pass\nfinally:\n    pass",
    "match n:\n    case 1 | 2:\n        pass",
    "match n:\n    case [1, *r]:\n        pass\n    case {'a': 1, **r}:\n        pass\n    case Point(x=1):\n        pass",
    "match kind:\n    case Kind.FILE:\n        pass", "match s:\n    case 'a' as b:\n        pass",
    "match pair:\n    case (1, b):\n        pass", "raise", "raise Error", "assert n, 'm'", "if n:\n    pass",
    "if n:\n    pass\nelif i:\n    pass\nelse:\n    pass", "n", "'doc'", "...", "lambda: n", "[*items]", "stop()",
    "a = b = n", "a, b = b, a", "p.x, n = n, p.x", "print(n); print(s)",
]  # fmt: skip
AROUND = [
    "S", "if flag:\n    S", "for q in items:\n    S", "while flag:\n    S\n    break",
    "try:\n    S\nexcept Error:\n    pass", "try:\n    fails(n)\nexcept Error:\n    S",
    "try:\n    fails(n)\nfinally:\n    S", "with p:\n    S",
    "match n:\n    case 1:\n        S\n    case _:\n        pass", "def inner() -> None:\n    S", "S\nS", "return\nS",
]  # fmt: skip


def indented(text, by="    "):
    return text.replace("\n", f"\n{by}")


def fill(template, hole, text):
    """The template with each hole filled, lines indented as the hole's is."""
    lines = []
    for line in template.split("\n"):
        if hole == "S" and line.strip() == "S":
            lines.append(line.replace("S", text.replace("\n", "\n" + line[: len(line) - 1])))
        elif hole == "S":
            lines.append(line)
        else:
            lines.append("".join(text if c == hole and not _in_word(line, k) else c for k, c in enumerate(line)))
    return "\n".join(lines)


def _in_word(line, k):
    around = line[k - 1 : k] + line[k + 1 : k + 2]
    return any(c.isalnum() or c == "_" for c in around)


def expression(template, rnd, leaves):
    for hole in "ABC":
        template = fill(template, hole, rnd.choice(leaves))
    return template


def parses(source):
    try:
        compile(source, "case", "exec", ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError):
        return False
    return True


def function(number, body):
    return f"def case_{number}({PARAMETERS}) -> None:\n    {indented(body)}\n"


def outer(number, text):
    return fill(text.replace("_N", f"_{number}"), "E", "E") + "\n"


def cases():
    """Every expression in every place, every statement in every block; what the holes of an expression hold is chosen by a fixed seed."""
    rnd = random.Random(1)
    simple = [*LEAVES, *CONSTANTS]
    made = []
    number = itertools.count()
    for place in PLACES:
        made += [function(next(number), fill(place, "E", expression(e, rnd, simple))) for e in rnd.sample([*simple, *EXPRESSIONS], 25)]
    for e in [*simple, *EXPRESSIONS]:
        made += [function(next(number), fill(p, "E", expression(e, rnd, LEAVES))) for p in rnd.sample(PLACES, 6)]
    for place in OUTER:
        for e in rnd.sample([*simple, *EXPRESSIONS], 20):
            n = next(number)
            made.append(fill(place.replace("_N", f"_{n}"), "E", expression(e, rnd, simple)) + "\n")
    for block, statement in itertools.product(AROUND, STATEMENTS):
        made.append(function(next(number), fill(block, "S", statement)))
    for n, statement in enumerate(STATEMENTS):
        made += [f"{statement}\n", f"class S_{n}:\n    {indented(statement)}\n"]
        made.append(f"@struct\nclass P_{n}:\n    a: u64\n    {indented(statement)}\n")
        method = f"    def m(self, {PARAMETERS}) -> None:\n        {indented(statement, ' ' * 8)}\n"
        made.append(f"@struct\nclass M_{n}:\n    a: u64\n{method}")
    return [c for c in made if parses(c)]


def nested(seed):
    """Expressions of expressions, in random places."""
    rnd = random.Random(seed)
    inner = [f"({expression(e, rnd, [*LEAVES, *CONSTANTS])})" for e in rnd.sample(EXPRESSIONS, 60)]
    made = [function(n, fill(rnd.choice(PLACES), "E", f"({expression(rnd.choice(EXPRESSIONS), rnd, inner)})")) for n in range(A_MODULE)]
    return [c for c in made if parses(c)]


def understood(parts, path):
    """Analyse these cases in one module, then compile those that have no error."""
    try:
        program, bad = analysed(parts, path)
        while bad:  # what remains may have used what was left out
            parts = [p for k, p in enumerate(parts) if k not in bad]
            program, bad = analysed(parts, path)
        for text in lower(program).values():
            llvm.parse_assembly(text).verify()
    except Exception:  # noqa: BLE001  whatever it is: which case alone has it?
        if len(parts) == 1:
            raise
        for half in (parts[: len(parts) // 2], parts[len(parts) // 2 :]):
            understood(half, path)
        raise


def analysed(parts, path):
    """The program of these cases, and the numbers of those with errors."""
    path.write_text(PRELUDE + "".join(parts))
    starts = list(itertools.accumulate([PRELUDE.count("\n") + 1, *(p.count("\n") for p in parts)]))
    bad = set()
    program = analyse(World("hosted", roots=[path]))
    for error in program.errors:
        assert error.render() and error.message and error.as_json()
        assert error.span is not None and error.span.source.path == path.resolve(), f"an error elsewhere: {error.render()}"
        here = {k for k in range(len(parts)) if starts[k] <= error.span.line < starts[k + 1]}
        assert here, f"an error elsewhere: {error.render()}"
        bad |= here
    return program, bad


CASES = cases()
random.Random(2).shuffle(CASES)


@pytest.mark.parametrize("first", range(0, len(CASES) if SEEDS else SAMPLE * A_MODULE, A_MODULE))
def test_every_construct_in_every_place(first, tmp_path):
    understood(CASES[first : first + A_MODULE], tmp_path / "cases.py")


@pytest.mark.parametrize("seed", range(SEEDS or 1))
def test_constructs_within_constructs(seed, tmp_path):
    understood(nested(seed), tmp_path / "nested.py")
