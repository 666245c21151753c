# SPDX-License-Identifier: GPL-2.0-or-later
"""Integer expressions of all widths: compiled code computes what CPython's `lang` computes, or fails the same check."""

import lang
from hypothesis import given
from hypothesis import strategies as st
from lang.prelude import BUILTINS
from lang.source import compiled

from tests.compiler.differential.expressions import TYPES, arguments, conditions, integers, parameters
from tests.compiler.differential.support import HEAD, SETTINGS, assert_lines, compiled_run

IMPORTS = "from lang import clz, ctz, i8, i16, i32, i64, noinline, popcount, u8, u16, u32, u64, wrap\n"


@st.composite
def cases(draw):
    """(result type, expression, argument lists)"""
    ty = draw(st.sampled_from([*TYPES, "bool"]))
    expression = draw(conditions(3)) if ty == "bool" else draw(integers(ty, draw(st.integers(1, 3))))
    return ty, expression, draw(arguments())


def function(index, ty, expression, inlined):
    mark = "" if inlined else "@noinline\n"
    return f"{mark}def case{index}({parameters()}) -> {ty}:\n    return {expression}\n"


def oracle(source, name, values):
    """What CPython prints for the call, or the check that fails."""
    space = {"__builtins__": BUILTINS, "__name__": "generated"}
    exec(compiled(IMPORTS + source, "generated"), space)
    try:
        return str(space[name](*values)), None
    except lang.CheckFailed as failed:
        return None, str(failed)


def program(functions, calls):
    body = "\n".join(f"    print({c})" for c in calls)
    return f'{HEAD}"""Generated."""\n\n{IMPORTS}\n\n' + "\n\n".join(functions) + f"\n\ndef main() -> i32:\n{body}\n    return 0\n"


def call_of(index, values):
    return f"case{index}({', '.join(map(str, values))})"


@SETTINGS
@given(st.lists(cases(), min_size=30, max_size=60), st.booleans())
def test_values_agree(batch, inlined):
    functions, calls, expected = [], [], []
    for i, (ty, expression, values) in enumerate(batch):
        text = function(i, ty, expression, inlined)
        shown, failed = oracle(text, f"case{i}", values)
        if failed is None:
            functions.append(text)
            calls.append(call_of(i, values))
            expected.append(shown)
    source = program(functions, calls)
    assert_lines(source, expected, compiled_run(source))
    assert_lines(source, expected, compiled_run(source, release=True))


@SETTINGS
@given(st.lists(cases(), min_size=10, max_size=20))
def test_failed_checks_agree(batch):
    """The first expression that fails a check ends the program with that check."""
    functions, calls, expected = [], [], []
    for i, (ty, expression, values) in enumerate(batch):
        text = function(i, ty, expression, False)
        shown, failed = oracle(text, f"case{i}", values)
        functions.append(text)
        calls.append(call_of(i, values))
        if failed is not None:
            source = program(functions, calls)
            status, out, err = compiled_run(source)
            assert status == 101, f"{failed} expected\n{out}\n{err}\n{source}"
            assert out.splitlines() == expected
            assert err.strip().endswith(failed), source
            return
        expected.append(shown)
