# SPDX-License-Identifier: GPL-2.0-or-later
"""Random programs, and those that once went wrong, do the same compiled and under CPython.

`make soak-oracle` runs thousands of them, each in all ways; here each batch is compiled in one of the four.
"""

import ast
from pathlib import Path

import pytest

from tests.compiler.differential.grammar import rule_names
from tests.compiler.differential.oracle import WAYS, differences
from tests.compiler.differential.programs import make, program
from tests.compiler.differential.reduce import reduce

BATCH, BATCHES = 20, 12
FOUND = sorted((Path(__file__).parent / "found").glob("*.py"))


@pytest.mark.parametrize("number", range(BATCHES))
def test_random_programs_agree(number):
    seeds = range(number * BATCH, (number + 1) * BATCH)
    found = differences([program(s) for s in seeds], (WAYS[number % len(WAYS)],))
    assert not any(found), "\n".join(f"seed {s} {d}" for s, d in zip(seeds, found, strict=True) if d)


def test_what_was_found_stays_fixed():
    found = differences([p.read_text() for p in FOUND])
    assert not any(found), "\n".join(f"{p.name} {d}" for p, d in zip(FOUND, found, strict=True) if d)


def test_every_rule_is_used():
    """A rule that never applies would look like a construct that works."""
    used: set[str] = set()
    for seed in range(400):
        used |= set(make(seed).used)
        if used >= rule_names():
            break
    assert not rule_names() - used


def test_a_seed_is_a_program():
    assert program(7) == program(7) != program(8)


def test_an_f_string_in_another_has_no_quotes_inside():
    ast.parse(program(246624166104))  # where one had an index with a string in it


def test_an_index_within_an_index_has_an_end():
    """Elements of arrays of indices, found by elements: of this seed, deeper than Python goes."""
    assert make(440078976093).lines


DIFFERS = """from lang import frame_address, i32


def main() -> i32:
    print("same")
    if frame_address() == 0:
        print("CPython has no frames")
    assert frame_address() == 0, "in compiled code"
    return 3
"""


def test_a_difference_is_seen():
    """In what is printed and in how it ends; a program that the compiler refuses counts as well."""
    quiet = DIFFERS.replace('print("CPython has no frames")', "pass")
    differs, ends, refused, same = differences(
        [
            DIFFERS,
            quiet,
            DIFFERS.replace("return 3", "return x"),
            'from lang import i32\n\n\ndef main() -> i32:\n    print("x")\n    return 0\n',
        ],
        WAYS[:1],
    )
    assert differs.kind == "output" and "CPython has no frames" in differs.text and "line 2" in differs.text
    assert ends.kind == "ended" and "status 101" in ends.text and "p1.py:8: in main: in compiled code" in ends.text
    assert refused.kind == "oracle" and "'x' is not defined" in refused.text
    assert same is None


def test_reducing_keeps_what_fails():
    source = next(p for p in map(program, range(50)) if "continue" in p)
    small = reduce(source, lambda text: "continue" in text, 60)
    assert "continue" in small and len(small) < 120, small
