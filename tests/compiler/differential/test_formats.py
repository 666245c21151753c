# SPDX-License-Identifier: GPL-2.0-or-later
"""Format specs: an f-string of a compiled program prints what Python's `format` gives.

Specs are part of the source, so some hundreds are compiled together; values are then drawn for them, a call each. PYKAROS_SEED draws other
specs; so does each generated program.
"""

import ctypes
import os
import random
import re
import struct
from fractions import Fraction
from itertools import islice

import pytest
from compiler.host import load
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.differential import floats, specs
from tests.compiler.differential.grammar import INTS
from tests.compiler.differential.oracle import REPO

SEED = int(os.environ.get("PYKAROS_SEED", "0"))
SPECS = {"integer": 40, "str": 60, "f64": 100, "f32": 30}  # for each type
EXAMPLES = 300
SETTINGS = settings(max_examples=EXAMPLES, database=None, derandomize=SEED == 0)

INTEGERS = {t.name: t for t in INTS}
TEXTS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f\xad", exclude_categories=("Cc",)), max_size=12
)
EDGES = [-0.0, 0.5, 1.5, 2.5, 0.1, 1e16, 1e15, 9.5, 99.95, 1e-5, 0.0001, 1e22, 1e23, 9.9996, 2.0**64, 5e-324, 1.7976931348623157e308]
# Numbers that end in the middle between two shown ones, and those just beside.
TIES = st.builds(
    lambda n, places, off: n / 2**places + off, st.integers(-5000, 5000), st.integers(0, 14), st.sampled_from([0.0, 1e-13, -1e-13])
)
FLOATS = (
    st.sampled_from(EDGES)
    | TIES
    | st.floats(-1e6, 1e6)
    | st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
)


def specs_of(ty):
    """Specs that Python has for the type; always the empty one."""
    choose = random.Random(f"{SEED} {ty}").choice
    makers = {"str": (specs.text_spec, "x"), "f64": (specs.float_spec, 1.5), "f32": (specs.float_spec, 1.5)}
    make, probe = makers.get(ty, (specs.integer_spec, 65))
    found = {""}
    while len(found) < SPECS.get(ty, SPECS["integer"]):
        spec = make(choose)
        try:
            format(probe, spec)
        except ValueError:
            continue
        found.add(spec)
    return sorted(found)


CASES = {ty: specs_of(ty) for ty in [*INTEGERS, "str", "f64", "f32"]}


@pytest.fixture(scope="module")
def unit():
    lines = ['"""Every spec, by its number."""', "from lang import f32, f64, i8, i16, i32, i64, u8, u16, u32, u64", ""]
    for ty, found in CASES.items():
        lines.append(f"def show_{ty}(which: u64, x: {ty}) -> None:")
        lines.append("    match which:")
        for number, spec in enumerate(found):
            lines.append(f"        case {number}:")
            lines.append(f'            print(f"{{x:{spec}}}", end="")')
    return load("\n".join(lines) + "\n")


def printed(unit, ty, which, value):
    before = len(unit.engine.output)
    unit.call(f"show_{ty}", which, value)
    return b"".join(data for _, data in unit.engine.output[before:]).decode()


def check(unit, ty, which, value):
    assert printed(unit, ty, which, value) == format(value, CASES[ty][which]), f"{value!r} of {ty} with {CASES[ty][which]!r}"


@pytest.mark.parametrize("ty", INTEGERS)
def test_integers(unit, ty):
    low, high = INTEGERS[ty].low, INTEGERS[ty].high
    edges = st.sampled_from([n for n in (low, low + 1, -1, 0, 1, 9, 10, 99, 100, 999, 1000, high - 1, high) if low <= n <= high])

    @SETTINGS
    @given(st.integers(0, len(CASES[ty]) - 1), edges | st.integers(low, high))
    def agrees(which, value):
        check(unit, ty, which, value)

    agrees()


@settings(SETTINGS, max_examples=2 * EXAMPLES)
@given(which=st.integers(0, SPECS["str"] - 1), value=TEXTS)
def test_strings(unit, which, value):
    check(unit, "str", which, value)


@settings(SETTINGS, max_examples=4 * EXAMPLES)
@given(which=st.integers(0, SPECS["f64"] - 1), value=FLOATS)
def test_floats(unit, which, value):
    check(unit, "f64", which, value)


@settings(SETTINGS, max_examples=2 * EXAMPLES)
@given(which=st.integers(0, SPECS["f32"] - 1), value=FLOATS.map(lambda x: ctypes.c_float(x).value))
def test_narrow_floats(unit, which, value):
    """They are shown as the `f64` of the same value."""
    check(unit, "f32", which, value)


def test_the_shortest_text_of_floats():
    shown, source = floats.unit(), floats.numbers(SEED)
    for _ in range(40):
        assert not floats.difference(shown, list(islice(source, floats.BATCH)))


def test_the_table_of_powers():
    """Each is the nearest to its power of ten that 64 bits can write."""
    powers = [int(word, 16) for word in re.findall(r"0x([0-9A-F]{16}),", (REPO / "compiler" / "runtime" / "grisu.py").read_text())]
    assert len(powers) == 87
    for number, found in enumerate(powers):
        exact = Fraction(10) ** (8 * number - 348)
        exponent = ((8 * number - 348) * 217706 >> 16) - 63
        assert found == round(exact / Fraction(2) ** exponent) and 1 << 63 <= found < 1 << 64
