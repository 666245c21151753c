# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever the source: diagnostics, or IR that LLVM accepts. Never a traceback.

Sound programs are changed at random (an expression replaced, a name swapped, a statement dropped or doubled). The seeds are
fixed; MUTANTS=n tries more of them.
"""

import ast
import copy
import os
import random
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from compiler.frontend import World, analyse, lower
from compiler.syntax import leftout
from compiler.types.elaborate.elaborator import Elaborator

PROGRAMS = [p for p in sorted((Path(__file__).parent / "programs").glob("*.py")) if not p.name.startswith(("test_", "__"))]
TREES = {p: ast.parse(p.read_text()) for p in PROGRAMS}
MUTANTS = int(os.environ.get("MUTANTS", "40"))


def loads(node):
    return isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


EXPRESSIONS = [n for tree in TREES.values() for n in ast.walk(tree) if loads(n)]


def mutate(tree, rnd):
    """Change one thing somewhere; False if the place chosen has nothing to change."""
    node = rnd.choice(list(ast.walk(tree)))
    fields = list(ast.iter_fields(node))
    if not fields:
        return False
    name, value = rnd.choice(fields)
    if loads(value):
        setattr(node, name, copy.deepcopy(rnd.choice(EXPRESSIONS)))
    elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
        at = rnd.randrange(len(value))
        if rnd.random() < 0.5 and len(value) > 1:
            del value[at]
        else:
            value.insert(at, copy.deepcopy(rnd.choice(value)))
    elif isinstance(value, list) and value and loads(value[0]):
        value[rnd.randrange(len(value))] = copy.deepcopy(rnd.choice(EXPRESSIONS))
    elif isinstance(value, str) and name in ("id", "attr", "arg"):
        setattr(node, name, rnd.choice([e.id for e in EXPRESSIONS if isinstance(e, ast.Name)]))
    else:
        return False
    return True


def mutant(seed):
    """Python source that parses, and may mean nothing."""
    rnd = random.Random(seed)
    while True:
        tree = copy.deepcopy(TREES[rnd.choice(PROGRAMS)])
        for _ in range(rnd.randint(1, 3)):
            while not mutate(tree, rnd):
                pass
        try:
            source = ast.unparse(ast.fix_missing_locations(tree))
            ast.parse(source)
        except (SyntaxError, ValueError, TypeError, AttributeError):
            continue  # the change made a tree that is not Python
        return source


def understood(path):
    """Check a file, and have LLVM verify what it becomes if it has no errors."""
    program = analyse(World("hosted", roots=[path]))
    for error in program.errors:
        assert error.render()
    if not program.errors:
        for text in lower(program).values():
            llvm.parse_assembly(text).verify()


def test_every_kind_of_statement_and_expression_has_a_rule():
    kinds = [k for base in (ast.stmt, ast.expr) for k in base.__subclasses__()]
    parts_of_others = {ast.FormattedValue}
    elaborated = {k for k in kinds if hasattr(Elaborator, f"expr_{k.__name__}") or hasattr(Elaborator, f"stmt_{k.__name__}")}
    refused = {*leftout.EVERYWHERE, *leftout.SOMEWHERE}
    assert set(kinds) == elaborated | parts_of_others | refused & set(kinds)
    assert not elaborated & refused, "no longer left out: its refusal can go"


@pytest.mark.parametrize("seed", range(0, MUTANTS, 10))
def test_mutants_are_understood_or_refused(seed, tmp_path):
    for number in range(seed, seed + 10):
        path = tmp_path / f"mutant{number}.py"
        path.write_text(mutant(number))
        understood(path)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\x00",
        "def main(",
        "x = " + "(" * 300 + ")" * 300,
        "def f() -> None:\n    x = " + "+".join(["1"] * 5000),
        'def f(a: "not a type at all") -> None: ...',
        "from . import nothing",
        "import main.main.main",
        "class A(A): ...",
        "class A(B): ...\nclass B(A): ...",
        "X = X",
        "X = Y\nY = X",
        "from lang import struct\n@struct\nclass A:\n    b: 'B'\n@struct\nclass B:\n    a: A\n",
        "def f() -> None:\n    '\\ud800'\n    print('\\ud800')\n",
    ],
)
def test_odd_sources_are_refused_politely(source, tmp_path):
    path = tmp_path / "odd.py"
    path.write_text(source)
    understood(path)
